package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pulumiecs "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/provider"
)

type serviceInputs struct {
	Name           string `json:"name"`
	Cluster        string `json:"cluster"`
	TaskDefinition string `json:"taskDefinition"`
	LaunchType     string `json:"launchType"`
	DesiredCount   int    `json:"desiredCount"`
	Network        struct {
		Subnets        []string `json:"subnets"`
		SecurityGroups []string `json:"securityGroups"`
		AssignPublicIP bool     `json:"assignPublicIp"`
	} `json:"networkConfiguration"`
	MinimumHealthy *int `json:"deploymentMinimumHealthyPercent"`
	Maximum        *int `json:"deploymentMaximumPercent"`
	CircuitBreaker struct {
		Enable   bool `json:"enable"`
		Rollback bool `json:"rollback"`
	} `json:"deploymentCircuitBreaker"`
	ExecuteCommand bool              `json:"enableExecuteCommand"`
	Force          bool              `json:"forceDelete"`
	Wait           bool              `json:"waitForSteadyState"`
	Tags           map[string]string `json:"tags"`
}

// serviceType updates in place but for the name, the cluster and how tasks are
// started. The ID is the service's ARN; an import gives CLUSTER/SERVICE.
func serviceType() provider.Type[*Client] {
	return provider.Type[*Client]{
		Tok:       "aws:ecs/service:Service",
		Args:      pulumiecs.ServiceArgs{}.ElementType(),
		Computed:  []string{"cluster", "iamRole", "launchType", "platformVersion", "tagsAll", "triggers"},
		Settled:   []string{"cluster", "iamRole", "launchType", "platformVersion", "triggers"},
		Immutable: []string{"cluster", "launchType", "name", "schedulingStrategy"},
		Defaults: map[string]any{
			"deploymentMaximumPercent": 200, "deploymentMinimumHealthyPercent": 100, "enableExecuteCommand": false, "forceDelete": false,
			"waitForSteadyState": false,
		},
		Same: sameNetwork,
		Adopted: func(outputs map[string]any) string {
			cluster := fmt.Sprint(outputs["cluster"]) // an ARN, where no program has named it yet
			return strings.Replace(cluster, ":cluster/", ":service/", 1) + "/" + fmt.Sprint(outputs["name"])
		},
		DeleteFirst: collides,
		Default:     named(255),
		Validate:    checkService,
		Create: func(ctx context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			inputs, settings, err := client.service("CreateService", properties)
			if err != nil {
				return "", nil, failed("creating ECS Service", inputs.Name, err)
			}
			service, err := client.cloud.ECS.CreateService(client.Place, settings)
			if err != nil {
				return "", nil, failed("creating ECS Service", inputs.Name, err)
			}
			if err := client.steady(ctx, inputs, service); err != nil {
				// The real provider leaves the service in the state, to be deleted
				// by the next update; here it goes at once.
				return "", nil, errors.Join(fmt.Errorf("waiting for ECS Service (%s) create: %w", service.ARN(), err),
					client.deleteService(ctx, service.ARN(), true))
			}
			return service.ARN(), client.serviceOutputs(service, inputs, properties), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			var known serviceInputs
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			if cluster, name, both := strings.Cut(id, "/"); state == nil && both && !strings.HasPrefix(id, "arn:") {
				id = client.ARN("ecs", "service/"+cluster+"/"+name)
			}
			service, err := client.cloud.ECS.Service(id)
			if err != nil || service.Status != ecs.Active {
				return nil, nil //nolint:nilerr // the only error is that there is none
			}
			return client.serviceOutputs(service, known, state), nil
		},
		Update: func(ctx context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			inputs, settings, err := client.service("UpdateService", properties)
			if err != nil {
				return nil, failed("updating ECS Service", id, err)
			}
			before, err := client.cloud.ECS.Service(id)
			if err != nil {
				return nil, failed("updating ECS Service", id, err)
			}
			service, err := client.cloud.ECS.UpdateService(client.Place, settings)
			if err != nil {
				return nil, failed("updating ECS Service", id, err)
			}
			if err := client.steady(ctx, inputs, service); err != nil {
				err = fmt.Errorf("waiting for ECS Service (%s) update: %w", id, err)
				if service.CircuitBreaker && service.Rollback {
					_, undone := client.cloud.ECS.UpdateService(client.Place, before.ServiceSettings)
					err = errors.Join(err, undone)
				}
				return nil, err
			}
			return client.serviceOutputs(service, inputs, properties), nil
		},
		Delete: func(ctx context.Context, client *Client, id string, state resource.PropertyMap) error {
			var known serviceInputs
			if err := provider.Decode(state, &known); err != nil {
				return err
			}
			if err := client.deleteService(ctx, id, known.Force); err != nil && !fault.Has(err, ecs.NotFound) {
				return failed("deleting ECS Service", id, err)
			}
			return nil
		},
	}
}

// serviceRole is ECS's service-linked role, with which it acts for every service.
const serviceRole = "/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"

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

