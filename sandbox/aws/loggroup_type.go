package aws

import (
	"context"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/logs"
	"waybill.example/waybill/sandbox/provider"
)

// logGroupArgs has the properties of the SDK's LogGroupArgs. The SDK's package
// costs every build more than those of ECS and ECR together (docs/facts.md §6).
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
	const noun = "CloudWatch Logs Log Group"
	return provider.Type[*Client]{
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
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			inputs, own, err := client.logGroup(properties)
			if err != nil {
				return "", nil, failed("creating "+noun, inputs.Name, err)
			}
			group, err := client.cloud.Logs.Create(client.Place, inputs.Settings)
			if err != nil {
				return "", nil, failed("creating "+noun, inputs.Name, err)
			}
			return group.Name, client.logGroupOutputs(group, inputs.SkipDestroy, own), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			var known logGroupInputs
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			group, found := client.cloud.Logs.Group(client.Place, id)
			if !found {
				return nil, nil
			}
			return client.logGroupOutputs(group, known.SkipDestroy, known.Tags), nil
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			inputs, own, err := client.logGroup(properties)
			if err != nil {
				return nil, failed("updating "+noun, id, err)
			}
			group, err := client.cloud.Logs.Update(client.Place, inputs.Settings)
			if err != nil {
				return nil, failed("updating "+noun, id, err)
			}
			return client.logGroupOutputs(group, inputs.SkipDestroy, own), nil
		},
		Delete: func(_ context.Context, client *Client, id string, state resource.PropertyMap) error {
			if keep := state["skipDestroy"]; keep.IsBool() && keep.BoolValue() {
				return nil
			}
			err := client.cloud.Logs.Delete(client.Place, id)
			if err == nil || fault.Has(err, logs.NotFound) {
				return nil
			}
			return failed("deleting "+noun, id, err)
		},
	}
}

// logGroup reads the inputs of a log group: its settings with every tag, and the
// tags that the program gave itself.
func (c *Client) logGroup(properties resource.PropertyMap) (inputs logGroupInputs, own map[string]string, err error) {
	if err := provider.Decode(properties, &inputs); err != nil {
		return inputs, nil, err
	}
	own = inputs.Tags
	inputs.Tags, err = c.tagged("CloudWatch Logs", "CreateLogGroup", own)
	return inputs, own, err
}

func (c *Client) logGroupOutputs(group logs.Group, skipDestroy bool, own map[string]string) map[string]any {
	outputs := map[string]any{
		"arn":             group.ARN(),
		"logGroupClass":   group.Class,
		"name":            group.Name,
		"retentionInDays": group.RetentionInDays,
		"skipDestroy":     skipDestroy,
	}
	if group.KMSKey != "" {
		outputs["kmsKeyId"] = group.KMSKey
	}
	c.tagOutputs(outputs, group.Tags, own)
	return outputs
}
