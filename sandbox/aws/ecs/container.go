package ecs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Container is one container definition, as far as the sandbox reads it:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// CPU is in units of 1/1024 of a vCPU, Memory and MemoryReservation in MiB.
	CPU               int `json:"cpu,omitempty"`
	Memory            int `json:"memory,omitempty"`
	MemoryReservation int `json:"memoryReservation,omitempty"`
	// Essential says whether the task ends with this container; nil means that it does.
	Essential        *bool             `json:"essential,omitempty"`
	PortMappings     []PortMapping     `json:"portMappings,omitempty"`
	Environment      []KeyValue        `json:"environment,omitempty"`
	Secrets          []Secret          `json:"secrets,omitempty"`
	HealthCheck      *HealthCheck      `json:"healthCheck,omitempty"`
	LogConfiguration *LogConfiguration `json:"logConfiguration,omitempty"`
}

// unread are the properties of ECS that the sandbox does not read.
var unread = []string{
	"command", "credentialSpecs", "dependsOn", "disableNetworking", "dnsSearchDomains", "dnsServers", "dockerLabels",
	"dockerSecurityOptions", "entryPoint", "environmentFiles", "extraHosts", "firelensConfiguration", "hostname",
	"interactive", "links", "linuxParameters", "mountPoints", "privileged", "pseudoTerminal", "readonlyRootFilesystem",
	"repositoryCredentials", "resourceRequirements", "restartPolicy", "startTimeout", "stopTimeout", "systemControls",
	"ulimits", "user", "versionConsistency", "volumesFrom", "workingDirectory",
}

// KeyValue is an environment variable.
type KeyValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Secret is an environment variable whose value the execution role reads.
type Secret struct {
	Name string `json:"name"`
	// ValueFrom is the ARN of a secret or a parameter, or a parameter's name.
	ValueFrom string `json:"valueFrom"`
}

// PortMapping is a port of a container.
type PortMapping struct {
	ContainerPort      int    `json:"containerPort,omitempty"`
	HostPort           int    `json:"hostPort,omitempty"`
	Protocol           string `json:"protocol,omitempty"`
	Name               string `json:"name,omitempty"`
	AppProtocol        string `json:"appProtocol,omitempty"`
	ContainerPortRange string `json:"containerPortRange,omitempty"`
}

// HealthCheck is a command that says whether a container is healthy. Times are
// in seconds.
type HealthCheck struct {
	Command     []string `json:"command"`
	Interval    int      `json:"interval,omitempty"`
	Timeout     int      `json:"timeout,omitempty"`
	Retries     int      `json:"retries,omitempty"`
	StartPeriod int      `json:"startPeriod,omitempty"`
}

// LogConfiguration says where a container's output goes.
type LogConfiguration struct {
	LogDriver string `json:"logDriver"`
	// Options of the driver awslogs: awslogs-group, awslogs-region,
	// awslogs-stream-prefix and others.
	Options       map[string]string `json:"options,omitempty"`
	SecretOptions []Secret          `json:"secretOptions,omitempty"`
}

// IsEssential says whether the task ends with this container.
func (c Container) IsEssential() bool { return c.Essential == nil || *c.Essential }

// ParseContainers reads container definitions as the property
// containerDefinitions holds them. Properties that ECS does not have are refused.
func ParseContainers(text string) ([]Container, error) {
	var properties []map[string]json.RawMessage
	var containers []Container
	err := json.Unmarshal([]byte(text), &properties)
	for _, each := range properties {
		maps.DeleteFunc(each, func(name string, _ json.RawMessage) bool { return slices.Contains(unread, name) })
	}
	if err == nil {
		known, _ := json.Marshal(properties) // it was JSON before
		decoder := json.NewDecoder(bytes.NewReader(known))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&containers)
	}
	if err != nil {
		return nil, fmt.Errorf("ECS Task Definition container_definitions is invalid: %w", err)
	}
	return containers, nil
}

// check applies the rules for one container of a Fargate task; image from ECR
// and the driver awslogs need the execution role.
func (c Container) check(hasExecutionRole bool) string {
	switch {
	case c.Name == "":
		return "Container.name should not be null or empty."
	case c.Image == "":
		return "Container.image should not be null or empty."
	case isECR(c.Image) && !hasExecutionRole:
		return "Fargate requires task definition to have execution role ARN to support ECR images."
	case len(c.Secrets) > 0 && !hasExecutionRole:
		return "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
	case c.LogConfiguration != nil && c.LogConfiguration.LogDriver == awslogs && !hasExecutionRole:
		return "Fargate requires task definition to have execution role ARN to support log driver awslogs."
	}
	for _, port := range c.PortMappings {
		if port.HostPort != 0 && port.HostPort != port.ContainerPort {
			return "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
		}
		if port.ContainerPortRange == "" && (port.ContainerPort < 1 || port.ContainerPort > 65535) {
			return fmt.Sprintf("Invalid 'containerPort' setting for container '%s'", c.Name)
		}
	}
	if message := c.HealthCheck.check(); message != "" {
		return fmt.Sprintf("Invalid 'healthCheck' setting for container '%s': %s", c.Name, message)
	}
	if message := c.LogConfiguration.check(); message != "" {
		return fmt.Sprintf("Invalid 'logConfiguration' setting for container '%s': %s", c.Name, message)
	}
	return ""
}

// isECR says whether an image lies in a private registry of ECR.
func isECR(image string) bool {
	host, _, _ := strings.Cut(image, "/")
	return strings.Contains(host, ".dkr.ecr.")
}

// check applies the ranges of
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
// The words are the sandbox's.
func (h *HealthCheck) check() string {
	if h == nil {
		return ""
	}
	if len(h.Command) == 0 || h.Command[0] != "CMD" && h.Command[0] != "CMD-SHELL" && h.Command[0] != "NONE" {
		return "the command must begin with CMD or CMD-SHELL"
	}
	for _, each := range []struct {
		name               string
		value, least, most int
	}{{"interval", h.Interval, 5, 300}, {"timeout", h.Timeout, 2, 120}, {"retries", h.Retries, 1, 10}, {"startPeriod", h.StartPeriod, 0, 300}} {
		if each.value != 0 && (each.value < each.least || each.value > each.most) {
			return fmt.Sprintf("%s %d must be from %d to %d", each.name, each.value, each.least, each.most)
		}
	}
	return ""
}

const awslogs = "awslogs"

// check applies what Fargate needs of its log drivers:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
// The words are the sandbox's.
func (l *LogConfiguration) check() string {
	switch {
	case l == nil:
		return ""
	case l.LogDriver != awslogs && l.LogDriver != "splunk" && l.LogDriver != "awsfirelens":
		return fmt.Sprintf("the log driver %q is not one of awslogs, splunk and awsfirelens, which Fargate supports", l.LogDriver)
	case l.LogDriver != awslogs:
		return ""
	}
	for _, option := range []string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix"} {
		if l.Options[option] == "" {
			return fmt.Sprintf("the option %s is required for the log driver awslogs on Fargate", option)
		}
	}
	return ""
}
