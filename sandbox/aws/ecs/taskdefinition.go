package ecs

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/state"
)

// RuntimePlatform is what a task runs on. Empty means X86_64 and LINUX.
type RuntimePlatform struct {
	CPUArchitecture       string `json:"cpuArchitecture,omitempty"`
	OperatingSystemFamily string `json:"operatingSystemFamily,omitempty"`
}

// TaskDefinitionSettings are what a caller sets. The json names are those of the
// Pulumi type's properties, but for the containers.
type TaskDefinitionSettings struct {
	Family string `json:"family"`
	// CPU is in units of 1/1024 of a vCPU, Memory in MiB.
	CPU    string `json:"cpu,omitempty"`
	Memory string `json:"memory,omitempty"`
	// Containers are the container definitions.
	Containers       []Container `json:"containers"`
	ExecutionRoleARN string      `json:"executionRoleArn,omitempty"`
	TaskRoleARN      string      `json:"taskRoleArn,omitempty"`
	NetworkMode      string      `json:"networkMode,omitempty"`
	// Compatibilities that the task must have, for example FARGATE.
	Compatibilities []string          `json:"requiresCompatibilities,omitempty"`
	RuntimePlatform *RuntimePlatform  `json:"runtimePlatform,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	// Document is the text that the definitions were read from.
	Document string `json:"containerDefinitions"`
}

// TaskDefinition is one revision of a family.
type TaskDefinition struct {
	arn.Place
	TaskDefinitionSettings
	Revision int `json:"revision"`
	// Inactive says whether it was deregistered: services that use it go on,
	// and no new one may.
	Inactive bool `json:"inactive,omitempty"`
}

// ARN names the revision.
func (t TaskDefinition) ARN() string { return t.FamilyARN() + ":" + strconv.Itoa(t.Revision) }

// FamilyARN names the family.
func (t TaskDefinition) FamilyARN() string { return t.Place.ARN("ecs", "task-definition/"+t.Family) }

const launchFargate = "FARGATE"

// familyForm is that of families, services and clusters:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
var familyForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// architectures and systems that Fargate runs:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html
var (
	architectures = []string{"", "X86_64", "ARM64"}
	systems       = []string{"", "LINUX", "WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2022_FULL", "WINDOWS_SERVER_2022_CORE"}
)

// check applies the rules of RegisterTaskDefinition for Fargate. The words for
// the family and the platform are the sandbox's.
func (t TaskDefinitionSettings) check(place arn.Place) string {
	platform := t.RuntimePlatform
	if platform == nil {
		platform = &RuntimePlatform{}
	}
	switch {
	case !familyForm.MatchString(t.Family):
		return fmt.Sprintf("Invalid family '%s': up to 255 letters, numbers, underscores and hyphens are allowed.", t.Family)
	case t.NetworkMode != "awsvpc":
		return "Fargate only supports network mode 'awsvpc'."
	case t.CPU == "":
		return "Fargate requires that 'cpu' be defined at the task level."
	case t.Memory == "":
		return "Fargate requires that 'memory' be defined at the task level."
	case !digits.MatchString(t.CPU + t.Memory):
		return provider.NotModelled(fmt.Sprintf("a size with a unit (%s CPU, %s memory)", t.CPU, t.Memory)).Error()
	case !fargateOffers(size(t.CPU), size(t.Memory)):
		return fmt.Sprintf("No Fargate configuration exists for given values: %s CPU, %s memory. See the Amazon ECS documentation for the valid values.", t.CPU, t.Memory)
	case !validRole(t.ExecutionRoleARN, place) || !validRole(t.TaskRoleARN, place):
		return "Role is not valid"
	case !slices.Contains(architectures, platform.CPUArchitecture):
		return fmt.Sprintf("Invalid 'cpuArchitecture' setting %q for the runtime platform.", platform.CPUArchitecture)
	case !slices.Contains(systems, platform.OperatingSystemFamily):
		return fmt.Sprintf("Invalid 'operatingSystemFamily' setting %q for the runtime platform.", platform.OperatingSystemFamily)
	case platform.CPUArchitecture == "ARM64" && strings.HasPrefix(platform.OperatingSystemFamily, "WINDOWS"):
		return "Fargate runs Windows on X86_64 only."
	}
	return t.checkContainers()
}

// validRole says whether ECS takes a role's ARN, where there is one: a role of
// the caller's own account. That it exists is found when a task starts:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
func validRole(text string, place arn.Place) bool {
	if text == "" {
		return true
	}
	name, ok := arn.Parse(text)
	return ok && name.IsRoleOf(place)
}

func (t TaskDefinitionSettings) checkContainers() string {
	if len(t.Containers) == 0 {
		return "Container list cannot be empty."
	}
	essential, cpu, memory := false, 0, 0
	names := map[string]bool{}
	for _, container := range t.Containers {
		if message := container.check(t.ExecutionRoleARN != ""); message != "" {
			return message
		}
		if names[container.Name] {
			return fmt.Sprintf("Container name '%s' is used twice.", container.Name)
		}
		names[container.Name] = true
		essential = essential || container.IsEssential()
		cpu += container.CPU
		memory += max(container.Memory, container.MemoryReservation)
	}
	switch {
	case !essential:
		return "Task definition must have at least one essential container."
	case cpu > size(t.CPU):
		return "The sum of all container cpu values cannot be greater than the value of the task cpu."
	case memory > size(t.Memory):
		return "The sum of all container memory values cannot be greater than the value of the task memory."
	}
	return ""
}

// Register is RegisterTaskDefinition: it makes the family's next revision.
func (s *Store) Register(place arn.Place, settings TaskDefinitionSettings) (TaskDefinition, error) {
	if message := settings.check(place); message != "" {
		return TaskDefinition{}, client("RegisterTaskDefinition", "%s", message)
	}
	definition := TaskDefinition{Place: place, TaskDefinitionSettings: settings}
	err := s.store.Update(func(held *contents) error {
		held.Revisions[definition.FamilyARN()]++
		definition.Revision = held.Revisions[definition.FamilyARN()]
		held.Definitions[definition.ARN()] = definition
		return nil
	})
	return definition, err
}

// TaskDefinition is DescribeTaskDefinition: reference is an ARN, FAMILY:REVISION,
// or a family, which means its newest active revision.
func (s *Store) TaskDefinition(place arn.Place, reference string) (TaskDefinition, error) {
	definition, found := s.store.Read().definition(place, reference)
	if !found {
		return TaskDefinition{}, client("DescribeTaskDefinition", "Unable to describe task definition.")
	}
	return definition, nil
}

func (c contents) definition(place arn.Place, reference string) (TaskDefinition, bool) {
	if !strings.HasPrefix(reference, "arn:") {
		reference = place.ARN("ecs", "task-definition/"+reference)
	}
	if definition, found := c.Definitions[reference]; found {
		return definition, definition.Place == place
	}
	var newest TaskDefinition
	for _, each := range c.Definitions {
		if each.FamilyARN() == reference && !each.Inactive && each.Revision > newest.Revision {
			newest = each
		}
	}
	return newest, newest.Revision > 0 && newest.Place == place
}

// TagDefinition replaces the tags of a revision.
func (s *Store) TagDefinition(reference string, tags map[string]string) (TaskDefinition, error) {
	missing := api.Refuse("TagResource", http.StatusBadRequest, "InvalidParameterException", "The specified task definition is inactive or does not exist.")
	return state.Edit(s.store, contents.definitions, reference, missing, func(_ contents, definition *TaskDefinition) error {
		definition.Tags = tags
		return nil
	})
}

// Deregister is DeregisterTaskDefinition: the revision becomes inactive, and its
// number is never used again.
func (s *Store) Deregister(reference string) error {
	missing := client("DeregisterTaskDefinition", "Unable to describe task definition.")
	_, err := state.Edit(s.store, contents.definitions, reference, missing, func(_ contents, definition *TaskDefinition) error {
		definition.Inactive = true
		return nil
	})
	return err
}

// memories are the sizes of memory, in MiB, from least to most by step, that
// Fargate offers for a CPU size (docs/facts.md §4).
type memories struct{ least, most, step int }

var fargate = map[int]memories{
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

// fargateOffers says whether Fargate offers a combination of CPU units and MiB.
func fargateOffers(cpu, memory int) bool {
	if cpu == 256 {
		return memory == 512 || memory == 1024 || memory == 2048
	}
	offer, known := fargate[cpu]
	return known && memory >= offer.least && memory <= offer.most && (memory-offer.least)%offer.step == 0
}

// digits are what sizes of tasks are made of: 1 vCPU and 2 GB are not modelled.
var digits = regexp.MustCompile(`^[0-9]+$`)

// size is a task's CPU or memory.
func size(text string) int {
	whole, _ := strconv.Atoi(text)
	return whole
}
