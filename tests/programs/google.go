package programs

import (
	"time"

	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	pulumigcp "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	pulumikubernetes "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
)

// What the programs on Google Cloud deploy to: the tenant, the project and the
// clusters of a world that a test writes.
const (
	GoogleProject      = "orchard-images"
	GoogleLocation     = "europe-west1"
	GoogleTenant       = "5c1f7f0e-9a43-4b53-8d6f-2e7b0a4c9d10"
	GoogleSubscription = "b7a64f0d-3a0c-4f0e-9c41-6f0d2b8e7a11"
	GoogleGroup        = "orchard-apps"
)

// googleChain is what the programs share.
type googleChain struct {
	ctx      *pulumi.Context
	platform string
	vendor   pulumi.ProviderResource
	// azure is nil where no tenant is in the chain.
	azure pulumi.ProviderResource

	grant        *gcp.ImageGrant
	image        pulumi.StringOutput
	request      pulumi.Map
	asked        pulumi.Array
	granted      pulumi.Array
	environments pulumi.Map
}

func newGoogleChain(ctx *pulumi.Context, platform string) (*googleChain, error) {
	vendor, err := pulumigcp.NewProvider(ctx, "gcp", &pulumigcp.ProviderArgs{Project: pulumi.String(GoogleProject)})
	if err != nil {
		return nil, err
	}
	return &googleChain{
		ctx: ctx, platform: platform, vendor: vendor, request: document("accessRequest", platform),
		environments: pulumi.Map{},
	}, nil
}

// allow makes the vendor's side.
func (c *googleChain) allow(args gcp.ImageGrantArgs) (err error) {
	args.Customer, args.Product, args.Project, args.Location = slug, product, GoogleProject, GoogleLocation
	args.Repository = gcp.Repository{Protect: &no}
	if c.grant, err = gcp.NewImageGrant(c.ctx, "grant", &args, pulumi.Providers(c.vendor)); err != nil {
		return err
	}
	c.image = pulumi.Sprintf("%s/%s/%s:1.0", c.grant.RegistryHost, c.grant.Repository, product)
	return nil
}

func (c *googleChain) identifiers(site Site) kubernetes.GoogleIdentifiers {
	return kubernetes.GoogleIdentifiers{
		ProjectNumber: c.grant.ProjectNumber, Pool: c.grant.Pool, Provider: c.grant.Readers[site.Environment].Provider, ServiceAccount: c.grant.ServiceAccount,
	}
}

// refresh runs the refresher and the product of an environment.
func (c *googleChain) refresh(site Site, source kubernetes.TokenSource, after pulumi.Array) error {
	cluster, err := pulumikubernetes.NewProvider(c.ctx, "cluster-"+site.Environment, &pulumikubernetes.ProviderArgs{Context: pulumi.String(site.Context)})
	if err != nil {
		return err
	}
	reader := c.grant.Readers[site.Environment]
	impatient := time.Second
	pull, err := kubernetes.NewPullSecret(c.ctx, "pull-"+site.Environment, &kubernetes.PullSecretArgs{
		Customer: slug, Product: product, Namespace: site.Namespace, ProtectNamespace: &no, Source: source, Registry: c.grant.RegistryHost,
		Images:    pulumi.StringArray{c.image},
		Refresher: kubernetes.Refresher{Image: AWSRefresher, Propagation: &impatient},
		After:     append(after, reader.Ready),
	}, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	if _, err := kubernetes.NewWorkload(c.ctx, "workload-"+site.Environment, &kubernetes.WorkloadArgs{
		Customer: slug, Product: product, Namespace: pull.Namespace, PullSecret: pull.SecretName,
		Image: c.image, After: []pulumi.Resource{pull.FirstRefresh}, Port: 8080,
	}, pulumi.Providers(cluster)); err != nil {
		return err
	}
	c.granted = append(c.granted, pulumi.Map{"name": pulumi.String(site.Environment), "provider": reader.Provider})
	c.environments[site.Environment] = pulumi.Map{
		"context": pulumi.String(site.Context), "image": c.image,
		"pullSecret": pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName),
	}
	return nil
}

