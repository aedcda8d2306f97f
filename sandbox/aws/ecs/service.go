package ecs

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// ServiceSettings are what a caller sets. The json names are those of the Pulumi
// type's properties.
type ServiceSettings struct {
	// Cluster is the ARN of the cluster.
	Cluster string `json:"cluster"`
	Name    string `json:"name"`
	// TaskDefinition is the ARN of a revision.
	TaskDefinition string `json:"taskDefinition"`
	DesiredCount   int    `json:"desiredCount"`
	Network        `json:"networkConfiguration"`
	LoadBalancers  []LoadBalancer `json:"loadBalancers,omitempty"`
	// HealthGrace is in seconds; 0 where the caller says none.
	HealthGrace    int `json:"healthCheckGracePeriodSeconds,omitempty"`
	CircuitBreaker `json:"deploymentCircuitBreaker,omitzero"`
	Tags           map[string]string `json:"tags,omitempty"`
}

// Network is where the tasks of a service are.
type Network struct {
	Subnets        []string `json:"subnets,omitempty"`
	SecurityGroups []string `json:"securityGroups,omitempty"`
	AssignPublicIP bool     `json:"assignPublicIp"`
}

// LoadBalancer is a target group that the tasks join, and where a request goes there.
type LoadBalancer struct {
	TargetGroup   string `json:"targetGroupArn"`
	ContainerName string `json:"containerName"`
	ContainerPort int    `json:"containerPort"`
}

// CircuitBreaker ends a deployment whose tasks do not start where it is enabled,
// and with Rollback goes back to the last one that worked.
type CircuitBreaker struct {
	Enable   bool `json:"enable"`
	Rollback bool `json:"rollback"`
}

// Service keeps a number of tasks running.
type Service struct {
	arn.Place
	ServiceSettings
	// DeletedAt is when it began to drain.
	DeletedAt *time.Time `json:"deletedAt,omitempty"`
	// Status is Active or Draining.
	Status string `json:"-"`
}

// States of a service. An inactive one is not found any more.
const (
	Active   = "ACTIVE"
	Draining = "DRAINING"
)

// ClusterName is the cluster's name.
func (s Service) ClusterName() string { return s.Cluster[strings.LastIndex(s.Cluster, "/")+1:] }

// ARN names the service.
func (s Service) ARN() string { return s.Place.ARN("ecs", "service/"+s.ClusterName()+"/"+s.Name) }

// SameButTags says whether a service differs from what it was in its tags only, so
// that no new deployment begins.
func (s Service) SameButTags(before Service) bool {
	before.Tags = s.Tags
	return reflect.DeepEqual(s.ServiceSettings, before.ServiceSettings)
}

// check applies the rules of CreateService and UpdateService. The words for
// counts are the sandbox's.
func (s *Store) check(operation string, place arn.Place, settings ServiceSettings, definition TaskDefinition) error {
	switch {
	case !familyForm.MatchString(settings.Name):
		return invalid(operation, "Invalid service name '%s': up to 255 letters, numbers, underscores and hyphens are allowed.", settings.Name)
	case definition.Inactive:
		return client(operation, "TaskDefinition is inactive")
	case !slices.Contains(definition.Compatibilities, launchFargate):
		return invalid(operation, "Task definition does not support launch_type FARGATE.")
	case len(settings.Subnets) == 0:
		return invalid(operation, "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case len(settings.Subnets) > 16:
		return invalid(operation, "%d subnets are given: at most 16 are allowed.", len(settings.Subnets))
	case len(settings.SecurityGroups) > 5:
		return invalid(operation, "%d security groups are given: at most 5 are allowed.", len(settings.SecurityGroups))
	case settings.DesiredCount < 0 || settings.DesiredCount > 5000:
		return invalid(operation, "The desired count %d must be from 0 to 5000.", settings.DesiredCount)
	}
	if err := s.checkBalancers(operation, place, settings, definition); err != nil {
		return err
	}
	return s.checkNetwork(operation, place, settings)
}

// checkBalancers finds the target groups in the VPC of the subnets, and the container
// and its port in the task definition
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html).
func (s *Store) checkBalancers(operation string, place arn.Place, settings ServiceSettings, definition TaskDefinition) error {
	if len(settings.LoadBalancers) == 0 && settings.HealthGrace > 0 {
		return invalid(operation, "Health check grace period is only valid for services configured to use load balancers")
	}
	if len(settings.LoadBalancers) > 5 {
		return invalid(operation, "%d load balancers are given: at most 5 are allowed.", len(settings.LoadBalancers))
	}
	for _, balancer := range settings.LoadBalancers {
		at := slices.IndexFunc(definition.Containers, func(c Container) bool { return c.Name == balancer.ContainerName })
		switch {
		case !slices.ContainsFunc(s.vpcs[place], func(vpc world.VPC) bool {
			return slices.Contains(vpc.TargetGroups, balancer.TargetGroup) && slices.Contains(vpc.Subnets, settings.Subnets[0])
		}):
			return invalid(operation, "The target group with targetGroupArn %s does not have an associated load balancer.", balancer.TargetGroup)
		case at < 0:
			return invalid(operation, "The container %s does not exist in the task definition.", balancer.ContainerName)
		case !slices.ContainsFunc(definition.Containers[at].PortMappings, func(m PortMapping) bool { return m.ContainerPort == balancer.ContainerPort }):
			return invalid(operation, "The container %s did not have a container port %d defined.", balancer.ContainerName, balancer.ContainerPort)
		}
	}
	return nil
}

// Public says whether a task of a service may land in a subnet whose only way out
// is an internet gateway.
func (s *Store) Public(service Service) bool {
	return slices.ContainsFunc(s.vpcs[service.Place], func(vpc world.VPC) bool {
		return slices.ContainsFunc(vpc.PublicSubnets, func(subnet string) bool { return slices.Contains(service.Subnets, subnet) })
	})
}

