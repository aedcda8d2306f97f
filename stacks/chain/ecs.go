package chain

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// ecsFargate is the chain of a customer on ECS with Fargate:
//
//	task execution role → vendor's ECR → the agent pulls
type ecsFargate struct{ onAmazon }

func (ecsFargate) reads() reads {
	r := amazonReads(customerOnAWS.And(config.Reads{
		Needs: []string{"product.port", "ecs.cluster", "ecs.subnets", "ecs.securityGroups"},
		Uses: []string{
			"product.tag", "product.digest", "product.healthPath", "aws.customer.profile", "ecs...",
			"workload.replicas", "workload.autoscaled", "workload.command...", "workload.args...", "workload.env...", "workload.policies...",
		},
	}))
	r.ofCustomer = customerOnAWS // a service has no environments
	r.remembers = true
	return r
}

func (ecsFargate) customer(s *config.Settings, granted *exchange.AccessGrant, last exchange.Outputs) customer {
	c := &ecsService{s: s, repository: vendorRepository(s, granted)}
	c.args = c.build(last[exchange.ServiceName] == nil)
	return c
}

// ecsService is the customer's half: the service with its roles.
type ecsService struct {
	s *config.Settings
	// repository is the vendor's; nil while its grant has not come.
	repository *aws.RepositoryRef
	provider   pulumi.ProviderResource
	// args are the service's, which remember what a look-up found.
	args *aws.ServiceArgs
}

func (c *ecsService) check(problems *config.Problems) {
	c.s.ExactlyOne(problems, "product", "tag", "digest")
}

// build gives the service's arguments; first says that none was deployed yet.
func (c *ecsService) build(first bool) *aws.ServiceArgs {
	s := c.s
	e, w := s.ECS, s.Workload
	args := &aws.ServiceArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: s.AWS.Customer.Account, Region: s.AWS.Customer.Region,
		Cluster: pulumi.String(e.Cluster),
		Tag:     s.Product.Tag, Digest: s.Product.Digest,
		CPU: e.CPU, Memory: e.Memory, Architecture: aws.Architecture(e.Architecture),
		Port:    s.Product.Port,
		Command: w.Command, Arguments: w.Args, Env: w.Env, Secrets: e.Secrets, SecretKeys: e.SecretKeys,
		Health: aws.Health{
			Path: s.Product.HealthPath, Command: e.Health.Command, Interval: e.Health.Interval, Timeout: e.Health.Timeout,
			Retries: e.Health.Retries, StartPeriod: e.Health.StartPeriod,
		},
		Logs: aws.Logs{RetentionDays: e.LogRetentionDays},
		Network: aws.Network{
			Subnets:        pulumi.ToStringArray(e.Subnets),
			SecurityGroups: pulumi.ToStringArray(e.SecurityGroups),
			PublicIP:       e.PublicIP,
		},
		TargetGroups:  e.TargetGroups,
		HealthGrace:   e.HealthGrace,
		Replicas:      w.Replicas,
		Autoscaled:    w.Autoscaled,
		ExecutionRole: aws.Role(e.ExecutionRole),
		TaskRole:      aws.Role(e.TaskRole),
		TaskPolicies:  policiesOf(w),
		First:         first,
		Tags:          s.Tags,
		Children:      adopted(s, "service", "service", "execution", "task"),
	}
	args.Repository = aws.RepositoryRef{Account: s.AWS.Vendor.Account, Region: s.AWS.Vendor.Region}
	if c.repository != nil {
		args.Repository = *c.repository
	}
	return args
}

func (c *ecsService) keys() config.Keys {
	keys := config.Keys{
		"customer": "slug", "product": "product.name", "account": "aws.customer.account", "region": "aws.customer.region", "cluster": "ecs.cluster",
		"name": "product.name", "tag": "product.tag", "digest": "product.digest", "size": "ecs.memory", "architecture": "ecs.architecture",
		"port": "product.port", "replicas": "workload.replicas", "env": "workload.env", "command": "workload.command", "arguments": "workload.args",
		"secrets": "ecs.secrets", "secretKeys": "ecs.secretKeys", "health": "ecs.health", "health.path": "product.healthPath", "logs.retentionDays": "ecs.logRetentionDays",
		"logs": "ecs", "network.subnets": "ecs.subnets", "network.securityGroups": "ecs.securityGroups", "network": "ecs",
		"targetGroups": "ecs.targetGroups", "healthGrace": "ecs.healthGraceSeconds",
		"executionRole": "ecs.executionRole", "taskRole": "ecs.taskRole", "tags": "tags",
		"repository": "aws.vendor",
	}
	for of, key := range repositoryKeys {
		keys["repository."+of] = key
	}
	policyKeys(keys, "taskRole.policies", "workload", c.s.Workload)
	return keys
}

// validate checks what does not depend on the grant also while it has not come.
func (c *ecsService) validate(problems *config.Problems) {
	var later []string
	if c.repository == nil {
		later = append(later, "repository.name")
	}
	problems.Component(c.args.Validate(later...), c.keys())
}

func (c *ecsService) pullers() pullers {
	return pullers{config.DefaultEnvironment: {roles: []string{c.args.ExecutionRoleARN()}}}
}

func (c *ecsService) lookUp(ctx *pulumi.Context) (err error) {
	if c.repository == nil {
		return nil
	}
	if c.provider, err = newAWSProvider(ctx, "aws-customer", c.s.AWS.Customer); err != nil {
		return err
	}
	return config.Named(c.args.LookUp(ctx, pulumi.Provider(c.provider)), c.keys())
}

func (c *ecsService) identify(*pulumi.Context) (pullers, error) { return c.pullers(), nil }

// deploy registers the service; while the stack waits nothing, since a task needs an
// image.
func (c *ecsService) deploy(ctx *pulumi.Context, g *grant) error {
	if g == nil {
		return nil
	}
	c.args.After = g.resources
	if !c.s.Suspended {
		c.args.Vendor = g.provider // what is suspended pulls nothing
	}
	service, err := aws.NewService(ctx, "service", c.args, pulumi.Providers(c.provider))
	if err != nil {
		return config.Named(err, c.keys())
	}
	ctx.Export("image", pulumi.String(c.args.Image().String()))
	ctx.Export(exchange.ServiceName, service.ServiceARN)
	ctx.Export("logGroup", service.LogGroup)
	return nil
}
