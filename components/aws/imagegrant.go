package aws

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/policy"
	"waybill.example/waybill/components/internal/settle"
)

// ImageGrant lets roles of one customer read one repository of the vendor's.
type ImageGrant struct {
	pulumi.ResourceState

	// RegistryHost is ACCOUNT.dkr.ecr.REGION.SUFFIX.
	RegistryHost pulumi.StringOutput `pulumi:"registryHost"`
	// Repository is the path below the host, RepositoryARN what policies name.
	Repository    pulumi.StringOutput `pulumi:"repository"`
	RepositoryARN pulumi.StringOutput `pulumi:"repositoryArn"`
	// Ready resolves once the repository's policy exists, and is that policy:
	// its value changes when others may read. While the customer is suspended it is
	// the policy that resuming will write.
	Ready pulumi.StringArrayOutput `pulumi:"ready"`
	// WaitFor are the resources to depend on, and not the component: the SDK learns of
	// a component's children while they are registered, so that a dependency on it may
	// miss some.
	WaitFor []pulumi.Resource
}

// ImageGrantArgs says which repository, and who may read it.
type ImageGrantArgs struct {
	// Customer is the customer's slug, which the repository is named after, and
	// Product the product's name; both tag the repository. Required.
	Customer, Product string
	// Account is the vendor's AWS account, 12 digits, and Region its registry's.
	// Required.
	Account, Region string
	// Repository is the one repository that may be read.
	Repository Repository
	// CustomerAccount is the customer's AWS account, 12 digits, from an
	// authenticated channel: the trust anchor. Required unless OwnRoles.
	CustomerAccount string
	// RoleARNs are the customer's roles that may read, paths included, all of
	// CustomerAccount and none with a wildcard. They need not exist yet. At
	// least one; how many fit, the policy's 10,240 characters decide.
	RoleARNs []string
	// OwnRoles is true where roles of Account itself read, by policies of their own
	// (ServiceAccountRole's): the repository gets no policy, and keeps one that it
	// has. Ready is empty then.
	OwnRoles bool
	// Waiting is true while the customer has not said which roles pull: the
	// repository is made, and nobody else may read it yet.
	Waiting bool
	// Suspended takes the right to read from the roles, and changes nothing else:
	// Ready keeps its value. Not for roles of the repository's own account.
	Suspended bool
	// Tags are added to everything's own: at most 48.
	Tags map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "repository", "lifecycle", "readers".
	Children map[string]child.Options

	// looked is true once LookUp has run.
	looked bool
}

func (args *ImageGrantArgs) site() site { return siteOf(args.Account, args.Region) }

func (args *ImageGrantArgs) owner() labels.Owner {
	return labels.Owner{Customer: args.Customer, Product: args.Product}
}

// repositoryName has a slash between slug and product: ECR refuses two hyphens.
func (args *ImageGrantArgs) repositoryName() string {
	return cmp.Or(args.Repository.Name, args.Customer+"/"+args.Product)
}

// Reference names the repository to the customer's side.
func (args *ImageGrantArgs) Reference() RepositoryRef {
	return RepositoryRef{Account: args.Account, Region: args.Region, Name: args.repositoryName()}
}

// Children of an ImageGrant.
const (
	childRepository = "repository" // aws:ecr/repository:Repository
	childLifecycle  = "lifecycle"  // aws:ecr/lifecyclePolicy:LifecyclePolicy
	childReaders    = "readers"    // aws:ecr/repositoryPolicy:RepositoryPolicy
)

func (args *ImageGrantArgs) children() []string {
	var children []string
	if !args.Repository.Existing {
		children = append(children, childRepository)
		if len(args.Repository.lifecycleRules()) > 0 {
			children = append(children, childLifecycle)
		}
	}
	if args.shares() && !args.Suspended {
		children = append(children, childReaders)
	}
	return children
}