// checkNetwork finds the subnets and security groups in one VPC.
func (s *Store) checkNetwork(operation string, place arn.Place, settings ServiceSettings) error {
	owner := func(of func(world.VPC) []string, id string) string {
		at := slices.IndexFunc(s.vpcs[place], func(vpc world.VPC) bool { return slices.Contains(of(vpc), id) })
		if at < 0 {
			return ""
		}
		return s.vpcs[place][at].ID
	}
	vpc := ""
	for _, subnet := range settings.Subnets {
		switch of := owner(func(vpc world.VPC) []string { return vpc.Subnets }, subnet); {
		case of == "":
			return invalid(operation, "Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", strings.Join(settings.Subnets, ", "), subnet)
		case vpc != "" && vpc != of:
			return invalid(operation, "subnets must belong to the same VPC.")
		default:
			vpc = of
		}
	}
	for _, group := range settings.SecurityGroups {
		switch owner(func(vpc world.VPC) []string { return vpc.SecurityGroups }, group) {
		case vpc:
		case "":
			return invalid(operation, "Error retrieving security group information for [%s]: The security group '%s' does not exist (ErrorCode: InvalidGroup.NotFound)", strings.Join(settings.SecurityGroups, ", "), group)
		default:
			return invalid(operation, "Security group %s does not appear to belong to the same VPC as the input subnets.", group)
		}
	}
	return nil
}

// prepare resolves what settings name, and checks them.
func (s *Store) prepare(operation string, place arn.Place, settings ServiceSettings) (ServiceSettings, error) {
	cluster, found := s.cluster(place, settings.Cluster)
	if !found {
		return settings, api.Refuse(operation, http.StatusBadRequest, "ClusterNotFoundException", "Cluster not found.")
	}
	settings.Cluster = cluster
	definition, err := s.TaskDefinition(place, settings.TaskDefinition)
	if err != nil {
		return settings, client(operation, "TaskDefinition not found.")
	}
	settings.TaskDefinition = definition.ARN()
	return settings, s.check(operation, place, settings, definition)
}

// CreateService is CreateService.
func (s *Store) CreateService(place arn.Place, settings ServiceSettings) (Service, error) {
	const operation = "CreateService"
	settings, err := s.prepare(operation, place, settings)
	if err != nil {
		return Service{}, err
	}
	service := Service{Place: place, ServiceSettings: settings, Status: Active}
	err = s.store.Update(func(held *contents) error {
		if existing, found := s.service(*held, service.ARN()); found {
			if existing.Status == Draining {
				return invalid(operation, "Unable to Start a service that is still Draining.")
			}
			return invalid(operation, "Creation of service was not idempotent.")
		}
		held.Services[service.ARN()] = service
		return nil
	})
	return service, err
}

// service finds a service that is active or draining.
func (s *Store) service(held contents, name string) (Service, bool) {
	service, found := held.Services[name]
	service.Status = Active
	if service.DeletedAt != nil {
		service.Status = Draining
		found = found && s.now().Before(service.DeletedAt.Add(s.drain))
	}
	return service, found
}

// Service is DescribeServices for one service, by its ARN. A draining one is found.
func (s *Store) Service(name string) (Service, error) {
	service, found := s.service(s.store.Read(), name)
	if !found {
		return Service{}, noService("DescribeServices")
	}
	return service, nil
}

// Services returns every active service, sorted by ARN.
func (s *Store) Services() []Service {
	var services []Service
	held := s.store.Read()
	for _, name := range slices.Sorted(maps.Keys(held.Services)) {
		if service, found := s.service(held, name); found && service.Status == Active {
			services = append(services, service)
		}
	}
	return services
}

// UpdateService is UpdateService and the tags' operations: everything but name
// and cluster changes.
func (s *Store) UpdateService(place arn.Place, settings ServiceSettings) (Service, error) {
	const operation = "UpdateService"
	settings, err := s.prepare(operation, place, settings)
	if err != nil {
		return Service{}, err
	}
	name := Service{Place: place, ServiceSettings: settings}.ARN()
	return s.edit(operation, name, func(service *Service) error {
		if service.Status != Active {
			return api.Refuse(operation, http.StatusBadRequest, "ServiceNotActiveException", "Service was not ACTIVE.")
		}
		service.ServiceSettings = settings
		return nil
	})
}

// edit changes a service that is active or draining.
func (s *Store) edit(operation, name string, change func(*Service) error) (Service, error) {
	return state.Edit(s.store, contents.services, name, noService(operation), func(held contents, service *Service) error {
		current, found := s.service(held, name)
		if !found {
			return noService(operation)
		}
		*service = current
		return change(service)
	})
}

// DeleteService is UpdateService, which scales to nothing, and DeleteService: the
// service drains, and is gone after that.
func (s *Store) DeleteService(name string) error {
	_, err := s.edit("DeleteService", name, func(service *Service) error {
		if service.Status == Active {
			now := s.now().UTC()
			service.DesiredCount, service.DeletedAt = 0, &now
		}
		return nil
	})
	return err
}

func noService(operation string) error {
	return api.Refuse(operation, http.StatusBadRequest, NotFound, "Service not found.")
}

func invalid(operation, format string, args ...any) error {
	return api.Refuse(operation, http.StatusBadRequest, "InvalidParameterException", "%s", fmt.Sprintf(format, args...))
}

// client is the code that ECS gives to most problems of a caller's.
func client(operation, format string, args ...any) error {
	return api.Refuse(operation, http.StatusBadRequest, "ClientException", "%s", fmt.Sprintf(format, args...))
}
