package gcp

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/settle"
)

// maxGeneration keeps the derived pool IDs within Google's length.
const maxGeneration = 99

var (
	projectPattern  = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	locationPattern = regexp.MustCompile(`^[a-z]+(-[a-z]+[0-9]+)?$`)
	upstreamPattern = regexp.MustCompile(`^projects/[a-z0-9:.-]+/locations/[a-z0-9-]+/repositories/([a-z]([a-z0-9-]*[a-z0-9])?|((asia|eu|us)\.)?gcr\.io)$`)
)

// ImageGrant lets the workloads of one customer that pull, one for each of its
// environments, read one repository; or the nodes of its clusters on GKE.
type ImageGrant struct {
	pulumi.ResourceState

	// RegistryHost is LOCATION-docker.pkg.dev.
	RegistryHost pulumi.StringOutput `pulumi:"registryHost"`
	// Repository is the path below the host: PROJECT/NAME.
	Repository pulumi.StringOutput `pulumi:"repository"`
	// ProjectNumber, Pool and ServiceAccount are the identifiers that the
	// customer's side needs; the last is an email. Where nodes pull, there are
	// none of them.
	ProjectNumber  pulumi.StringOutput `pulumi:"projectNumber"`
	Pool           pulumi.StringOutput `pulumi:"pool"`
	ServiceAccount pulumi.StringOutput `pulumi:"serviceAccount"`

	// Readers are what each reader gets, by its name; one that waits has none.
	Readers map[string]ReaderGrant
	// WaitFor are the rights to read, to depend on where nodes pull, and not the
	// component: the SDK learns of a component's children while they are registered, so
	// that a dependency on it may miss some.
	WaitFor []pulumi.Resource
}

// ReaderGrant is what one reader gets.
type ReaderGrant struct {
	// Provider is the ID of the provider that trusts the reader.
	Provider pulumi.StringOutput
	// CredentialConfig is Google's credential configuration as JSON.
	CredentialConfig pulumi.StringOutput
	// Ready resolves once provider and bindings exist. Its value changes with
	// whom the provider trusts, and when one of them is replaced.
	Ready pulumi.StringArrayOutput
}

// ImageGrantArgs says which repository, and who may read it.
type ImageGrantArgs struct {
	// Customer is the customer's slug, which the IDs are derived from, and
	// Product the product's name; both label the repository. Required.
	Customer, Product string
	// Project is the vendor's project ID. Required.
	Project string
	// Location is the repository's region or multi-region. Required.
	Location string
	// Repository is the one repository that may be read.
	Repository Repository
	// Readers are who may read, each through a provider and with a binding of
	// its own, so that none can become another. At least one, unless Nodes pull;
	// all of one kind of trust.
	Readers []Reader
	// Nodes are the service accounts of the customer's GKE nodes that read by
	// themselves, in place of Readers: every pod of such a node may pull. Their
	// emails have the form NAME@PROJECT.iam.gserviceaccount.com, or that of Compute
	// Engine's default account, NUMBER-compute@developer.gserviceaccount.com.
	Nodes []string
	// NodesWait is true while the customer has not said which nodes pull.
	NodesWait bool
	// Suspended takes the right to read from the readers or the nodes, and changes
	// nothing else: no value that Ready has, no name.
	Suspended bool
	// Generation numbers the pool: a deleted pool keeps its ID for 30 days, so
	// that making it again within them takes the next number. Where PoolID says
	// which pool, it numbers the pool's providers, which keep theirs as long. 0 and
	// 1 both mean the first, whose ID has no number; at most 99.
	Generation int
	// PoolID replaces the pool's derived ID: 4 to 32 of a-z, 0-9 and hyphens, without
	// the prefix gcp-. A derived ID names the kind of trust; the ID that a pool has
	// lets it stay when the trust becomes another.
	PoolID string
	// ServiceAccountID replaces the derived ID of the service account: 6 to 30
	// characters.
	ServiceAccountID string
	// Tags are added to the labels of everything that has labels: at most 62.
	Tags map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "pool", "provider", or "provider-READER"
	// where readers have names.
	Children map[string]child.Options
	// Found is what LookUp found; NewImageGrant looks up where it is nil.
	Found *Found
}

func (args *ImageGrantArgs) owner() labels.Owner {
	return labels.Owner{Customer: args.Customer, Product: args.Product}
}

func (args *ImageGrantArgs) repositoryName() string {
	return cmp.Or(args.Repository.Name, naming.Repository.Derive(args.Customer, args.Product, ""))
}

