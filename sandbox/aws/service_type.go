package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	pulumiecs "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/provider"
)

type serviceInputs struct {
	ecs.ServiceSettings
	Wait          bool              `json:"waitForSteadyState"`
	PropagateTags string            `json:"propagateTags,omitempty"`
	ManagedTags   bool              `json:"enableEcsManagedTags,omitempty"`
	ForceNew      bool              `json:"forceNewDeployment,omitempty"`
	Triggers      map[string]string `json:"triggers"`
}

// serviceType updates in place but for the name, the cluster and how tasks are
// started. The ID is the service's ARN; an import gives CLUSTER/SERVICE.
func serviceType() provider.Type[*Client] {
	return tagged("ECS", "CreateService", "UpdateService", provider.Kind[*Client, serviceInputs, ecs.Service]{
		Type: provider.Type[*Client]{
			Tok:       "aws:ecs/service:Service",
			Args:      pulumiecs.ServiceArgs{}.ElementType(),
			Required:  []string{"launchType"}, // without it, ECS means EC2
			Computed:  []string{"cluster", "launchType", "tagsAll", "triggers"},
			Settled:   []string{"cluster", "launchType"},
			Immutable: []string{"cluster", "launchType", "name"},
			Defaults:  map[string]any{"waitForSteadyState": false},
			Same:      sameNetwork,
			Adopted: func(outputs map[string]any) string {
				cluster := fmt.Sprint(outputs["cluster"]) // an ARN, where no program has named it yet
				return strings.Replace(cluster, ":cluster/", ":service/", 1) + "/" + fmt.Sprint(outputs["name"])
			},
			DeleteFirst: true,
			Name:        "name",
			Unmodelled: []resource.PropertyKey{
				"alarms", "availabilityZoneRebalancing", "capacityProviderStrategies", "deploymentController", "deploymentMaximumPercent",
				"deploymentMinimumHealthyPercent", "enableExecuteCommand", "forceDelete", "iamRole",
				"orderedPlacementStrategies", "placementConstraints", "platformVersion", "schedulingStrategy",
				"serviceConnectConfiguration", "serviceRegistries", "volumeConfiguration", "vpcLatticeConfigurations",
			},
			Validate: checkService,
		},
		Noun:    "ECS Service",
		Subject: func(inputs serviceInputs) string { return inputs.Name },
		Make: func(ctx context.Context, client *Client, inputs serviceInputs) (string, ecs.Service, error) {
			service, err := client.cloud.ECS.CreateService(client.Place, inputs.ServiceSettings)
			if err == nil {
				err = client.unstable(client.steady(ctx, inputs, service))
			}
			return service.ARN(), service, err
		},
		Find: func(client *Client, id string, known serviceInputs) (ecs.Service, error) {
			if cluster, name, both := strings.Cut(id, "/"); known.Name == "" && both && !strings.HasPrefix(id, "arn:") {
				id = client.ARN("ecs", "service/"+cluster+"/"+name)
			}
			service, err := client.cloud.ECS.Service(id)
			if err == nil && service.Status != ecs.Active {
				err = errGone
			}
			return service, err
		},
		Change: func(ctx context.Context, client *Client, id string, inputs serviceInputs) (ecs.Service, error) {
			return client.updateService(ctx, id, inputs)
		},
		Remove: func(ctx context.Context, client *Client, id string, _ serviceInputs) error {
			return client.deleteService(ctx, id)
		},
		Show: (*Client).serviceOutputs,
	})
}

// updateService changes a service and waits where the program asks for it, as
// https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/ecs/service.go
// does: not where nothing but tags changes and no new deployment is asked for, and
// until one deployment has the desired count. That may be the one before: a service whose circuit breaker
// rolled back is stable, and the update succeeds
// (https://github.com/hashicorp/terraform-provider-aws/issues/20858).
func (c *Client) updateService(ctx context.Context, id string, inputs serviceInputs) (ecs.Service, error) {
	settings := inputs.ServiceSettings
	before, err := c.cloud.ECS.Service(id)
	if err != nil {
		return before, err
	}
	service, err := c.cloud.ECS.UpdateService(c.Place, settings)
	if err != nil || service.SameButTags(before) && !inputs.ForceNew {
		return service, err
	}
	err = c.steady(ctx, inputs, service)
	switch {
	case err == nil:
		return service, nil
	case service.Enable && service.Rollback && service.TaskDefinition != before.TaskDefinition:
		settings.TaskDefinition = before.TaskDefinition
		return c.cloud.ECS.UpdateService(c.Place, settings)
	}
	return service, c.unstable(err)
}

// unstable is the end of a wait for tasks that do not start. The real provider
// does not say why, the service's events do.
func (c *Client) unstable(err error) error {
	if err == nil {
		return nil
	}
	return &provider.Unsettled{Err: fmt.Errorf(
		"timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING', timeout: 20m0s); the service's events: %w", err)}
}

