package gcp

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/internal/check"
	"waybill.example/waybill/components/internal/externalaccount"
	"waybill.example/waybill/components/internal/naming"
)

// The two roles of the chain (docs/facts.md §3); no other is granted.
const (
	impersonate = "roles/iam.workloadIdentityUser"
	read        = "roles/artifactregistry.reader"
)

// maxGeneration keeps the derived pool IDs within Google's length.
const maxGeneration = 99

var (
	projectPattern  = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	locationPattern = regexp.MustCompile(`^[a-z]+(-[a-z]+[0-9]+)?$`)
	upstreamPattern = regexp.MustCompile(`^projects/[a-z0-9:.-]+/locations/[a-z0-9-]+/repositories/[a-z]([a-z0-9-]*[a-z0-9])?$`)
)

// ImageGrant lets one workload of one customer read one repository.
type ImageGrant struct {
	pulumi.ResourceState

	// RegistryHost is LOCATION-docker.pkg.dev.
	RegistryHost pulumi.StringOutput `pulumi:"registryHost"`
	// Repository is the path below the host: PROJECT/NAME.
	Repository pulumi.StringOutput `pulumi:"repository"`
	// ProjectNumber, Pool, Provider and ServiceAccount are the identifiers
	// that the customer's side needs; the last is an email.
	ProjectNumber  pulumi.StringOutput `pulumi:"projectNumber"`
	Pool           pulumi.StringOutput `pulumi:"pool"`
	Provider       pulumi.StringOutput `pulumi:"provider"`
	ServiceAccount pulumi.StringOutput `pulumi:"serviceAccount"`
	// CredentialConfig is Google's credential configuration as JSON.
	CredentialConfig pulumi.StringOutput `pulumi:"credentialConfig"`
	// Ready resolves once provider and bindings exist. Its value changes with
	// whom the provider trusts, and when one of them is replaced.
	Ready pulumi.StringArrayOutput `pulumi:"ready"`
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
	// Trust says whose tokens are accepted. Required.
	Trust Trust
	// Generation numbers the pool: a deleted pool keeps its ID for 30 days, so
	// that making it again within them takes the next number. 0 and 1 both
	// mean the first, whose ID has no number; at most 99.
	Generation int
	// ServiceAccountID replaces the derived ID of the service account: 6 to 30
	// characters.
	ServiceAccountID string
	// Labels are added to the repository's own.
	Labels map[string]string
}

func (args *ImageGrantArgs) repositoryName() string {
	if args.Repository.Name != "" {
		return args.Repository.Name
	}
	return naming.Repository.Derive(args.Customer, "")
}

func (args *ImageGrantArgs) poolID() string {
	suffix := "-" + args.Trust.word() + "-pool"
	if args.Generation > 1 {
		suffix += fmt.Sprintf("-%d", args.Generation)
	}
	return naming.Pool.Derive(args.Customer, suffix)
}

func (args *ImageGrantArgs) providerID() string {
	return naming.Provider.Derive(args.Customer, "-"+args.Trust.word()+"-provider")
}

func (args *ImageGrantArgs) serviceAccountID() string {
	if args.ServiceAccountID != "" {
		return args.ServiceAccountID
	}
	return naming.ServiceAccount.Derive(args.Customer, "-pull")
}

// Validate reports every problem of the arguments at once.
func (args *ImageGrantArgs) Validate() error {
	p := check.Of("gcp.ImageGrant")
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Required("product", args.Product, "the product's name")
	if !projectPattern.MatchString(args.Project) {
		p.Add("project", "%q: want the vendor's project ID, not its number", args.Project)
	}
	if !locationPattern.MatchString(args.Location) {
		p.Add("location", "%q: want a region such as europe-west1, or a multi-region such as europe", args.Location)
	}
	p.Range("generation", args.Generation, 0, maxGeneration)
	args.Repository.validate(p, args.repositoryName(), args.Location)
	p.Error("serviceAccountId", naming.ServiceAccount.Check(args.serviceAccountID()))
	if args.Trust == nil {
		p.Add("trust", "is missing: want EntraTrust or ClusterTrust")
	} else {
		args.Trust.validate(p)
	}
	return p.Err()
}

