package aws

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/policy"
	"waybill.example/waybill/components/internal/settle"
)

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
func (args *ServiceArgs) executionPlan() plan {
	own := append(args.Repository.pullStatements(), policy.Statement{
		Sid:    "Logs",
		Action: policy.Set{"logs:CreateLogStream", "logs:PutLogEvents"},
		// The group's streams.
		Resource: policy.Set{args.site().arn("logs", "log-group:"+args.logGroup()+":*")},
	})
	r := plan{
		Role: args.ExecutionRole, site: args.site(), key: "executionRole.", child: childExecution, tags: args.tags(), trust: args.trust(),
		description: "Pulls " + args.Product + " and writes its logs", own: append(own, secretStatements(args.Secrets, args.SecretKeys)...),
	}
	return r.named(naming.IAMRole.Derive(args.Customer, args.Product, "-execution"))
}

// taskPlan is the product's own role. Without policies it may do nothing.
func (args *ServiceArgs) taskPlan() plan {
	r := plan{
		Role: args.TaskRole, site: args.site(), key: "taskRole.", child: childTask, tags: args.tags(), trust: args.trust(),
		description: "What " + args.Product + " may do", given: args.TaskPolicies,
	}
	return r.named(naming.IAMRole.Derive(args.Customer, args.Product, "-task"))
}

func newTaskDefinition(ctx *pulumi.Context, children *family.Family, args *ServiceArgs, execution, task *registered) (*ecs.TaskDefinition, error) {
	containers, err := args.containerDefinitions()
	if err != nil {
		return nil, err
	}
	return ecs.NewTaskDefinition(ctx, children.Name(childDefinition), &ecs.TaskDefinitionArgs{
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
	}, children.Options(childDefinition)...)
}

func newECSService(ctx *pulumi.Context, children *family.Family, args *ServiceArgs, definition *ecs.TaskDefinition, after []pulumi.Resource) (*ecs.Service, error) {
	inputs := &ecs.ServiceArgs{
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
	}
	var balanced ecs.ServiceLoadBalancerArray
	for _, group := range args.TargetGroups {
		balanced = append(balanced, &ecs.ServiceLoadBalancerArgs{
			TargetGroupArn: pulumi.String(group), ContainerName: pulumi.String(args.containerName()), ContainerPort: pulumi.Int(args.Port),
		})
	}
	if balanced != nil {
		inputs.LoadBalancers = balanced
	}
	if args.HealthGrace > 0 {
		inputs.HealthCheckGracePeriodSeconds = pulumi.Int(args.HealthGrace)
	}
	options := []pulumi.ResourceOption{pulumi.DependsOn(after), settle.Option(ctx, children.Name(childService), settle.AWS, args.explain(ctx))}
	if args.again {
		inputs.ForceNewDeployment = pulumi.Bool(true)
		inputs.Triggers = pulumi.StringMap{"again": pulumi.String(time.Now().UTC().Format(time.RFC3339))}
	} else { // taking them away again would be one more update
		options = append(options, pulumi.IgnoreChanges([]string{"forceNewDeployment", "triggers"}))
	}
	if args.Autoscaled {
		options = append(options, pulumi.IgnoreChanges([]string{"desiredCount"}))
	}
	return ecs.NewService(ctx, children.Name(childService), inputs, children.Options(childService, options...)...)
}

// pushing is how long, in seconds, a pipeline has that pushes as soon as the
// repository is there.
const pushing = 15

// checkPushed refuses a service whose image the vendor's repository does not hold,
// once what is granted is there. Whoever may not look asks ECS: nothing else is known.
func checkPushed(ctx *pulumi.Context, args *ServiceArgs) error {
	if ctx.DryRun() || args.Vendor == nil || args.replicas() == 0 {
		return nil
	}
	granted := []any{}
	for _, resource := range args.After {
		granted = append(granted, resource.URN())
	}
	if _, err := internals.UnsafeAwaitOutput(ctx.Context(), pulumi.All(granted...)); err != nil {
		return nil //nolint:nilerr // the engine has said why a registration failed
	}
	wanted := &ecr.GetImageArgs{RegistryId: &args.Repository.Account, RepositoryName: args.Repository.Name}
	if args.Digest != "" {
		wanted.ImageDigest = &args.Digest
	} else {
		wanted.ImageTag = &args.Tag
	}
	looks := 1
	if args.First {
		looks += pushing
	}
	for look := range looks {
		if look > 0 {
			time.Sleep(time.Second)
		}
		_, err := ecr.GetImage(ctx, wanted, pulumi.Provider(args.Vendor))
		if err == nil || !strings.Contains(err.Error(), "ImageNotFoundException") {
			return nil //nolint:nilerr // nobody knows better than ECS
		}
	}
	return fmt.Errorf("aws.Service: %s (everything but the service is there)", args.Image().Missing(ctx.Stack()))
}

// explain says where to read why tasks do not start: the provider says only that
// they did not, after 20 minutes
// (https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/ecs/service.go).
func (args *ServiceArgs) explain(ctx *pulumi.Context) func(text string) {
	return func(text string) {
		if strings.Contains(text, "tfSTABLE") {
			_ = ctx.Log.Error("aws.Service: the tasks of service "+args.serviceName()+" did not start: "+args.events("CLUSTER", ctx.Stack()), nil)
		}
	}
}

// events is how to learn what ECS knows, and what to do about the likeliest.
func (args *ServiceArgs) events(cluster, stack string) string {
	if named, known := args.Cluster.(pulumi.String); known {
		cluster = string(named)
	}
	return fmt.Sprintf("`aws ecs describe-services --region %s --cluster %s --services %s` says why in its events. "+
		"Where they say CannotPullContainerError and \"not found\", %s", args.Region, cluster, args.serviceName(), args.Image().Missing(stack))
}

// checkDeployed refuses a service that settled on another revision than the wanted
// one: its circuit breaker rolled the deployment back, and for the provider the
// update succeeded (https://github.com/hashicorp/terraform-provider-aws/issues/20858).
// The revision that runs is in the state, so that the next update tries again. An
// error inside an apply would be lost, hence the wait.
func checkDeployed(ctx *pulumi.Context, args *ServiceArgs, service *ecs.Service, definition *ecs.TaskDefinition) error {
	if ctx.DryRun() {
		return nil
	}
	settled, err := internals.UnsafeAwaitOutput(ctx.Context(), pulumi.All(service.TaskDefinition, definition.Arn, service.Cluster))
	if err != nil || !settled.Known {
		return nil //nolint:nilerr // the engine has said why a registration failed
	}
	values := settled.Value.([]any)
	runs, _ := values[0].(*string)
	wanted := values[1].(string)
	if runs == nil || *runs == wanted {
		return nil
	}
	cluster, _ := values[2].(string)
	return fmt.Errorf("aws.Service: service %s runs %s again and not %s with image %s: ECS's circuit breaker rolled the deployment back, "+
		"because its tasks did not start or were not healthy. %s. Mend it and run `pulumi up -s %s`, which tries again; or go back to the release that runs",
		args.serviceName(), *runs, wanted, args.Image(), args.events(cluster, ctx.Stack()), ctx.Stack())
}
