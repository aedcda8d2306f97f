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

type logGroupInputs struct {
	logs.Settings
	SkipDestroy bool `json:"skipDestroy"`
}

func logGroupType() provider.Type[*Client] {
	const create = "CreateLogGroup"
	return tagged("CloudWatch Logs", create, create, provider.Kind[*Client, logGroupInputs, logs.Group]{
		Type: provider.Type[*Client]{
			Tok:         "aws:cloudwatch/logGroup:LogGroup",
			Args:        reflect.TypeFor[logGroupArgs](),
			Computed:    []string{"arn", "logGroupClass", "tagsAll"},
			Settled:     []string{"arn", "logGroupClass"},
			Immutable:   []string{"logGroupClass", "name"},
			Defaults:    map[string]any{"retentionInDays": 0, "skipDestroy": false},
			DeleteFirst: collides,
			Default:     named(512),
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				found := noPrefix(inputs)
				if days := inputs["retentionInDays"]; days.IsNumber() && !slices.Contains(logs.Retentions, int(days.NumberValue())) {
					found = append(found, failure("retentionInDays", "expected retention_in_days to be one of %v, got %v", logs.Retentions, days.NumberValue()))
				}
				return found
			},
		},
		Noun:    "CloudWatch Logs Log Group",
		Subject: func(inputs logGroupInputs) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs logGroupInputs) (string, logs.Group, error) {
			group, err := client.cloud.Logs.Create(client.Place, inputs.Settings)
			return group.Name, group, err
		},
		Find: func(client *Client, id string, _ logGroupInputs) (logs.Group, error) {
			return client.cloud.Logs.Get(client.Place, id)
		},
		Change: func(_ context.Context, client *Client, _ string, inputs logGroupInputs) (logs.Group, error) {
			return client.cloud.Logs.Update(client.Place, inputs.Settings)
		},
		Remove: func(_ context.Context, client *Client, id string, known logGroupInputs) error {
			if known.SkipDestroy {
				return nil
			}
			return client.cloud.Logs.Delete(client.Place, id)
		},
		Show: func(_ *Client, group logs.Group, inputs logGroupInputs) map[string]any {
			return map[string]any{
				"arn":             group.ARN(),
				"kmsKeyId":        group.KMSKey,
				"logGroupClass":   group.Class,
				"name":            group.Name,
				"retentionInDays": group.RetentionInDays,
				"skipDestroy":     inputs.SkipDestroy,
			}
		},
	})
}
