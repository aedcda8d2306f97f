package stacks

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
)

// ecs composes both sides for a customer on ECS with Fargate:
//
//	task execution role → vendor's ECR → the agent pulls
func ecs(ctx *pulumi.Context, s *settings) error {
	grantArgs, serviceArgs := ecrGrantArgs(s), ecsServiceArgs(s)
	serviceArgs.Repository = grantArgs.Reference()
	grantArgs.RoleARNs = []string{serviceArgs.ExecutionRoleARN()}
	if err := errors.Join(grantArgs.Validate(), serviceArgs.Validate()); err != nil {
		return refusal(ctx, err)
	}
	vendor, err := newAWSProvider(ctx, "aws-vendor", s.AWS.Vendor.AWSSite)
	if err != nil {
		return err
	}
	customer, err := newAWSProvider(ctx, "aws-customer", s.AWS.Customer)
	if err != nil {
		return err
	}

	grant, err := aws.NewImageGrant(ctx, "ecr", grantArgs, pulumi.Providers(vendor))
	if err != nil {
		return err
	}
	serviceArgs.After = []pulumi.Resource{grant}
	service, err := aws.NewService(ctx, "service", serviceArgs, pulumi.Providers(customer))
	if err != nil {
		return err
	}
	exportAWS(ctx, s, grant, service.ExecutionRoleARN)
	ctx.Export("image", pulumi.Sprintf("%s/%s", grant.RegistryHost, s.Product.reference(serviceArgs.Repository.Name)))
	ctx.Export("service", service.ServiceARN)
	ctx.Export("logGroup", service.LogGroup)
	return nil
}

func ecsServiceArgs(s *settings) *aws.ServiceArgs {
	e, w := s.ECS, s.Workload
	return &aws.ServiceArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: s.AWS.Customer.Account, Region: s.AWS.Customer.Region,
		Cluster: pulumi.String(e.Cluster),
		Tag:     s.Product.Tag, Digest: s.Product.Digest,
		CPU: e.CPU, Memory: e.Memory, Architecture: aws.Architecture(e.Architecture),
		Port:    s.Product.Port,
		Command: w.Command, Arguments: w.Args, Env: w.Env, Secrets: e.Secrets,
		Health: aws.Health{Path: s.Product.HealthPath},
		Logs:   aws.Logs{RetentionDays: e.LogRetentionDays},
		Network: aws.Network{
			Subnets:        pulumi.ToStringArray(e.Subnets),
			SecurityGroups: pulumi.ToStringArray(e.SecurityGroups),
			PublicIP:       e.PublicIP,
		},
		Replicas:      w.Replicas,
		ExecutionRole: aws.Role(e.ExecutionRole),
		TaskRole:      aws.Role(e.TaskRole),
	}
}
