package aws

import (
	"context"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/logs"
	"waybill.example/waybill/sandbox/provider"
)

// logGroupArgs has the properties of the SDK's LogGroupArgs. The SDK's package
// costs every build more than those of ECS and ECR together (docs/building.md).
type logGroupArgs struct {
	KMSKey          *string           `pulumi:"kmsKeyId"`
	Class           *string           `pulumi:"logGroupClass"`
	Name            *string           `pulumi:"name"`
	NamePrefix      *string           `pulumi:"namePrefix"`
	RetentionInDays *int              `pulumi:"retentionInDays"`
	SkipDestroy     *bool             `pulumi:"skipDestroy"`
	Tags            map[string]string `pulumi:"tags"`
}

func logGroupType() provider.Type[*Client] {
	const create = "CreateLogGroup"
	return tagged("CloudWatch Logs", create, create, provider.Kind[*Client, logs.Settings, logs.Group]{
		Type: provider.Type[*Client]{
			Tok:         "aws:cloudwatch/logGroup:LogGroup",
			Args:        reflect.TypeFor[logGroupArgs](),
			Computed:    []string{"arn", "tagsAll"},
			Settled:     []string{"arn"},
			Immutable:   []string{"name"},
			Defaults:    map[string]any{"retentionInDays": 0},
			DeleteFirst: true,
			Name:        "name",
			Unmodelled:  []resource.PropertyKey{"logGroupClass", "namePrefix", "skipDestroy"},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				if days := inputs["retentionInDays"]; days.IsNumber() && !slices.Contains(logs.Retentions, int(days.NumberValue())) {
					return []plugin.CheckFailure{failure("retentionInDays", "expected retention_in_days to be one of %v, got %v", logs.Retentions, days.NumberValue())}
				}
				return nil
			},
		},
		Noun:    "CloudWatch Logs Log Group",
		Subject: func(inputs logs.Settings) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs logs.Settings) (string, logs.Group, error) {
			group, err := client.cloud.Logs.Create(client.Place, inputs)
			return group.Name, group, err
		},
		Find: func(client *Client, id string, _ logs.Settings) (logs.Group, error) {
			return client.cloud.Logs.Get(client.Place, id)
		},
		Change: func(_ context.Context, client *Client, _ string, inputs logs.Settings) (logs.Group, error) {
			return client.cloud.Logs.Update(client.Place, inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, _ logs.Settings) error {
			return client.cloud.Logs.Delete(client.Place, id)
		},
		Show: func(_ *Client, group logs.Group, _ logs.Settings) map[string]any {
			outputs := provider.Encode(group.Settings)
			outputs["arn"] = group.ARN()
			return outputs
		},
	})
}
