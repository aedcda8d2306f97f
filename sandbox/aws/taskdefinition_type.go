package aws

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	pulumiecs "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/provider"
)

type taskDefinitionInputs struct {
	Family           string               `json:"family"`
	Containers       string               `json:"containerDefinitions"`
	CPU              string               `json:"cpu"`
	Memory           string               `json:"memory"`
	NetworkMode      string               `json:"networkMode"`
	Compatibilities  []string             `json:"requiresCompatibilities"`
	ExecutionRoleARN string               `json:"executionRoleArn"`
	TaskRoleARN      string               `json:"taskRoleArn"`
	RuntimePlatform  *ecs.RuntimePlatform `json:"runtimePlatform"`
	EphemeralStorage struct {
		SizeInGiB int `json:"sizeInGib"`
	} `json:"ephemeralStorage"`
	SkipDestroy bool              `json:"skipDestroy"`
	Tags        map[string]string `json:"tags"`
	// ARN is among the outputs.
	ARN string `json:"arn"`
}

// taskDefinitionType replaces a revision by the next one on every change but
// that of its tags. The ID is the family; an import gives a revision's ARN.
func taskDefinitionType() provider.Type[*Client] {
	return tagged("ECS", "RegisterTaskDefinition", "TagResource", provider.Kind[*Client, taskDefinitionInputs, ecs.TaskDefinition]{
		Type: provider.Type[*Client]{
			Tok:      "aws:ecs/taskDefinition:TaskDefinition",
			Args:     pulumiecs.TaskDefinitionArgs{}.ElementType(),
			Computed: []string{"arn", "arnWithoutRevision", "networkMode", "revision", "tagsAll"},
			Settled:  []string{"arn", "arnWithoutRevision", "networkMode", "revision"},
			Immutable: []string{
				"containerDefinitions", "cpu", "enableFaultInjection", "ephemeralStorage", "executionRoleArn", "family", "memory",
				"networkMode", "requiresCompatibilities", "runtimePlatform", "taskRoleArn",
			},
			Defaults: map[string]any{"enableFaultInjection": false, "skipDestroy": false, "trackLatest": false},
			Adopted:  func(outputs map[string]any) string { return fmt.Sprint(outputs["family"]) },
			Same: func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
				return property == "containerDefinitions" && sameJSON(old, new)
			},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				found := unsupported(inputs, "inferenceAccelerators", "ipcMode", "pidMode", "placementConstraints", "proxyConfiguration", "volumes")
				if inputs.HasValue("containerDefinitions") {
					if _, err := ecs.ParseContainers(provider.Text(inputs, "containerDefinitions")); err != nil {
						found = append(found, failure("containerDefinitions", "%v", err))
					}
				}
				return found
			},
			Identify: func(id string) (map[string]any, error) {
				if !strings.HasPrefix(id, "arn:") {
					return nil, fmt.Errorf("ID %q: want the ARN of a revision", id)
				}
				return nil, nil
			},
		},
		Noun:    "ECS Task Definition",
		Subject: func(inputs taskDefinitionInputs) string { return inputs.Family },
		Make: func(_ context.Context, client *Client, inputs taskDefinitionInputs) (string, ecs.TaskDefinition, error) {
			definition, err := client.register(inputs)
			return definition.Family, definition, err
		},
		Find: func(client *Client, id string, known taskDefinitionInputs) (ecs.TaskDefinition, error) {
			definition, err := client.cloud.ECS.TaskDefinition(client.Place, cmp.Or(known.ARN, id))
			if err != nil || definition.Inactive {
				err = errGone // the only error is that there is none
			}
			return definition, err
		},
		Change: func(_ context.Context, client *Client, _ string, inputs taskDefinitionInputs) (ecs.TaskDefinition, error) {
			// Only the newest revision of the family belongs to this resource.
			definition, err := client.cloud.ECS.TaskDefinition(client.Place, inputs.Family)
			if err != nil {
				return definition, err
			}
			return client.cloud.ECS.TagDefinition(definition.ARN(), inputs.Tags)
		},
		Remove: func(_ context.Context, client *Client, _ string, known taskDefinitionInputs) error {
			if known.SkipDestroy {
				return nil
			}
			return client.cloud.ECS.Deregister(known.ARN)
		},
		Show: (*Client).taskDefinitionOutputs,
	})
}

func (c *Client) register(inputs taskDefinitionInputs) (ecs.TaskDefinition, error) {
	containers, err := ecs.ParseContainers(inputs.Containers)
	if err != nil {
		return ecs.TaskDefinition{}, err
	}
	return c.cloud.ECS.Register(c.Place, ecs.TaskDefinitionSettings{
		Family:           inputs.Family,
		CPU:              inputs.CPU,
		Memory:           inputs.Memory,
		Containers:       containers,
		Document:         inputs.Containers,
		ExecutionRoleARN: inputs.ExecutionRoleARN,
		TaskRoleARN:      inputs.TaskRoleARN,
		NetworkMode:      inputs.NetworkMode,
		Compatibilities:  inputs.Compatibilities,
		RuntimePlatform:  inputs.RuntimePlatform,
		EphemeralStorage: inputs.EphemeralStorage.SizeInGiB,
		Tags:             inputs.Tags,
	})
}

func (c *Client) taskDefinitionOutputs(definition ecs.TaskDefinition, inputs taskDefinitionInputs) map[string]any {
	outputs := map[string]any{
		"arn":                     definition.ARN(),
		"arnWithoutRevision":      definition.FamilyARN(),
		"containerDefinitions":    definition.Document,
		"cpu":                     definition.CPU,
		"family":                  definition.Family,
		"memory":                  definition.Memory,
		"networkMode":             definition.NetworkMode,
		"requiresCompatibilities": definition.Compatibilities,
		"revision":                definition.Revision,
		"skipDestroy":             inputs.SkipDestroy,
		"executionRoleArn":        definition.ExecutionRoleARN,
		"taskRoleArn":             definition.TaskRoleARN,
	}
	if platform := definition.RuntimePlatform; platform != nil {
		outputs["runtimePlatform"] = withoutEmpty(map[string]any{
			"cpuArchitecture": platform.CPUArchitecture, "operatingSystemFamily": platform.OperatingSystemFamily,
		})
	}
	if definition.EphemeralStorage != 0 {
		outputs["ephemeralStorage"] = map[string]any{"sizeInGib": definition.EphemeralStorage}
	}
	return outputs
}
