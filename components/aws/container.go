package aws

import (
	"maps"
	"slices"

	"waybill.example/waybill/components/internal/policy"
)

// container is the one container of the task
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
type container struct {
	Name             string           `json:"name"`
	Image            string           `json:"image"`
	Essential        bool             `json:"essential"`
	EntryPoint       []string         `json:"entryPoint,omitempty"`
	Command          []string         `json:"command,omitempty"`
	PortMappings     []portMapping    `json:"portMappings"`
	Environment      []variable       `json:"environment,omitempty"`
	Secrets          []secretVariable `json:"secrets,omitempty"`
	HealthCheck      *healthCheck     `json:"healthCheck,omitempty"`
	LogConfiguration logConfiguration `json:"logConfiguration"`
}

type portMapping struct {
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
	Protocol      string `json:"protocol"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type secretVariable struct {
	Name      string `json:"name"`
	ValueFrom string `json:"valueFrom"`
}

type logConfiguration struct {
	LogDriver string            `json:"logDriver"`
	Options   map[string]string `json:"options"`
}

func (args *ServiceArgs) containerName() string { return args.Product }

// containerDefinitions are the task's containers as JSON, variables sorted by
// name: the same arguments give the same revision.
func (args *ServiceArgs) containerDefinitions() (string, error) {
	c := container{
		Name:       args.containerName(),
		Image:      args.Image().String(),
		Essential:  true,
		EntryPoint: args.Command,
		Command:    args.Arguments,
		// In the task's own network the host's port is the container's.
		PortMappings: []portMapping{{ContainerPort: args.Port, HostPort: args.Port, Protocol: "tcp"}},
		HealthCheck:  args.Health.check(args.Port),
		LogConfiguration: logConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group":         args.logGroup(),
			"awslogs-region":        args.Region,
			"awslogs-stream-prefix": args.streamPrefix(),
		}},
	}
	for _, name := range slices.Sorted(maps.Keys(args.Env)) {
		c.Environment = append(c.Environment, variable{Name: name, Value: args.Env[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(args.Secrets)) {
		c.Secrets = append(c.Secrets, secretVariable{Name: name, ValueFrom: args.Secrets[name]})
	}
	return policy.Marshal([]container{c})
}