// word is that of the readers' kind of trust.
func (args *ImageGrantArgs) word() string { return args.Readers[0].Trust.word() }

func (args *ImageGrantArgs) poolID() string {
	suffix := "-" + args.word() + "-pool"
	if args.Generation > 1 {
		suffix += fmt.Sprintf("-%d", args.Generation)
	}
	return cmp.Or(args.PoolID, naming.Pool.Derive(args.Customer, args.Product, suffix))
}

func (args *ImageGrantArgs) providerID(r Reader) string {
	word := args.word()
	if args.PoolID != "" && args.Generation > 1 {
		word += fmt.Sprintf("-%d", args.Generation)
	}
	return naming.Provider.Derive(args.Customer, "", "-"+word+"-"+cmp.Or(r.Name, unnamed))
}

func (args *ImageGrantArgs) serviceAccountID() string {
	return cmp.Or(args.ServiceAccountID, naming.ServiceAccount.Derive(args.Customer, args.Product, "-pull"))
}

// Children of an ImageGrant. Those of a reader with a name end in it.
const (
	childRepository     = "repository"      // gcp:artifactregistry/repository:Repository
	childUpstreamReader = "upstream-reader" // gcp:artifactregistry/repositoryIamMember:RepositoryIamMember
	childReader         = "reader"          // the same; reader-ACCOUNT for each node
	childAccount        = "account"         // gcp:serviceaccount/account:Account
	childPool           = "pool"            // gcp:iam/workloadIdentityPool:WorkloadIdentityPool
	childProvider       = "provider"        // gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider
	childImpersonation  = "impersonation"   // gcp:serviceaccount/iAMMember:IAMMember
)

