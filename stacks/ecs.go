package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
)

// ecs composes the chain of a customer on ECS with Fargate:
//
//	task execution role → vendor's ECR → the agent pulls
func ecs(ctx *pulumi.Context, s *settings) error {
	grantArgs := ecrGrantArgs(s)
	serviceArgs, err := planService(s)
	if err != nil {
		return refusal(ctx, err)
	}
	if grantArgs != nil {
		if err := grantArgs.Validate(); err != nil {
			return refusal(ctx, err)
		}
	}
	var vendor, customer pulumi.ProviderResource
	if s.vendors() {
		if vendor, err = newAWSProvider(ctx, "aws-vendor", s.AWS.Vendor.AWSSite); err != nil {
			return err
		}
	}
	if serviceArgs != nil {
		if customer, err = newAWSProvider(ctx, "aws-customer", s.AWS.Customer); err != nil {
			return err
		}
	}
	grant, err := registerECRGrant(ctx, s, grantArgs, vendor)
	if err != nil {
		return err
	}
	if serviceArgs != nil {
		serviceArgs.After = grant.granted().resources
		service, err := aws.NewService(ctx, "service", serviceArgs, pulumi.Providers(customer))
		if err != nil {
			return err
		}
		ctx.Export("image", grant.granted().image(s.Product.reference(grant.repository.Name)))
		ctx.Export("service", service.ServiceARN)
		ctx.Export("logGroup", service.LogGroup)
	}
	return exportWaiting(ctx, s)
}

// planService are the service's arguments, checked; nil on the vendor's side, and
// while the customer waits: a task needs an image.
func planService(s *settings) (*aws.ServiceArgs, error) {
	repository, known := s.vendorRepository()
	if !s.customers() {
		return nil, nil
	}
	args := ecsServiceArgs(s)
	args.Repository = repository
	if !known {
		// What does not depend on the grant is checked all the same.
		args.Repository = aws.RepositoryRef{Account: s.AWS.Vendor.Account, Region: s.AWS.Vendor.Region, Name: "pending"}
	}
	if err := args.Validate(); err != nil || !known {
		return nil, err
	}
	return args, nil
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
		TaskPolicies:  policiesOf(w),
	}
}
