package aws

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/optional"
)

// Defaults: those of the vendors' guides.
const (
	defaultCPU      = 512
	defaultMemory   = 1024
	defaultReplicas = 2
)

// Architecture is the processor's.
type Architecture string

// The architectures that Fargate offers.
const (
	X86 Architecture = "X86_64"
	Arm Architecture = "ARM64"
)

// Service runs the product on ECS with Fargate. The agent pulls the image with
// the execution role; no pull secret is involved.
type Service struct {
	pulumi.ResourceState

	// ServiceARN and ServiceName identify the service.
	ServiceARN  pulumi.StringOutput `pulumi:"serviceArn"`
	ServiceName pulumi.StringOutput `pulumi:"serviceName"`
	// ExecutionRoleARN is the role that pulls: what the customer tells the
	// vendor. TaskRoleARN is the product's own.
	ExecutionRoleARN pulumi.StringOutput `pulumi:"executionRoleArn"`
	TaskRoleARN      pulumi.StringOutput `pulumi:"taskRoleArn"`
	// LogGroup is the log group's name.
	LogGroup pulumi.StringOutput `pulumi:"logGroup"`
}

// ServiceArgs says what runs, where, and from which repository.
type ServiceArgs struct {
	// Customer is the customer's slug and Product the product's name: they name
	// and tag everything. Required.
	Customer, Product string
	// Account is the customer's AWS account, 12 digits, and Region the
	// cluster's. Required.
	Account, Region string
	// Cluster is the ECS cluster's name or ARN. Required.
	Cluster pulumi.StringInput
	// Name of the service and of its family of task definitions: at most 255
	// letters, digits, _ and -; default: SLUG--PRODUCT.
	Name string
	// Repository is the vendor's, which holds the image. Required.
	Repository RepositoryRef
	// Tag or Digest of the image: exactly one of them.
	Tag, Digest string
	// CPU in units of which 1024 are a CPU, 0 means 512, and Memory in MiB,
	// 0 means 1024: one of Fargate's sizes.
	CPU, Memory int
	// Architecture of the image; empty means X86.
	Architecture Architecture
	// Port that the container listens on. Required.
	Port int
	// Command and Arguments replace the image's own entry point and command.
	Command, Arguments []string
	// Env adds variables; it is stored in the clear. Secrets adds variables by
	// the ARNs of secrets or parameters that hold their values, full ones where
	// these are of another account or Region; SecretKeys are the ARNs of the KMS
	// keys of one's own that encrypt them, as those of another account must be.
	Env        map[string]string
	Secrets    map[string]string
	SecretKeys []string
	// Health is how the container is asked whether it is well.
	Health Health
	// Logs says where its output goes.
	Logs Logs
	// Network is where the tasks run. Required.
	Network Network
	// TargetGroups are the ARNs of load balancers' target groups that the tasks join at
	// Port: at most 5, of the service's account and Region, and of the target type ip,
	// for each task has an address of its own
	// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/register-multiple-targetgroups.html).
	TargetGroups []string
	// HealthGrace is how long, in seconds after a task's start, the checks of
	// TargetGroups do not count: 0 to 2147483647.
	HealthGrace int
	// Replicas is how many tasks run; nil means 2, at most 1000.
	Replicas *int
	// Autoscaled leaves the number of tasks to Application Auto Scaling: the first
	// update asks for 2, and no later one for any. Not with Replicas.
	Autoscaled bool
	// ExecutionRole and TaskRole are how the roles are made; default
	// names: SLUG--PRODUCT-execution and SLUG--PRODUCT-task.
	ExecutionRole, TaskRole Role
	// TaskPolicies are what the product itself may do.
	TaskPolicies []Policy
	// SourceARN is the aws:SourceArn for which ECS may assume the roles, with
	// wildcards; empty means all of the account in the Region,
	// arn:PARTITION:ecs:REGION:ACCOUNT:*. A cluster cannot be pinned
	// (docs/facts.md §4).
	SourceARN string
	// After is waited for before the first task starts: the vendor's grant
	// where one stack builds both sides.
	After []pulumi.Resource
	// Vendor is the vendor's provider, where the program has one: an update asks the
	// repository for the image, and registers no service while it is not there. ECS
	// itself says nothing for 20 minutes. nil: nobody asks.
	Vendor pulumi.ProviderResource
	// NoWait returns before the tasks run. Without it an update fails where
	// they cannot, above all where the image cannot be pulled.
	NoWait bool
	// First is true until an update has succeeded. A service that is there already
	// is one whose tasks never ran: it is in the state, and the provider would
	// neither wait for it again nor repair it. Its tasks are deployed again then.
	First bool
	// Tags are added to everything's own: at most 48.
	Tags map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "service", "logs", "execution-policy".
	Children map[string]child.Options

	// again is true where LookUp found such a service.
	again bool
	// looked is true once LookUp has run.
	looked bool
}

