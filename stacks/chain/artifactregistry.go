package chain

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// What the vendor's half on Google Cloud reads, and what a customer's half alone
// reads of it.
var (
	grantsOnGoogle = config.Reads{
		Needs: []string{"gcp.project", "gcp.location"},
		Uses:  []string{"gcp.repository..."},
	}
	grantsToWorkloads = config.Reads{Uses: []string{"gcp.serviceAccount", "gcp.pool", "gcp.generation"}}
	// imagesByPath are the customer's: one repository holds the product's images.
	imagesByPath   = config.Reads{Uses: []string{"product.image", "workloads.*.image"}}
	vendorOnGoogle = config.Reads{Needs: []string{"gcp.project", "gcp.location"}}
	vendorsPool    = config.Reads{Needs: []string{"gcp.projectNumber"}}
)

// artifactRegistry is the vendor's half of the chains that end in Artifact Registry.
type artifactRegistry struct {
	s *config.Settings
	// readers are the workloads that read; nil where nodes do.
	readers  *readers
	provider pulumi.ProviderResource
	found    *gcp.Found
}

// lookedUp are the children that are looked up unless they are adopted.
var lookedUp = []string{"repository", "account", "pool"}

// readers are whom the vendor trusts, one in each environment.
type readers struct {
	trust func(e *config.Environment, who puller) gcp.Trust
	// keys are the configuration's by those of the trust.
	keys func(e *config.Environment) config.Keys
	// later are the arguments of the trust that are not known yet.
	later func(e *config.Environment, who puller) []string
}

func (g *artifactRegistry) args(who pullers) *gcp.ImageGrantArgs {
	r := g.s.GCP.Repository
	args := &gcp.ImageGrantArgs{
		Customer: g.s.Slug, Product: g.s.Product.Name,
		Project:  g.s.GCP.Project,
		Location: g.s.GCP.Location,
		Repository: gcp.Repository{
			Name: r.Name, Existing: r.Existing, Upstream: r.Upstream, MutableTags: r.MutableTags, KMSKey: r.KMSKey,
			Cleanup: gcp.Cleanup{Expire: r.Expire, KeepTagged: r.KeepTagged, ExpireUntaggedAfterDays: r.ExpireUntaggedAfterDays},
			Protect: r.Protect,
		},
		Suspended:        g.s.Suspended,
		Generation:       g.s.GCP.Generation,
		PoolID:           g.s.GCP.Pool,
		ServiceAccountID: g.s.GCP.ServiceAccount,
		Tags:             g.s.Tags,
		Children:         adopted(g.s, "gcp", lookedUp...),
		Found:            g.found,
	}
	for _, e := range g.s.Sorted() {
		if g.readers == nil {
			args.Nodes = append(args.Nodes, who[e.Name].nodes...)
			continue
		}
		args.Readers = append(args.Readers, gcp.Reader{Name: e.Own(), Trust: g.readers.trust(e, who[e.Name]), Waiting: who == nil})
	}
	args.NodesWait = g.readers == nil && who == nil
	return args
}

// keys are the configuration's by those of the grant's arguments.
func (g *artifactRegistry) keys() config.Keys {
	keys := config.Keys{
		"customer": "slug", "product": "product.name", "project": "gcp.project", "location": "gcp.location", "repository": "gcp.repository",
		"repository.cleanup": "gcp.repository",
		"generation":         "gcp.generation", "poolId": "gcp.pool", "serviceAccountId": "gcp.serviceAccount", "tags": "tags",
		"nodes": "gke.nodeServiceAccounts", "readers": "environments",
	}
	for _, child := range lookedUp {
		keys[fmt.Sprintf("children[%q]", child)] = "adopt.gcp-" + child
	}
	for i, e := range g.s.Sorted() {
		reader := fmt.Sprintf("readers[%d]", i)
		keys[reader], keys[reader+".name"] = "environments."+e.Name, "environments."+e.Name
		if g.readers == nil {
			continue
		}
		for of, key := range g.readers.keys(e) {
			keys[reader+".trust."+of] = key
		}
	}
	return keys
}

func (g *artifactRegistry) validate(who pullers, problems *config.Problems) {
	var later []string
	for i, e := range g.s.Sorted() {
		if g.readers == nil {
			continue
		}
		for _, key := range g.readers.later(e, who[e.Name]) {
			later = append(later, fmt.Sprintf("readers[%d].trust.%s", i, key))
		}
	}
	problems.Component(g.args(who).Validate(later...), g.keys())
}