// shares says whether a policy of the repository lets another account read.
func (args *ImageGrantArgs) shares() bool { return !args.Waiting && !args.OwnRoles }

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *ImageGrantArgs) Validate(later ...string) error {
	p := check.Of("aws.ImageGrant", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	labels.AWS.Check(p, args.owner(), args.Tags)
	family.Check(p, args.children(), args.Children)
	args.site().check(p, "", "the vendor's AWS account")
	args.Repository.validate(p, args.site())
	switch {
	case !args.OwnRoles:
		checkAccount(p, "customerAccount", args.CustomerAccount, "the customer's AWS account")
	case args.CustomerAccount != "" || len(args.RoleARNs) > 0:
		p.Add("ownRoles", "true: want neither customerAccount nor roleArns beside it")
	}
	if !args.shares() {
		return p.Err()
	}
	if args.Suspended && args.CustomerAccount == args.Account {
		p.Add("suspended", "true: and customerAccount is the repository's own, where a role may read by its own policy and needs none of the repository's: "+
			"want the customer's half destroyed, or an account of the customer's")
	}
	args.validateRoles(p)
	_, err := args.document().Render(policy.Repository)
	p.Error("roleArns", err)
	return p.Err()
}

// rolePattern is a role in its ARN. IAM allows more in a path; what a policy
// would read as a wildcard or a variable is left out.
var rolePattern = regexp.MustCompile(`^role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$`)

func (args *ImageGrantArgs) validateRoles(p *check.Problems) {
	if len(args.RoleARNs) == 0 {
		p.Add("roleArns", "none given: want the ARN of the role that pulls")
	}
	s := args.site()
	for i, text := range args.RoleARNs {
		key := fmt.Sprintf("roleArns[%d]", i)
		role := parseARN(text)
		switch {
		case strings.ContainsAny(text, "*?$"):
			p.Add(key, "%q: want one role, without wildcards or policy variables: aws:PrincipalArn would match others too", text)
		case role.service != "iam" || role.region != "" || !accountPattern.MatchString(role.account) || !rolePattern.MatchString(role.resource):
			p.Add(key, "%q: want a role's ARN with its path, arn:PARTITION:iam::ACCOUNT:role/PATH/NAME", text)
		case s.sound() && role.partition != s.partition.Name:
			p.Add(key, "%q: want a role of partition %s, where the repository is", text, s.partition.Name)
		case accountPattern.MatchString(args.CustomerAccount) && role.account != args.CustomerAccount:
			p.Add(key, "%q: want a role of customerAccount %s, the trust anchor", text, args.CustomerAccount)
		}
		if first := slices.Index(args.RoleARNs, text); first < i {
			p.Add(key, "%q: repeats roleArns[%d]", text, first)
		}
	}
}

// document is the repository's policy. Its principal is the customer's
// account, which exists whether or not the roles do: naming a role as principal
// would be refused before the role exists, and would never match its
// re-creation (docs/facts.md §1 row 11). The condition narrows it to the roles;
// their sessions carry the role's ARN too.
func (args *ImageGrantArgs) document() policy.Document {
	customer := siteOf(args.CustomerAccount, args.Region)
	return policy.Of(policy.Statement{
		Sid:       args.sid(),
		Principal: &policy.Principal{AWS: policy.Set{customer.iamARN("root")}},
		Action:    readActions(),
		Condition: policy.Condition{"ArnEquals": {"aws:PrincipalArn": args.RoleARNs}},
	})
}

// NewImageGrant registers the repository, its lifecycle policy, and the policy
// that lets the customer read it.
func NewImageGrant(ctx *pulumi.Context, name string, args *ImageGrantArgs, opts ...pulumi.ResourceOption) (*ImageGrant, error) {
	if args == nil {
		return nil, errors.New("aws.ImageGrant: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	if err := lookUpOnce(ctx, args.looked, args.LookUp, opts); err != nil {
		return nil, err
	}
	component := &ImageGrant{}
	inputs := pulumi.Map{
		"account":         pulumi.String(args.Account),
		"region":          pulumi.String(args.Region),
		"repository":      pulumi.String(args.repositoryName()),
		"customerAccount": pulumi.String(args.CustomerAccount),
		"roleArns":        pulumi.ToStringArray(args.RoleARNs),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:aws:ImageGrant", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	children := family.Of(name, component, args.children(), args.Children)
	repository, err := newRepository(ctx, children, args)
	if err != nil {
		return nil, err
	}
	ready := pulumi.StringArray{}
	if args.shares() {
		document, err := args.document().Render(policy.Repository)
		if err != nil {
			return nil, err
		}
		granted := pulumi.StringInput(pulumi.String(document))
		if !args.Suspended {
			readers, err := ecr.NewRepositoryPolicy(ctx, children.Name(childReaders), &ecr.RepositoryPolicyArgs{
				Repository: repository,
				Policy:     pulumi.String(document),
			}, children.Options(childReaders, settle.Option(ctx, children.Name(childReaders), settle.AWS))...)
			if err != nil {
				return nil, err
			}
			granted = readers.Policy
			component.WaitFor = []pulumi.Resource{readers}
		}
		ready = append(ready, granted)
	}

	reference := args.Reference()
	component.RegistryHost = pulumi.String(reference.Host()).ToStringOutput()
	component.Repository = repository.ToStringOutput()
	component.RepositoryARN = pulumi.String(reference.ARN()).ToStringOutput()
	component.Ready = ready.ToStringArrayOutput()
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{
		"registryHost":  component.RegistryHost,
		"repository":    component.Repository,
		"repositoryArn": component.RepositoryARN,
		"ready":         component.Ready,
	})
}
