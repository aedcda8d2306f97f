package aws

import (
	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/lookup"
)

// What exists already under a name that is about to be used is refused before
// anything is registered, but for what carries the tags of this customer and
// product. One call each; a call that fails has found nothing: there is nothing, or
// the operator may not look, and the cloud refuses the name later.

const takeOver = "or its import, where it is to be taken over (docs/adoption.md)"

// lookUpOnce asks a component's look-up, unless the caller has, with the provider
// that the component's children would inherit.
func lookUpOnce(
	ctx *pulumi.Context, looked bool, lookUp func(*pulumi.Context, ...pulumi.InvokeOption) error, opts []pulumi.ResourceOption,
) error {
	if looked {
		return nil
	}
	options, err := lookup.Options[*pulumiaws.Provider](opts)
	if err != nil {
		return err
	}
	return lookUp(ctx, options...)
}

// LookUp refuses a repository of somebody else's, and an existing one with another
// customer's statements in its policy. NewImageGrant does so too, where it was not
// called before.
func (args *ImageGrantArgs) LookUp(ctx *pulumi.Context, opts ...pulumi.InvokeOption) error {
	if err := args.Validate("roleArns"); err != nil {
		return err
	}
	args.looked = true
	p := check.Of("aws.ImageGrant")
	switch {
	case args.Repository.Existing && args.OwnRoles: // its policy is not written
	case args.Repository.Existing:
		args.checkShared(ctx, p, opts)
	case args.Children[childRepository].Import == "":
		found, err := ecr.LookupRepository(ctx, &ecr.LookupRepositoryArgs{Name: args.repositoryName()}, opts...)
		if err == nil && !args.owner().Owns(found.Tags) {
			p.Add("repository.name", "%q: the registry has it already, and its tags are not this customer's and product's: "+
				"want another name, existing: true for one that somebody else looks after, %s", args.repositoryName(), takeOver)
		}
	}
	return p.Err()
}

// checkFree notes a role of somebody else's under the plan's name.
func (r plan) checkFree(ctx *pulumi.Context, p *check.Problems, o labels.Owner, imported string, opts []pulumi.InvokeOption) {
	if imported != "" {
		return
	}
	found, err := iam.LookupRole(ctx, &iam.LookupRoleArgs{Name: r.Name}, opts...)
	if err == nil && !o.Owns(found.Tags) {
		p.Add(r.key+"name", "%q: the account has this role already, and its tags are not this customer's and product's: want another name, %s",
			r.Name, takeOver)
	}
}

// LookUp refuses a role of somebody else's, and an OIDC provider that does not fit
// the trust. NewServiceAccountRole does so too, where it was not called before.
func (args *ServiceAccountRoleArgs) LookUp(ctx *pulumi.Context, opts ...pulumi.InvokeOption) error {
	if err := args.Validate(); err != nil {
		return err
	}
	args.looked = true
	p := check.Of("aws.ServiceAccountRole")
	if args.Children[childProvider].Import == "" {
		args.kept = args.Trust.lookUp(ctx, p, args.subject(), opts)
	}
	args.plan().checkFree(ctx, p, args.owner(), args.Children[childRole].Import, opts)
	return p.Err()
}

// LookUp refuses roles and a service of somebody else's. NewService does so too,
// where it was not called before.
func (args *ServiceArgs) LookUp(ctx *pulumi.Context, opts ...pulumi.InvokeOption) error {
	if err := args.Validate(); err != nil {
		return err
	}
	args.looked = true
	p := check.Of("aws.Service")
	for _, r := range []plan{args.executionPlan(), args.taskPlan()} {
		r.checkFree(ctx, p, args.owner(), args.Children[r.child].Import, opts)
	}
	cluster, known := args.Cluster.(pulumi.String)
	if !args.First || !known || args.Children[childService].Import != "" {
		return p.Err()
	}
	found, err := ecs.LookupService(ctx, &ecs.LookupServiceArgs{ClusterArn: args.clusterARN(string(cluster)), ServiceName: args.serviceName()}, opts...)
	if err != nil {
		return p.Err()
	}
	if args.again = args.owner().Owns(found.Tags); !args.again {
		p.Add("name", "%q: the cluster has this service already, and its tags are not this customer's and product's: want another name, %s",
			args.serviceName(), takeOver)
	}
	return p.Err()
}
