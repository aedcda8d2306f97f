package aws

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/optional"
	"waybill.example/waybill/components/internal/policy"
)

// Defaults: those of the vendors' guides.
const (
	defaultCPU      = 512
	defaultMemory   = 1024
	defaultReplicas = 2
)

var (
	variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	sourcePattern   = regexp.MustCompile(`^[A-Za-z0-9/*_-]+$`)
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
	// letters, digits, _ and -; default: SLUG-PRODUCT.
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
	// the ARNs of secrets or parameters that hold their values, in the
	// service's Region; SecretKeys are the ARNs of the KMS keys of one's own
	// that encrypt them.
	Env        map[string]string
	Secrets    map[string]string
	SecretKeys []string
	// Health is how the container is asked whether it is well.
	Health Health
	// Logs says where its output goes.
	Logs Logs
	// Network is where the tasks run. Required.
	Network Network
	// Replicas is how many tasks run; nil means 2, at most 1000.
	Replicas *int
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
	// NoWait returns before the tasks run. Without it an update fails where
	// they cannot, above all where the image cannot be pulled.
	NoWait bool
	// Tags are added to everything's own: at most 48.
	Tags map[string]string
}

func (args *ServiceArgs) site() site { return siteOf(args.Account, args.Region) }

func (args *ServiceArgs) owner() labels.Owner {
	return labels.Owner{Customer: args.Customer, Product: args.Product}
}

func (args *ServiceArgs) tags() map[string]string {
	return args.owner().Cloud(args.Tags)
}

func (args *ServiceArgs) serviceName() string {
	return cmp.Or(args.Name, args.Customer+"-"+args.Product)
}

func (args *ServiceArgs) image() string {
	return image.Reference{
		Host: args.Repository.Host(), Path: args.Repository.Name, Tag: args.Tag, Digest: args.Digest,
	}.String()
}

func (args *ServiceArgs) cpu() int                   { return cmp.Or(args.CPU, defaultCPU) }
func (args *ServiceArgs) memory() int                { return cmp.Or(args.Memory, defaultMemory) }
func (args *ServiceArgs) architecture() Architecture { return cmp.Or(args.Architecture, X86) }
func (args *ServiceArgs) replicas() int              { return optional.Or(args.Replicas, defaultReplicas) }
func (args *ServiceArgs) logGroup() string           { return args.Logs.group(args.Customer, args.Product) }
func (args *ServiceArgs) streamPrefix() string       { return cmp.Or(args.Logs.StreamPrefix, args.Product) }

// trust lets ECS assume a role for tasks of this account and nobody else's:
// without the conditions another account could have ECS use it on its behalf.
func (args *ServiceArgs) trust() policy.Document {
	return policy.Of(policy.Statement{
		Principal: &policy.Principal{Service: policy.Set{ecsTasks}},
		Action:    policy.Set{"sts:AssumeRole"},
		Condition: policy.Condition{
			"StringEquals": {"aws:SourceAccount": {args.Account}},
			"ArnLike":      {"aws:SourceArn": {cmp.Or(args.SourceARN, args.site().arn("ecs", "*"))}},
		},
	})
}

// executionPlan is the role that the agent uses. It writes to the one log group
// and does not create it: the group and its retention are waybill's
// (docs/facts.md §1 row 12).
func (args *ServiceArgs) executionPlan(resource string) plan {
	own := append(args.Repository.pullStatements(), policy.Statement{
		Sid:    "Logs",
		Action: policy.Set{"logs:CreateLogStream", "logs:PutLogEvents"},
		// The group's streams.
		Resource: policy.Set{args.site().arn("logs", "log-group:"+args.logGroup()+":*")},
	})
	r := plan{
		Role: args.ExecutionRole, site: args.site(), key: "executionRole.", resource: resource, tags: args.tags(), trust: args.trust(),
		description: "Pulls " + args.Product + " and writes its logs", own: append(own, secretStatements(args.Secrets, args.SecretKeys)...),
	}
	return r.named(naming.IAMRole.Derive(args.Customer, args.Product, "-execution"))
}

// taskPlan is the product's own role. Without policies it may do nothing.
func (args *ServiceArgs) taskPlan(resource string) plan {
	r := plan{
		Role: args.TaskRole, site: args.site(), key: "taskRole.", resource: resource, tags: args.tags(), trust: args.trust(),
		description: "What " + args.Product + " may do", given: args.TaskPolicies,
	}
	return r.named(naming.IAMRole.Derive(args.Customer, args.Product, "-task"))
}

// ExecutionRoleARN is known before the role exists: what the vendor may grant to.
func (args *ServiceArgs) ExecutionRoleARN() string { return args.executionPlan("").arn() }

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *ServiceArgs) Validate(later ...string) error {
	p := check.Of("aws.Service", later...)
	s := args.site()
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	labels.AWS.Check(p, args.owner(), args.Tags)
	s.check(p, "", "the customer's AWS account")
	if args.Cluster == nil {
		p.Add("cluster", "is missing: want the ECS cluster's name or ARN")
	}
	if args.Name != "" {
		p.Error("name", naming.ECS.Check(args.Name))
	}
	args.Repository.validate(p, s)
	args.validateImage(p)
	p.Error("size", checkFargateSize(args.cpu(), args.memory()))
	if a := args.architecture(); a != X86 && a != Arm {
		p.Add("architecture", "%q: want %s or %s", a, X86, Arm)
	}
	p.Range("port", args.Port, 1, 65535)
	p.Range("replicas", args.replicas(), 0, 1000)
	args.validateVariables(p)
	args.Health.validate(p)
	args.Logs.validate(p, s)
	args.Network.validate(p)
	if source := parseARN(args.SourceARN); args.SourceARN != "" && s.sound() {
		if !source.within(s, "ecs") || source.account != s.account || !sourcePattern.MatchString(source.resource) {
			p.Add("sourceArn", "%q: want one of ECS in the service's account and Region, %s", args.SourceARN, s.arn("ecs", "*"))
		}
	}
	execution, task := args.executionPlan(""), args.taskPlan("")
	execution.validate(p)
	task.validate(p)
	if execution.Name == task.Name {
		p.Add("taskRole.name", "%q: is the execution role's: want two roles", task.Name)
	}
	return p.Err()
}