func (args *ServiceArgs) site() site { return siteOf(args.Account, args.Region) }

func (args *ServiceArgs) owner() labels.Owner {
	return labels.Owner{Customer: args.Customer, Product: args.Product}
}

func (args *ServiceArgs) tags() map[string]string {
	return args.owner().Cloud(args.Tags)
}

func (args *ServiceArgs) serviceName() string {
	return cmp.Or(args.Name, naming.ECS.Derive(args.Customer, args.Product, ""))
}

// Image is what the tasks run.
func (args *ServiceArgs) Image() image.Reference {
	return image.Reference{Host: args.Repository.Host(), Path: args.Repository.Name, Tag: args.Tag, Digest: args.Digest}
}

func (args *ServiceArgs) cpu() int                   { return cmp.Or(args.CPU, defaultCPU) }
func (args *ServiceArgs) memory() int                { return cmp.Or(args.Memory, defaultMemory) }
func (args *ServiceArgs) architecture() Architecture { return cmp.Or(args.Architecture, X86) }
func (args *ServiceArgs) replicas() int              { return optional.Or(args.Replicas, defaultReplicas) }
func (args *ServiceArgs) logGroup() string           { return args.Logs.group(args.Customer, args.Product) }
func (args *ServiceArgs) streamPrefix() string       { return cmp.Or(args.Logs.StreamPrefix, args.Product) }

// clusterARN is the ARN of a cluster that is given by its name or its ARN.
func (args *ServiceArgs) clusterARN(cluster string) string {
	if strings.HasPrefix(cluster, "arn:") {
		return cluster
	}
	return args.site().arn("ecs", "cluster/"+cluster)
}

// Children of a Service: these, and what its two roles have.
const (
	childLogs       = "logs" // aws:cloudwatch/logGroup:LogGroup
	childExecution  = "execution"
	childTask       = "task"
	childDefinition = "definition" // aws:ecs/taskDefinition:TaskDefinition
	childService    = "service"    // aws:ecs/service:Service
)

func (args *ServiceArgs) children() []string {
	return slices.Concat([]string{childLogs, childDefinition, childService}, args.executionPlan().children(), args.taskPlan().children())
}

// ExecutionRoleARN is known before the role exists: what the vendor may grant to.
func (args *ServiceArgs) ExecutionRoleARN() string { return args.executionPlan().arn() }

// NewService registers the roles, the log group, the task definition and the
// service. In an update it returns once the service runs what it is to run.
func NewService(ctx *pulumi.Context, name string, args *ServiceArgs, opts ...pulumi.ResourceOption) (*Service, error) {
	if args == nil {
		return nil, errors.New("aws.Service: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	if err := lookUpOnce(ctx, args.looked, args.LookUp, opts); err != nil {
		return nil, err
	}
	component := &Service{}
	inputs := pulumi.Map{
		"account": pulumi.String(args.Account),
		"region":  pulumi.String(args.Region),
		"cluster": args.Cluster,
		"image":   pulumi.String(args.Image().String()),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:aws:Service", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	children := family.Of(name, component, args.children(), args.Children)
	logs, err := newLogGroup(ctx, children, args)
	if err != nil {
		return nil, err
	}
	execution, err := args.executionPlan().register(ctx, children)
	if err != nil {
		return nil, err
	}
	task, err := args.taskPlan().register(ctx, children)
	if err != nil {
		return nil, err
	}
	definition, err := newTaskDefinition(ctx, children, args, execution, task)
	if err != nil {
		return nil, err
	}
	// A task that starts before its role may pull or log would fail, and the
	// circuit breaker counts.
	after := slices.Concat([]pulumi.Resource{logs}, execution.policies, task.policies, args.After)
	if err := checkPushed(ctx, args); err != nil {
		return nil, err
	}
	service, err := newECSService(ctx, children, args, definition, after)
	if err != nil {
		return nil, err
	}
	if err := checkDeployed(ctx, args, service, definition); err != nil {
		return nil, err
	}

	// In this version of the provider the service's ID is its ARN.
	component.ServiceARN = service.ID().ToStringOutput()
	component.ServiceName = service.Name
	component.ExecutionRoleARN = execution.role.Arn
	component.TaskRoleARN = task.role.Arn
	component.LogGroup = logs.Name
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{
		"serviceArn":       component.ServiceARN,
		"serviceName":      component.ServiceName,
		"executionRoleArn": component.ExecutionRoleARN,
		"taskRoleArn":      component.TaskRoleARN,
		"logGroup":         component.LogGroup,
	})
}