// export says what a rehearsal needs to know.
func (c *googleChain) export() {
	c.request["environments"] = c.asked
	c.ctx.Export("accessRequest", c.request)
	grant := document("accessGrant", c.platform)
	grant["registry"], grant["repository"] = c.grant.RegistryHost, c.grant.Repository
	grant["environments"] = c.granted
	grant["projectNumber"], grant["pool"], grant["serviceAccount"] = c.grant.ProjectNumber, c.grant.Pool, c.grant.ServiceAccount
	c.ctx.Export("accessGrant", grant)
	c.ctx.Export("environments", c.environments)
}

// ViaCluster lets refreshers pull whose clusters Google trusts itself.
func ViaCluster(sites ...Site) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := newGoogleChain(ctx, "kubernetes")
		if err != nil {
			return err
		}
		var readers []gcp.Reader
		for _, site := range sites {
			account := kubernetes.RefresherServiceAccount(product)
			readers = append(readers, gcp.Reader{Name: site.Environment, Trust: gcp.ClusterTrust{
				Issuer: site.Issuer, Namespace: site.Namespace, ServiceAccount: account,
			}})
			c.asked = append(c.asked, pulumi.Map{
				"name": pulumi.String(site.Environment), "issuer": pulumi.String(site.Issuer),
				"subject": pulumi.String("system:serviceaccount:" + site.Namespace + ":" + account),
			})
		}
		if err := c.allow(gcp.ImageGrantArgs{Readers: readers}); err != nil {
			return err
		}
		for _, site := range sites {
			if err := c.refresh(site, kubernetes.ClusterSource{GoogleIdentifiers: c.identifiers(site)}, nil); err != nil {
				return err
			}
		}
		c.export()
		return nil
	}
}

// ViaEntra lets refreshers pull that become an identity of a tenant, one for
// each environment.
func ViaEntra(sites ...Site) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := newGoogleChain(ctx, "aks")
		if err != nil {
			return err
		}
		if c.azure, err = azurenative.NewProvider(ctx, "azure", &azurenative.ProviderArgs{
			TenantId: pulumi.String(GoogleTenant), SubscriptionId: pulumi.String(GoogleSubscription),
		}); err != nil {
			return err
		}
		c.request["tenantId"] = pulumi.String(GoogleTenant)
		identities := map[string]*azure.WorkloadIdentity{}
		var readers []gcp.Reader
		for _, site := range sites {
			identity, err := c.identity(site)
			if err != nil {
				return err
			}
			identities[site.Environment] = identity
			readers = append(readers, gcp.Reader{Name: site.Environment, Trust: gcp.EntraTrust{
				TenantID: GoogleTenant, Issuer: "https://login.microsoftonline.com/" + GoogleTenant + "/v2.0",
				Audience: "fb60f99c-7a34-4190-8149-302f77469936", PrincipalID: identity.PrincipalID, ClientID: identity.ClientID,
			}})
			c.asked = append(c.asked, pulumi.Map{
				"name": pulumi.String(site.Environment), "clientId": identity.ClientID, "principalId": identity.PrincipalID,
			})
		}
		if err := c.allow(gcp.ImageGrantArgs{Readers: readers}); err != nil {
			return err
		}
		for _, site := range sites {
			identity := identities[site.Environment]
			if err := c.refresh(site, kubernetes.EntraSource{
				GoogleIdentifiers: c.identifiers(site), TenantID: GoogleTenant, Authority: "https://login.microsoftonline.com/",
				Audience: "api://AzureADTokenExchange", Scope: "api://AzureADTokenExchange/.default", ClientID: identity.ClientID,
			}, pulumi.Array{identity.Ready}); err != nil {
				return err
			}
		}
		c.export()
		return nil
	}
}

// identity makes the identity of an environment's refresher.
func (c *googleChain) identity(site Site) (*azure.WorkloadIdentity, error) {
	return azure.NewWorkloadIdentity(c.ctx, "azure-pull-"+site.Environment, &azure.WorkloadIdentityArgs{
		Customer: slug, Product: product, TenantID: GoogleTenant, ResourceGroup: GoogleGroup, Location: "westeurope",
		Name: slug + "-pull-" + site.Environment,
		Subjects: []azure.Subject{{
			Name: "pull", Issuer: site.Issuer, Namespace: site.Namespace, ServiceAccount: kubernetes.RefresherServiceAccount(product),
		}},
	}, pulumi.Providers(c.azure))
}