// NewImageGrant registers the repository, the service account, pool, provider
// and the two bindings.
func NewImageGrant(ctx *pulumi.Context, name string, args *ImageGrantArgs, opts ...pulumi.ResourceOption) (*ImageGrant, error) {
	if args == nil {
		return nil, errors.New("gcp.ImageGrant: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	component := &ImageGrant{}
	inputs := pulumi.Map{
		"project":    pulumi.String(args.Project),
		"location":   pulumi.String(args.Location),
		"repository": pulumi.String(args.repositoryName()),
		"pool":       pulumi.String(args.poolID()),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:gcp:ImageGrant", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	repository, err := newRepository(ctx, name, args, component)
	if err != nil {
		return nil, err
	}
	account, err := serviceaccount.NewAccount(ctx, name+"-account", &serviceaccount.AccountArgs{
		Project:     pulumi.String(args.Project),
		AccountId:   pulumi.String(args.serviceAccountID()),
		DisplayName: pulumi.String("Pulls images for " + args.Customer),
	}, pulumi.Parent(component))
	if err != nil {
		return nil, err
	}
	reused, err := ctx.RegisterErrorHook(name+"-reused-pool", explainReusedPool(args.poolID(), args.Generation))
	if err != nil {
		return nil, err
	}
	pool, err := iam.NewWorkloadIdentityPool(ctx, name+"-pool", &iam.WorkloadIdentityPoolArgs{
		Project:                pulumi.String(args.Project),
		WorkloadIdentityPoolId: pulumi.String(args.poolID()),
		Description:            pulumi.String("Identities of " + args.Customer + ", of nobody else"),
	}, pulumi.Parent(component), pulumi.ResourceHooks(&pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{reused}}))
	if err != nil {
		return nil, err
	}
	trust := args.Trust.provider()
	provider, err := iam.NewWorkloadIdentityPoolProvider(ctx, name+"-provider", &iam.WorkloadIdentityPoolProviderArgs{
		Project:                        pulumi.String(args.Project),
		WorkloadIdentityPoolId:         pool.WorkloadIdentityPoolId,
		WorkloadIdentityPoolProviderId: pulumi.String(args.providerID()),
		AttributeMapping:               pulumi.ToStringMap(map[string]string{"google.subject": "assertion.sub"}),
		AttributeCondition:             trust.condition,
		Oidc:                           trust.oidc,
	}, pulumi.Parent(component))
	if err != nil {
		return nil, err
	}
	// The pool's name carries the project's number; a principal needs the
	// number, and taking it from here leaves no second place to get it wrong.
	impersonation, err := serviceaccount.NewIAMMember(ctx, name+"-impersonation", &serviceaccount.IAMMemberArgs{
		ServiceAccountId: account.Name,
		Role:             pulumi.String(impersonate),
		Member:           pulumi.Sprintf("principal://iam.googleapis.com/%s/subject/%s", pool.Name, trust.subject),
	}, pulumi.Parent(component))
	if err != nil {
		return nil, err
	}
	reader, err := artifactregistry.NewRepositoryIamMember(ctx, name+"-reader", &artifactregistry.RepositoryIamMemberArgs{
		Project:    pulumi.String(args.Project),
		Location:   pulumi.String(args.Location),
		Repository: repository,
		Role:       pulumi.String(read),
		Member:     pulumi.Sprintf("serviceAccount:%s", account.Email),
	}, pulumi.Parent(component))
	if err != nil {
		return nil, err
	}

	component.RegistryHost = pulumi.Sprintf("%s-docker.pkg.dev", args.Location)
	component.Repository = pulumi.Sprintf("%s/%s", strings.ReplaceAll(args.Project, ":", "/"), repository)
	component.ProjectNumber = pool.Name.ApplyT(projectNumber).(pulumi.StringOutput)
	component.Pool = pool.WorkloadIdentityPoolId
	component.Provider = provider.WorkloadIdentityPoolProviderId
	component.ServiceAccount = account.Email
	component.CredentialConfig = credentialConfig(component, args.Trust.source())
	component.Ready = pulumi.StringArray{
		provider.Name, trust.condition, pulumi.String(trust.accepts),
		impersonation.ID().ToStringOutput(), reader.ID().ToStringOutput(),
	}.ToStringArrayOutput()
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{
		"registryHost":     component.RegistryHost,
		"repository":       component.Repository,
		"projectNumber":    component.ProjectNumber,
		"pool":             component.Pool,
		"provider":         component.Provider,
		"serviceAccount":   component.ServiceAccount,
		"credentialConfig": component.CredentialConfig,
		"ready":            component.Ready,
	})
}

// projectNumber takes N out of projects/N/locations/global/workloadIdentityPools/P.
func projectNumber(pool string) (string, error) {
	parts := strings.Split(pool, "/")
	if ok, err := path.Match("projects/[0-9]*/locations/global/workloadIdentityPools/*", pool); err != nil || !ok {
		return "", fmt.Errorf("gcp.ImageGrant: the pool's name is %q: want projects/NUMBER/locations/global/workloadIdentityPools/ID", pool)
	}
	return parts[1], nil
}

func credentialConfig(grant *ImageGrant, source externalaccount.Source) pulumi.StringOutput {
	return pulumi.All(grant.ProjectNumber, grant.Pool, grant.Provider, grant.ServiceAccount).ApplyT(func(v []any) (string, error) {
		return externalaccount.Render(externalaccount.Identifiers{
			ProjectNumber:  v[0].(string),
			Pool:           v[1].(string),
			Provider:       v[2].(string),
			ServiceAccount: v[3].(string),
		}, source)
	}).(pulumi.StringOutput)
}