func (args *ImageGrantArgs) children() []string {
	var children []string
	if !args.Repository.Existing {
		children = append(children, childRepository)
	}
	if args.foreignUpstream() {
		children = append(children, childUpstreamReader)
	}
	for _, node := range args.Nodes {
		if !args.Suspended {
			children = append(children, nodeReader(node))
		}
	}
	if len(args.Readers) > 0 {
		children = append(children, childAccount, childPool)
		if !args.Suspended {
			children = append(children, childReader)
		}
	}
	for _, r := range args.Readers {
		if !r.Waiting {
			children = append(children, childProvider+r.suffix(), childImpersonation+r.suffix())
		}
	}
	return children
}

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *ImageGrantArgs) Validate(later ...string) error {
	p := check.Of("gcp.ImageGrant", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	if !projectPattern.MatchString(args.Project) {
		p.Add("project", "%q: want the vendor's project ID, not its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last a letter or digit", args.Project)
	}
	if !locationPattern.MatchString(args.Location) {
		p.Add("location", "%q: want a region such as europe-west1, or a multi-region such as europe", args.Location)
	}
	p.Range("generation", args.Generation, 0, maxGeneration)
	args.Repository.validate(p, args.Location)
	if args.PoolID != "" {
		p.Error("poolId", naming.Pool.Check(args.PoolID))
	}
	labels.GCP.Check(p, args.owner(), args.Tags)
	family.Check(p, args.children(), args.Children)
	if args.ServiceAccountID != "" {
		p.Error("serviceAccountId", naming.ServiceAccount.Check(args.ServiceAccountID))
	}
	args.validateReaders(p)
	return p.Err()
}

// NewImageGrant registers the repository; for readers the service account with
// its right to read, the pool, and for each a provider and a binding; for nodes
// their right to read.
func NewImageGrant(ctx *pulumi.Context, name string, args *ImageGrantArgs, opts ...pulumi.ResourceOption) (*ImageGrant, error) {
	if args == nil {
		return nil, errors.New("gcp.ImageGrant: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	found := args.Found
	if found == nil {
		var err error
		if found, err = args.LookUp(ctx, opts...); err != nil {
			return nil, err
		}
	}
	component := &ImageGrant{Readers: map[string]ReaderGrant{}}
	inputs := pulumi.Map{
		"project":    pulumi.String(args.Project),
		"location":   pulumi.String(args.Location),
		"repository": pulumi.String(args.repositoryName()),
	}
	if len(args.Readers) > 0 {
		inputs["pool"] = pulumi.String(args.poolID())
	}
	if err := ctx.RegisterComponentResourceV2("waybill:gcp:ImageGrant", name, inputs, component, opts...); err != nil {
		return nil, err
	}
	b := &imageGrantBuilder{
		ctx: ctx, name: name, args: args, component: component,
		children: family.Of(name, component, args.children(), args.Children),
	}
	if err := b.build(found.serviceAgent); err != nil {
		return nil, err
	}
	return component, ctx.RegisterResourceOutputs(component, component.outputs(args))
}

func (grant *ImageGrant) outputs(args *ImageGrantArgs) pulumi.Map {
	outputs := pulumi.Map{"registryHost": grant.RegistryHost, "repository": grant.Repository}
	if len(args.Readers) == 0 {
		return outputs
	}
	providers, configs, ready := pulumi.StringMap{}, pulumi.StringMap{}, pulumi.Map{}
	for name, reader := range grant.Readers {
		providers[name], configs[name], ready[name] = reader.Provider, reader.CredentialConfig, reader.Ready
	}
	outputs["projectNumber"], outputs["pool"], outputs["serviceAccount"] = grant.ProjectNumber, grant.Pool, grant.ServiceAccount
	outputs["providers"], outputs["credentialConfigs"], outputs["ready"] = providers, configs, ready
	return outputs
}

// imageGrantBuilder holds what the children share.
type imageGrantBuilder struct {
	ctx       *pulumi.Context
	name      string
	args      *ImageGrantArgs
	component *ImageGrant
	children  *family.Family
	// repository is the repository's name.
	repository pulumi.StringInput
}

func (b *imageGrantBuilder) build(serviceAgent string) error {
	repository, made, err := newRepository(b.ctx, b.children, b.args)
	if err != nil {
		return err
	}
	b.repository = repository
	b.component.RegistryHost = pulumi.String(RegistryHost(b.args.Location)).ToStringOutput()
	b.component.Repository = pulumi.Sprintf("%s/%s", ProjectPath(b.args.Project), repository)
	var shared pulumi.StringArray // what every reader waits for
	if serviceAgent != "" {
		upstream, err := b.buildUpstreamReader(serviceAgent, made)
		if err != nil {
			return err
		}
		shared = append(shared, upstream.ID().ToStringOutput())
	}
	if len(b.args.Readers) == 0 {
		return b.buildNodeReaders()
	}
	return b.buildReaders(shared)
}

// settles lets a child be tried again that refers to something new.
func (b *imageGrantBuilder) settles(child string) pulumi.ResourceOption {
	return settle.Option(b.ctx, b.children.Name(child), settle.Google)
}

// member lets somebody read the repository.
func (b *imageGrantBuilder) member(child string, member pulumi.StringInput, opts ...pulumi.ResourceOption) (*artifactregistry.RepositoryIamMember, error) {
	return artifactregistry.NewRepositoryIamMember(b.ctx, b.children.Name(child), &artifactregistry.RepositoryIamMemberArgs{
		Project:    pulumi.String(b.args.Project),
		Location:   pulumi.String(b.args.Location),
		Repository: b.repository,
		Role:       pulumi.String(read),
		Member:     member,
	}, b.children.Options(child, opts...)...)
}

// buildUpstreamReader lets the service agent of the virtual repository's project
// read the release repository of another project: without it a virtual
// repository serves nothing of it
// (https://cloud.google.com/artifact-registry/docs/repositories/virtual-repo#permissions).
// The agent exists once its project has had a repository. Its binding is one for
// everybody whose repository shows that upstream, so it outlives this one.
func (b *imageGrantBuilder) buildUpstreamReader(serviceAgent string, made []pulumi.Resource) (*artifactregistry.RepositoryIamMember, error) {
	upstream := b.args.Repository.upstream()
	return artifactregistry.NewRepositoryIamMember(b.ctx, b.children.Name(childUpstreamReader), &artifactregistry.RepositoryIamMemberArgs{
		Project:    pulumi.String(upstream.project),
		Location:   pulumi.String(upstream.location),
		Repository: pulumi.String(upstream.name),
		Role:       pulumi.String(read),
		Member:     pulumi.String("serviceAccount:" + serviceAgent),
	}, b.children.Options(childUpstreamReader, pulumi.DependsOn(made), pulumi.RetainOnDelete(true), b.settles(childUpstreamReader))...)
}

// RegistryHost is the host of Artifact Registry in a location.
func RegistryHost(location string) string { return location + "-docker.pkg.dev" }

// ProjectPath is a project in the paths of images, where the colon of a domain's project
// is a slash.
func ProjectPath(project string) string { return strings.ReplaceAll(project, ":", "/") }