func (args *ServiceArgs) validateImage(p *check.Problems) {
	switch {
	case (args.Tag == "") == (args.Digest == ""):
		p.Add("tag", "%q and digest %q: want exactly one of them", args.Tag, args.Digest)
	case args.Digest != "":
		p.Error("digest", image.CheckDigest(args.Digest))
	default:
		p.Error("tag", image.CheckTag(args.Tag))
	}
}

func (args *ServiceArgs) validateVariables(p *check.Problems) {
	for _, variables := range []struct {
		key   string
		names iter.Seq[string]
	}{{"env", maps.Keys(args.Env)}, {"secrets", maps.Keys(args.Secrets)}} {
		for _, name := range slices.Sorted(variables.names) {
			if !variablePattern.MatchString(name) {
				p.Add(fmt.Sprintf("%s[%q]", variables.key, name), "is no variable's name: want letters, digits and _, first no digit")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(args.Secrets)) {
		if _, found := args.Env[name]; found {
			p.Add(fmt.Sprintf("secrets[%q]", name), "is in env too: want it once")
		}
	}
	checkSecrets(p, args.Secrets, args.site())
	for i, key := range args.SecretKeys {
		checkKey(p, fmt.Sprintf("secretKeys[%d]", i), key, args.site())
	}
	if len(args.SecretKeys) > 0 && len(args.Secrets) == 0 {
		p.Add("secretKeys", "without secrets: want both or neither")
	}
}

// NewService registers the roles, the log group, the task definition and the
// service.
func NewService(ctx *pulumi.Context, name string, args *ServiceArgs, opts ...pulumi.ResourceOption) (*Service, error) {
	if args == nil {
		return nil, errors.New("aws.Service: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	component := &Service{}
	inputs := pulumi.Map{
		"account": pulumi.String(args.Account),
		"region":  pulumi.String(args.Region),
		"cluster": args.Cluster,
		"image":   pulumi.String(args.image()),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:aws:Service", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	logs, err := newLogGroup(ctx, name+"-logs", args.Logs, args.logGroup(), args.tags(), component)
	if err != nil {
		return nil, err
	}
	execution, err := args.executionPlan(name+"-execution").register(ctx, component)
	if err != nil {
		return nil, err
	}
	task, err := args.taskPlan(name+"-task").register(ctx, component)
	if err != nil {
		return nil, err
	}
	definition, err := newTaskDefinition(ctx, name+"-definition", args, execution, task, component)
	if err != nil {
		return nil, err
	}
	// A task that starts before its role may pull or log would fail, and the
	// circuit breaker counts.
	after := slices.Concat([]pulumi.Resource{logs}, execution.policies, task.policies, args.After)
	service, err := newECSService(ctx, name+"-service", args, definition, component, pulumi.DependsOn(after))
	if err != nil {
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

func newTaskDefinition(ctx *pulumi.Context, name string, args *ServiceArgs, execution, task *registered, parent pulumi.Resource) (*ecs.TaskDefinition, error) {
	containers, err := args.containerDefinitions()
	if err != nil {
		return nil, err
	}
	return ecs.NewTaskDefinition(ctx, name, &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(args.serviceName()),
		RequiresCompatibilities: pulumi.ToStringArray([]string{"FARGATE"}),
		NetworkMode:             pulumi.String("awsvpc"),
		Cpu:                     pulumi.String(strconv.Itoa(args.cpu())),
		Memory:                  pulumi.String(strconv.Itoa(args.memory())),
		RuntimePlatform: &ecs.TaskDefinitionRuntimePlatformArgs{
			CpuArchitecture: pulumi.String(string(args.architecture())), OperatingSystemFamily: pulumi.String("LINUX"),
		},
		ExecutionRoleArn:     execution.role.Arn,
		TaskRoleArn:          task.role.Arn,
		ContainerDefinitions: pulumi.String(containers),
		Tags:                 pulumi.ToStringMap(args.tags()),
	}, pulumi.Parent(parent))
}

func newECSService(ctx *pulumi.Context, name string, args *ServiceArgs, definition *ecs.TaskDefinition, parent pulumi.Resource, after pulumi.ResourceOption) (*ecs.Service, error) {
	return ecs.NewService(ctx, name, &ecs.ServiceArgs{
		Name:           pulumi.String(args.serviceName()),
		Cluster:        args.Cluster.ToStringOutput().ToStringPtrOutput(),
		TaskDefinition: definition.Arn,
		LaunchType:     pulumi.String("FARGATE"),
		DesiredCount:   pulumi.Int(args.replicas()),
		NetworkConfiguration: &ecs.ServiceNetworkConfigurationArgs{
			Subnets:        args.Network.Subnets,
			SecurityGroups: args.Network.SecurityGroups,
			AssignPublicIp: pulumi.Bool(args.Network.PublicIP),
		},
		DeploymentCircuitBreaker: &ecs.ServiceDeploymentCircuitBreakerArgs{Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true)},
		WaitForSteadyState:       pulumi.Bool(!args.NoWait),
		EnableEcsManagedTags:     pulumi.Bool(true),
		PropagateTags:            pulumi.String("SERVICE"),
		Tags:                     pulumi.ToStringMap(args.tags()),
	}, pulumi.Parent(parent), after)
}