// checkService refuses what the sandbox does not model and values that the real
// provider refuses before any request.
func checkService(inputs resource.PropertyMap) []plugin.CheckFailure {
	found := unsupported(inputs, "alarms", "availabilityZoneRebalancing", "capacityProviderStrategies", "loadBalancers",
		"orderedPlacementStrategies", "placementConstraints", "serviceConnectConfiguration", "serviceRegistries", "volumeConfiguration",
		"vpcLatticeConfigurations")
	for property, allowed := range map[resource.PropertyKey][]string{
		"launchType":         {"FARGATE"},
		"schedulingStrategy": {"REPLICA"},
		"propagateTags":      {"SERVICE", "TASK_DEFINITION", "NONE"},
		"iamRole":            {serviceRole},
	} {
		if value := provider.Text(inputs, property); value != "" && !slices.Contains(allowed, value) {
			found = append(found, failure(property, "want one of %q, got %q", allowed, value))
		}
	}
	if controller := inputs["deploymentController"]; controller.IsObject() {
		if kind := provider.Text(controller.ObjectValue(), "type"); kind != "" && kind != "ECS" {
			found = append(found, failure("deploymentController", "the sandbox models ECS's own deployments only, got %q", kind))
		}
	}
	return found
}

// service reads the inputs of a service with every tag.
func (c *Client) service(operation string, properties resource.PropertyMap) (serviceInputs, ecs.ServiceSettings, error) {
	var inputs serviceInputs
	if err := provider.Decode(properties, &inputs); err != nil {
		return inputs, ecs.ServiceSettings{}, err
	}
	if inputs.LaunchType == "" {
		return inputs, ecs.ServiceSettings{}, errors.New("launchType: the sandbox models FARGATE only, and without a value ECS means EC2")
	}
	tags, err := c.tagged("ECS", operation, inputs.Tags)
	return inputs, ecs.ServiceSettings{
		Cluster:        inputs.Cluster,
		Name:           inputs.Name,
		TaskDefinition: inputs.TaskDefinition,
		DesiredCount:   inputs.DesiredCount,
		Subnets:        inputs.Network.Subnets,
		SecurityGroups: inputs.Network.SecurityGroups,
		AssignPublicIP: inputs.Network.AssignPublicIP,
		MinimumHealthy: or(inputs.MinimumHealthy, 100),
		Maximum:        or(inputs.Maximum, 200),
		CircuitBreaker: inputs.CircuitBreaker.Enable,
		Rollback:       inputs.CircuitBreaker.Rollback,
		ExecuteCommand: inputs.ExecuteCommand,
		Tags:           tags,
	}, err
}

func or(value *int, fallback int) int {
	if value == nil {
		return fallback
	}
	return *value
}

// steady waits for the service's tasks where the program asks for it.
func (c *Client) steady(ctx context.Context, inputs serviceInputs, service ecs.Service) error {
	if !inputs.Wait || service.DesiredCount == 0 || c.cloud.start == nil {
		return nil
	}
	return c.cloud.start(ctx, service)
}

// deleteService scales the service to nothing, deletes it and waits until it has
// drained, as the real provider does.
func (c *Client) deleteService(ctx context.Context, id string, force bool) error {
	if !force {
		if err := c.cloud.ECS.Scale(id, 0); err != nil {
			return err
		}
	}
	if err := c.cloud.ECS.DeleteService(id, force); err != nil {
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
func (c *Client) serviceOutputs(service ecs.Service, inputs serviceInputs, shown resource.PropertyMap) map[string]any {
	network := map[string]any{"subnets": anyList(service.Subnets), "assignPublicIp": service.AssignPublicIP}
	if len(service.SecurityGroups) > 0 {
		network["securityGroups"] = anyList(service.SecurityGroups)
	}
	outputs := map[string]any{
		"cluster":                         asNamed(inputs.Cluster, service.Cluster),
		"deploymentMaximumPercent":        service.Maximum,
		"deploymentMinimumHealthyPercent": service.MinimumHealthy,
		"desiredCount":                    service.DesiredCount,
		"enableExecuteCommand":            service.ExecuteCommand,
		"iamRole":                         serviceRole,
		"launchType":                      "FARGATE",
		"name":                            service.Name,
		"networkConfiguration":            network,
		"platformVersion":                 "LATEST",
		"taskDefinition":                  asNamed(inputs.TaskDefinition, service.TaskDefinition),
		"triggers":                        map[string]any{},
		"waitForSteadyState":              inputs.Wait,
	}
	if service.CircuitBreaker || service.Rollback {
		outputs["deploymentCircuitBreaker"] = map[string]any{"enable": service.CircuitBreaker, "rollback": service.Rollback}
	}
	if inputs.Force {
		outputs["forceDelete"] = true
	}
	for _, property := range []resource.PropertyKey{
		"deploymentController", "enableEcsManagedTags", "forceNewDeployment", "healthCheckGracePeriodSeconds", "platformVersion",
		"propagateTags", "schedulingStrategy", "triggers",
	} {
		if shown.HasValue(property) {
			outputs[string(property)] = provider.Plain(resource.PropertyMap{property: shown[property]})[string(property)]
		}
	}
	c.tagOutputs(outputs, service.Tags, inputs.Tags)
	return outputs
}

// asNamed is the ARN, or the shorter name by which the program means it.
func asNamed(given, name string) string {
	if given != "" && strings.HasSuffix(name, "/"+given) {
		return given
	}
	return name
}