func (g *artifactRegistry) lookUp(ctx *pulumi.Context, _ pullers) (err error) {
	if g.provider, err = newGoogleProvider(ctx, g.s); err != nil {
		return err
	}
	g.found, err = g.args(nil).LookUp(ctx, pulumi.Providers(g.provider))
	return config.Named(err, g.keys())
}

func (g *artifactRegistry) grant(ctx *pulumi.Context, who pullers) (*grant, error) {
	made, err := gcp.NewImageGrant(ctx, "gcp", g.args(who), pulumi.Providers(g.provider))
	if err != nil {
		return nil, config.Named(err, g.keys())
	}
	var rights pulumi.StringArray
	for _, right := range made.WaitFor {
		rights = append(rights, right.(pulumi.CustomResource).ID().ToStringOutput())
	}
	given := &grant{
		registry: made.RegistryHost, repository: made.Repository,
		google:    googleGrant{made.ProjectNumber, made.Pool, made.ServiceAccount},
		providers: map[string]pulumi.StringInput{}, ready: map[string]pulumi.Array{},
		resources: made.WaitFor,
		fields:    pulumi.Map{"registry": made.RegistryHost, "repository": once(rights.ToStringArrayOutput(), made.Repository)},
	}
	if g.readers == nil {
		return given, nil
	}
	environments := pulumi.Array{}
	for _, e := range g.s.Sorted() {
		if reader, found := made.Readers[e.Own()]; found {
			given.providers[e.Name], given.ready[e.Name] = reader.Provider, pulumi.Array{reader.Ready}
			environments = append(environments, pulumi.Map{"name": pulumi.String(e.Name), "provider": once(reader.Ready, reader.Provider)})
		}
	}
	given.fields["projectNumber"], given.fields["pool"], given.fields["serviceAccount"] = made.ProjectNumber, made.Pool, made.ServiceAccount
	given.fields["environments"] = environments
	return given, nil
}

// once is a value that a document says once what it promises exists: bindings and
// policies.
func once(ready pulumi.StringArrayOutput, value pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.All(value, ready).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
}

// identifiers name the provider of an environment to its refresher; those of a
// grant that has not come are left out.
func (g *grant) identifiers(e *config.Environment) kubernetes.GoogleIdentifiers {
	if g == nil {
		return kubernetes.GoogleIdentifiers{}
	}
	return kubernetes.GoogleIdentifiers{
		ProjectNumber: g.google.projectNumber, Pool: g.google.pool, ServiceAccount: g.google.serviceAccount, Provider: g.providers[e.Name],
	}
}

// googleImage is an image's path below the registry's host.
func googleImage(g *grant, w config.Component) pulumi.StringInput {
	return pulumi.Sprintf("%s/%s", g.repository, w.Image)
}

// checkGoogleGrant holds a vendor's grant on Google Cloud to the trust anchors.
func checkGoogleGrant(s *config.Settings) func(*exchange.AccessGrant, *exchange.Delivery) {
	return func(g *exchange.AccessGrant, d *exchange.Delivery) {
		d.Anchored("registry", g.Registry, "gcp.location", gcp.RegistryHost(s.GCP.Location))
		if !strings.HasPrefix(g.Repository, gcp.ProjectPath(s.GCP.Project)+"/") {
			d.Disagrees("repository", g.Repository, "gcp.project", s.GCP.Project)
		}
	}
}

// checkPoolGrant is checkGoogleGrant for a grant that names a pool as well.
func checkPoolGrant(s *config.Settings) func(*exchange.AccessGrant, *exchange.Delivery) {
	return func(g *exchange.AccessGrant, d *exchange.Delivery) {
		checkGoogleGrant(s)(g, d)
		d.Anchored("projectNumber", g.ProjectNumber, "gcp.projectNumber", s.GCP.ProjectNumber)
		if !strings.HasSuffix(g.ServiceAccount, "@"+accountDomain(s.GCP.Project)) {
			d.Disagrees("serviceAccount", g.ServiceAccount, "gcp.project", s.GCP.Project)
		}
	}
}

// accountDomain is what the emails of a project's service accounts end in; a
// project of a domain, example.com:name, is turned around.
func accountDomain(project string) string {
	if domain, name, found := strings.Cut(project, ":"); found {
		return name + "." + domain + ".iam.gserviceaccount.com"
	}
	return project + ".iam.gserviceaccount.com"
}