// sameNetwork compares the networks of services: without a word about it, tasks
// get no public address.
func sameNetwork(property resource.PropertyKey, old, new resource.PropertyValue) bool {
	if property != "networkConfiguration" || !old.IsObject() || !new.IsObject() {
		return false
	}
	normal := func(value resource.PropertyValue) resource.PropertyMap {
		network := value.ObjectValue().Copy()
		if !network.HasValue("assignPublicIp") {
			network["assignPublicIp"] = resource.NewBoolProperty(false)
		}
		return network
	}
	return normal(old).DeepEquals(normal(new))
}

// checkService refuses values that the real provider refuses before any request,
// and those that the sandbox does not model.
func checkService(inputs resource.PropertyMap) (found []plugin.CheckFailure) {
	for property, allowed := range map[resource.PropertyKey][]string{
		"launchType":    {"FARGATE"},
		"propagateTags": {"SERVICE", "TASK_DEFINITION", "NONE"},
	} {
		if value := provider.Text(inputs, property); value != "" && !slices.Contains(allowed, value) {
			found = append(found, failure(property, "want one of %q, got %q", allowed, value))
		}
	}
	return found
}

// A service launches tasks again and again, as long as the provider waits: for a
// release that is being pushed, say. The sandbox gives up sooner.
const (
	launches    = 10
	launchPause = 500 * time.Millisecond
)

// steady waits for the service's tasks where the program asks for it.
func (c *Client) steady(ctx context.Context, inputs serviceInputs, service ecs.Service) (err error) {
	if !inputs.Wait || service.DesiredCount == 0 || c.cloud.start == nil {
		return nil
	}
	for range launches {
		if err = c.cloud.start(ctx, service); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(launchPause):
		}
	}
	return err
}

// deleteService scales the service to nothing, deletes it and waits until it has
// drained, as the real provider does.
func (c *Client) deleteService(ctx context.Context, id string) error {
	if err := c.cloud.ECS.DeleteService(id); err != nil {
		return err
	}
	const pause = 20 * time.Millisecond
	for {
		if _, err := c.cloud.ECS.Service(id); err != nil {
			return nil //nolint:nilerr // the only error is that there is none
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// serviceOutputs describes a service. Cluster and task definition are shown as
// the program names them, as long as they mean the same.
func (c *Client) serviceOutputs(service ecs.Service, inputs serviceInputs) map[string]any {
	known := inputs.ServiceSettings
	inputs.ServiceSettings = service.ServiceSettings
	inputs.Cluster, inputs.TaskDefinition = asNamed(known.Cluster, service.Cluster), asNamed(known.TaskDefinition, service.TaskDefinition)
	outputs := provider.Encode(inputs)
	outputs["launchType"], outputs["triggers"] = "FARGATE", inputs.Triggers
	return outputs
}

// asNamed is the ARN, or the shorter name by which the program means it.
func asNamed(given, name string) string {
	if given != "" && strings.HasSuffix(name, "/"+given) {
		return given
	}
	return name
}

type taskDefinitionInputs struct {
	ecs.TaskDefinitionSettings
	// Name is the ARN, which is among the outputs.
	Name string `json:"arn"`
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
				"containerDefinitions", "cpu", "executionRoleArn", "family", "memory", "networkMode", "requiresCompatibilities", "runtimePlatform",
				"taskRoleArn",
			},
			Unmodelled: []resource.PropertyKey{
				"enableFaultInjection", "ephemeralStorage", "inferenceAccelerators", "ipcMode", "pidMode", "placementConstraints",
				"proxyConfiguration", "skipDestroy", "trackLatest", "volumes",
			},
			Adopted: func(outputs map[string]any) string { return fmt.Sprint(outputs["family"]) },
			Same: func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
				return property == "containerDefinitions" && sameJSON(old, new)
			},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				if inputs.HasValue("containerDefinitions") {
					if _, err := ecs.ParseContainers(provider.Text(inputs, "containerDefinitions")); err != nil {
						return []plugin.CheckFailure{failure("containerDefinitions", "%v", err)}
					}
				}
				return nil
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
			containers, err := ecs.ParseContainers(inputs.Document)
			if err != nil {
				return "", ecs.TaskDefinition{}, err
			}
			inputs.Containers = containers
			definition, err := client.cloud.ECS.Register(client.Place, inputs.TaskDefinitionSettings)
			return definition.Family, definition, err
		},
		Find: func(client *Client, id string, known taskDefinitionInputs) (ecs.TaskDefinition, error) {
			definition, err := client.cloud.ECS.TaskDefinition(client.Place, cmp.Or(known.Name, id))
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
			return client.cloud.ECS.Deregister(known.Name)
		},
		Show: func(_ *Client, definition ecs.TaskDefinition, _ taskDefinitionInputs) map[string]any {
			outputs := provider.Encode(definition.TaskDefinitionSettings)
			delete(outputs, "containers")
			outputs["arn"], outputs["arnWithoutRevision"], outputs["revision"] = definition.ARN(), definition.FamilyARN(), definition.Revision
			return outputs
		},
	})
}
