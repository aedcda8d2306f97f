package aws

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/subject"
)

// ServiceAccountRole is the role that one ServiceAccount of one cluster becomes:
// the refresher's, which reads the vendor's repository, or a workload's own. It is
// in the account of the customer's EKS cluster, or for any cluster in the vendor's.
type ServiceAccountRole struct {
	pulumi.ResourceState

	// RoleARN is what its account's owner tells the other party.
	RoleARN pulumi.StringOutput `pulumi:"roleArn"`
	// Ready resolves once the role holds its policies and, for Pod Identity,
	// the association exists. Its value changes when one of them is replaced, and
	// lacks the policies' attachments while the role is suspended.
	Ready pulumi.StringArrayOutput `pulumi:"ready"`
	// WaitFor are the resources to depend on, and not the component: the SDK learns of
	// a component's children while they are registered, so that a dependency on it may
	// miss some.
	WaitFor []pulumi.Resource
}

// ServiceAccountRoleArgs says who becomes the role, and what it may do.
type ServiceAccountRoleArgs struct {
	// Customer is the customer's slug and Product the product's name: they name
	// and tag the role. Required.
	Customer, Product string
	// Environment is the customer's environment, where it has several: 2 to 12
	// of a-z, 0-9 and hyphens. It ends the role's default name.
	Environment string
	// Account is the role's AWS account, 12 digits, and Region the cluster's, or
	// of a cluster that is not of AWS any of the account's partition. Required.
	Account, Region string
	// Trust says how the ServiceAccount becomes the role: IRSA or PodIdentity.
	// Required.
	Trust Trust
	// Namespace and ServiceAccount name the account. Required.
	Namespace, ServiceAccount string
	// Pull is the repository that the role may read; nil for a workload's own
	// role, which needs Policies then.
	Pull *RepositoryRef
	// Waiting is true while the vendor has not said which repository it is: the
	// role is the one that pulls, and may do nothing yet. Pull is nil then.
	Waiting bool
	// Suspended takes from the role what it may do, and changes nothing else: its
	// policies stay, attached to nothing, or go where they are inline.
	Suspended bool
	// Policies are what else the role may do.
	Policies []Policy
	// Role is how the role is made. Default name: SLUG--PRODUCT-pull, or
	// SLUG--PRODUCT-product where Pull is nil and Waiting false, with --ENVIRONMENT.
	Role Role
	// Tags are added to everything's own: at most 48.
	Tags map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "role", "role-policy", "provider".
	Children map[string]child.Options

	// kept is the ID of an OIDC provider that is taken over.
	kept string
	// looked is true once LookUp has run.
	looked bool
}

func (args *ServiceAccountRoleArgs) owner() labels.Owner {
	return labels.Owner{Customer: args.Customer, Product: args.Product}
}

func (args *ServiceAccountRoleArgs) subject() trusted {
	return trusted{
		ServiceAccount: subject.ServiceAccount{Namespace: args.Namespace, Name: args.ServiceAccount},
		site:           siteOf(args.Account, args.Region),
		owner:          args.owner(),
		tags:           args.owner().Cloud(args.Tags),
		kept:           args.kept,
	}
}

// plan is the role without its trust, which validate may find missing.
func (args *ServiceAccountRoleArgs) plan() plan {
	s := args.subject()
	r := plan{
		Role: args.Role, site: s.site, key: "role.", child: childRole, tags: s.tags, given: args.Policies,
		description: "What " + s.String() + " becomes", suspended: args.Suspended,
	}
	suffix := "-product"
	if args.Pull != nil || args.Waiting {
		suffix = "-pull"
	}
	if args.Pull != nil {
		r.own = args.Pull.pullStatements()
	}
	if args.Environment != "" {
		suffix += "--" + args.Environment
	}
	if args.Trust != nil {
		r.trust = args.Trust.document(s)
	}
	return r.named(naming.IAMRole.Derive(args.Customer, args.Product, suffix))
}

// Children of a ServiceAccountRole: the role with its policies, and what its
// trust registers.
const (
	childRole        = "role"
	childProvider    = "provider"    // aws:iam/openIdConnectProvider:OpenIdConnectProvider
	childAssociation = "association" // aws:eks/podIdentityAssociation:PodIdentityAssociation
)

func (args *ServiceAccountRoleArgs) children() []string {
	children := args.plan().children()
	if args.Trust != nil {
		children = append(children, args.Trust.children()...)
	}
	return children
}

// RoleARN is known before the role exists: what the vendor may grant to.
func (args *ServiceAccountRoleArgs) RoleARN() string { return args.plan().arn() }

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *ServiceAccountRoleArgs) Validate(later ...string) error {
	p := check.Of("aws.ServiceAccountRole", later...)
	s := args.subject()
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	if args.Environment != "" {
		p.Error("environment", naming.CheckEnvironment(args.Environment))
	}
	labels.AWS.Check(p, args.owner(), args.Tags)
	s.site.check(p, "", "the role's AWS account")
	s.Validate(p, "")
	if args.Trust == nil {
		p.Add("trust", "is missing: want IRSA or PodIdentity")
	} else {
		args.Trust.validate(p, s)
	}
	switch {
	case args.Pull != nil && args.Waiting:
		p.Add("waiting", "and pull are both given: want one of them")
	case args.Pull != nil:
		args.Pull.validate(p, s.site)
	case len(args.Policies) == 0 && !args.Waiting:
		p.Add("policies", "and pull are missing: want something that the role may do")
	}
	args.plan().validate(p)
	family.Check(p, args.children(), args.Children)
	return p.Err()
}

// NewServiceAccountRole registers the role and its policies, and what its trust
// needs: the OIDC provider, or the Pod Identity association.
func NewServiceAccountRole(ctx *pulumi.Context, name string, args *ServiceAccountRoleArgs, opts ...pulumi.ResourceOption) (*ServiceAccountRole, error) {
	if args == nil {
		return nil, errors.New("aws.ServiceAccountRole: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	if err := lookUpOnce(ctx, args.looked, args.LookUp, opts); err != nil {
		return nil, err
	}
	s := args.subject()
	component := &ServiceAccountRole{}
	inputs := pulumi.Map{
		"account": pulumi.String(args.Account),
		"region":  pulumi.String(args.Region),
		"subject": pulumi.String(s.String()),
		"roleArn": pulumi.String(args.RoleARN()),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:aws:ServiceAccountRole", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	children := family.Of(name, component, args.children(), args.Children)
	first, err := args.Trust.before(ctx, children, s)
	if err != nil {
		return nil, err
	}
	role, err := args.plan().register(ctx, children, pulumi.DependsOn(first))
	if err != nil {
		return nil, err
	}
	last, err := args.Trust.after(ctx, children, s, role.role)
	if err != nil {
		return nil, err
	}

	component.RoleARN = role.role.Arn
	component.WaitFor = role.policies
	for _, resource := range last {
		role.ready = append(role.ready, resource.ID().ToStringOutput())
		component.WaitFor = append(component.WaitFor, resource)
	}
	component.Ready = role.ready.ToStringArrayOutput()
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{
		"roleArn": component.RoleARN,
		"ready":   component.Ready,
	})
}
