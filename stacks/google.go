package stacks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
)

// google composes the chains that end in Artifact Registry, for customers on
// AKS and on any other Kubernetes:
//
//	refresher's ServiceAccount token → Entra (identity, federated credential)
//	    → GCP workload identity pool → service account → Artifact Registry
//	    → pull secret → the product's pods
//
// or, where the vendor trusts the cluster's own issuer:
//
//	refresher's ServiceAccount token → GCP workload identity pool → … the same
//
// or, where nodes on GKE pull for every pod on them:
//
//	node's service account → Artifact Registry → the product's pods
func google(ctx *pulumi.Context, s *settings) error {
	g := newGoogle(s)
	if err := g.validate(); err != nil {
		return refusal(ctx, err)
	}
	if err := g.lookUp(ctx); err != nil {
		return err
	}
	if err := g.identify(ctx); err != nil {
		return err
	}
	if err := g.grantAccess(ctx); err != nil {
		return err
	}
	if s.customers() {
		if err := g.registerClusters(ctx); err != nil {
			return err
		}
	}
	return exportWaiting(ctx, s)
}

// googleChain is the customer's environments and the vendor's grant on their
// way into components.
type googleChain struct {
	s            *settings
	environments []*googleEnvironment
	// grant is nil on the customer's side.
	grant *gcp.ImageGrantArgs

	azure, gcp pulumi.ProviderResource
	// made is the vendor's half where this stack builds it.
	made *gcp.ImageGrant
	// trusts are the issuers and identities of workloads with one of their own.
	trusts *azureTrusts
}

// googleEnvironment is one environment's part.
type googleEnvironment struct {
	environment
	// identity is the customer's in Entra; nil in other chains and on the
	// vendor's side.
	identity *azure.WorkloadIdentityArgs
	made     *azure.WorkloadIdentity
	// cluster is nil on the vendor's side.
	cluster *clusterSide
	// found is the cluster's issuer, configured or looked up.
	found string
}

func newGoogle(s *settings) *googleChain {
	g := &googleChain{s: s, trusts: newAzureTrusts(s)}
	for _, e := range s.environments() {
		env := &googleEnvironment{environment: e, found: e.issuer()}
		if s.customers() {
			env.cluster = newClusterSide(s, e, g.source(e, nil, nil))
			if s.kind() == kindEntra {
				env.identity = identityArgs(s, e)
			}
		}
		g.environments = append(g.environments, env)
	}
	if s.vendors() {
		g.grant = imageGrantArgs(s)
		for _, e := range g.environments {
			if reader := g.reader(e); reader != nil {
				g.grant.Readers = append(g.grant.Readers, *reader)
			}
		}
		if s.kind() == kindNodes {
			g.grant.Nodes, g.grant.NodesWait = g.nodes()
		}
	}
	return g
}

// token describes Entra's tokens, with their defaults.
func (g *googleChain) token() Token {
	cloud, token := azureCloud(g.s.Azure.Cloud), g.s.Azure.Token
	orElse(&token.Issuer, cloud.Issuer(g.s.Azure.TenantID))
	orElse(&token.Audience, cloud.TokenAudience)
	orElse(&token.Scope, cloud.Scope())
	return token
}

func identityArgs(s *settings, e environment) *azure.WorkloadIdentityArgs {
	identity := s.identityOf(e)
	args := &azure.WorkloadIdentityArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Cloud:         azureCloud(s.Azure.Cloud),
		TenantID:      s.Azure.TenantID,
		ResourceGroup: s.Azure.ResourceGroup,
		Location:      s.Azure.Location,
		Name:          identity.Name,
		Existing:      identity.Existing,
		Subjects: []azure.Subject{{
			Name:           s.Product.Name + "-federated-credential",
			Issuer:         e.issuer(),
			Namespace:      e.Kubernetes.Namespace.Name,
			ServiceAccount: kubernetes.RefresherServiceAccount(s.Product.Name),
		}},
	}
	if application := identity.Application; application != nil {
		args.Application = &azure.Application{ClientID: application.ClientID, PrincipalID: application.PrincipalID}
	}
	return args
}

// identityOf is the identity that pulls in an environment.
func (c *Customer) identityOf(e environment) Identity {
	if e.Identity != (Identity{}) {
		return e.Identity
	}
	identity := c.Azure.Identity
	if identity.Existing == "" && identity.Application == nil {
		orElse(&identity.Name, c.Product.Name+"-pull-identity")
		identity.Name += e.suffix()
	}
	return identity
}

// source is where an environment's refresher gets its token; pending where the
// grant is not known yet, nil where nodes pull.
func (g *googleChain) source(e environment, ids *kubernetes.GoogleIdentifiers, clientID pulumi.StringInput) kubernetes.TokenSource {
	if g.s.kind() == kindNodes {
		return nil
	}
	pending := pulumi.String("pending")
	if ids == nil {
		ids = &kubernetes.GoogleIdentifiers{ProjectNumber: pending, Pool: pending, Provider: pending, ServiceAccount: pending}
	}
	if g.s.kind() == kindCluster {
		return kubernetes.ClusterSource{GoogleIdentifiers: *ids}
	}
	if clientID == nil {
		clientID = pending
	}
	cloud := azureCloud(g.s.Azure.Cloud)
	return kubernetes.EntraSource{
		GoogleIdentifiers: *ids,
		TenantID:          g.s.Azure.TenantID,
		Authority:         cloud.Authority,
		Audience:          cloud.ExchangeAudience,
		Scope:             g.token().Scope,
		ClientID:          clientID,
	}
}

// reader is whom the vendor trusts of an environment; nil where nodes pull. On
// the vendor's side it waits until the access request has come.
func (g *googleChain) reader(e *googleEnvironment) *gcp.Reader {
	s := g.s
	reader := &gcp.Reader{Name: e.ownName(), Waiting: !s.customers() && s.received.request == nil}
	var requested RequestEnvironment
	if s.received.request != nil {
		requested, _ = s.received.request.environment(e.Name)
	}
	switch s.kind() {
	case kindNodes:
		return nil
	case kindCluster:
		trust := gcp.ClusterTrust{
			Issuer: e.found, KeySet: e.Kubernetes.KeySet,
			Namespace: e.Kubernetes.Namespace.Name, ServiceAccount: kubernetes.RefresherServiceAccount(s.Product.Name),
		}
		if requested.Subject != "" {
			trust.Namespace, trust.ServiceAccount = splitSubject(requested.Subject)
		}
		if trust.Issuer == "" {
			trust.Issuer = pendingIssuer
		}
		reader.Trust = trust
	default:
		token := g.token()
		trust := gcp.EntraTrust{
			TenantID: s.Azure.TenantID, Issuer: token.Issuer, Audience: token.Audience, Version: gcp.TokenVersion(token.Version),
		}
		switch {
		case e.made != nil:
			trust.PrincipalID, trust.ClientID = e.made.PrincipalID, e.made.ClientID
		case requested.Name != "":
			trust.PrincipalID, trust.ClientID = pulumi.String(requested.PrincipalID), pulumi.String(requested.ClientID)
		default:
			trust.PrincipalID, trust.ClientID = pulumi.String("pending"), pulumi.String("pending")
		}
		reader.Trust = trust
	}
	return reader
}

// nodes are the service accounts of the nodes that pull; waiting while the
// customer has not said which.
func (g *googleChain) nodes() (emails []string, waiting bool) {
	if g.s.customers() {
		return g.s.GKE.NodeServiceAccounts, false
	}
	if g.s.received.request == nil {
		return nil, true
	}
	for _, e := range g.s.received.request.Environments {
		emails = append(emails, e.NodeServiceAccounts...)
	}
	return emails, false
}

// pendingIssuer stands for one that is looked up later.
const pendingIssuer = "https://looked.up/"

// validate checks the arguments of every component before anything is
// registered.
func (g *googleChain) validate() error {
	var problems []error
	for _, e := range g.environments {
		if e.identity != nil {
			identity := *e.identity
			identity.Subjects = append([]azure.Subject{}, identity.Subjects...)
			if identity.Subjects[0].Issuer == "" {
				identity.Subjects[0].Issuer = pendingIssuer
			}
			problems = append(problems, identity.Validate())
		}
		if e.cluster != nil {
			problems = append(problems, e.cluster.validate())
		}
	}
	if g.grant != nil {
		problems = append(problems, g.grant.Validate())
	}
	return errors.Join(append(problems, g.trusts.validate())...)
}

// lookUp registers the providers and finds what exists already: the clusters'
// issuers and the namespaces. The look-up of an issuer comes last: while Azure
// is asked, a provider that cannot be configured has the time to say so.
func (g *googleChain) lookUp(ctx *pulumi.Context) (err error) {
	s := g.s
	if s.customers() && s.Platform == platformAKS {
		if g.azure, err = newAzureProvider(ctx, s); err != nil {
			return err
		}
	}
	if s.vendors() {
		if g.gcp, err = newGoogleProvider(ctx, s); err != nil {
			return err
		}
	}
	for _, e := range g.environments {
		if e.cluster == nil {
			continue
		}
		if err := e.cluster.lookUp(ctx); err != nil {
			return err
		}
		if e.found == "" && e.Cluster.Name != "" {
			if e.found, err = clusterIssuer(ctx, e.Cluster, g.azure); err != nil {
				return err
			}
		}
	}
	return nil
}

// identify builds the customer's identities, and exports who pulls.
func (g *googleChain) identify(ctx *pulumi.Context) (err error) {
	s := g.s
	if !s.customers() {
		if s.received.request == nil {
			return nil
		}
		return exportDocument(ctx, accessRequestName, s.received.request)
	}
	if s.kind() != kindEntra {
		return exportDocument(ctx, accessRequestName, s.configuredRequest(g.issuers()))
	}
	environments := pulumi.Array{}
	for _, e := range g.environments {
		e.identity.Subjects[0].Issuer = e.found
		if e.made, err = azure.NewWorkloadIdentity(ctx, "azure"+e.suffix(), e.identity, pulumi.Providers(g.azure)); err != nil {
			return err
		}
		environments = append(environments, pulumi.Map{
			"name": pulumi.String(e.Name), "clientId": e.made.ClientID, "principalId": e.made.PrincipalID,
		})
		if application := s.identityOf(e.environment).Application; application != nil {
			g.trusts.enter(application.ClientID, e.identity.Subjects[0])
		}
	}
	ctx.Export(accessRequestName, s.documentOf(accessRequestName, pulumi.Map{
		"tenantId": pulumi.String(s.Azure.TenantID), "environments": environments,
	}))
	return nil
}

func (g *googleChain) issuers() []string {
	issuers := make([]string, len(g.environments))
	for i, e := range g.environments {
		issuers[i] = e.found
	}
	return issuers
}

// grantAccess builds the vendor's half, and exports what is granted.
func (g *googleChain) grantAccess(ctx *pulumi.Context) (err error) {
	s := g.s
	if !s.vendors() {
		if s.received.grant == nil {
			return nil
		}
		return exportDocument(ctx, accessGrantName, s.received.grant)
	}
	for i, e := range g.environments {
		if reader := g.reader(e); reader != nil {
			g.grant.Readers[i] = *reader
		}
	}
	if g.made, err = gcp.NewImageGrant(ctx, "gcp", g.grant, pulumi.Providers(g.gcp)); err != nil {
		return err
	}
	fields := pulumi.Map{"registry": g.made.RegistryHost, "repository": g.made.Repository}
	if s.kind() != kindNodes {
		environments := pulumi.Array{}
		for _, e := range g.environments {
			if reader, found := g.made.Readers[e.ownName()]; found {
				environments = append(environments, pulumi.Map{"name": pulumi.String(e.Name), "provider": once(reader.Ready, reader.Provider)})
			}
		}
		fields["projectNumber"], fields["pool"], fields["serviceAccount"] = g.made.ProjectNumber, g.made.Pool, g.made.ServiceAccount
		fields["environments"] = environments
	}
	if len(s.received.waiting) > 0 {
		return nil // a grant to nobody is none
	}
	ctx.Export(accessGrantName, s.documentOf(accessGrantName, fields))
	return nil
}

// registerClusters registers what runs in the customer's clusters.
func (g *googleChain) registerClusters(ctx *pulumi.Context) error {
	issuers := map[string]string{}
	for _, e := range g.environments {
		issuers[e.Name] = e.found
	}
	identities, err := g.trusts.register(ctx, issuers, g.azure)
	if err != nil {
		return err
	}
	sides, shown := []*clusterSide{}, []pulumi.Map{}
	for _, e := range g.environments {
		outputs, err := e.cluster.register(ctx, g.granted(e), identities)
		if err != nil {
			return err
		}
		sides, shown = append(sides, e.cluster), append(shown, outputs)
	}
	exportEnvironments(ctx, sides, shown)
	return nil
}

// granted is what an environment has been granted; nil while it waits.
func (g *googleChain) granted(e *googleEnvironment) *granted {
	var after pulumi.Array
	var clientID pulumi.StringInput
	if e.made != nil {
		after, clientID = pulumi.Array{e.made.Ready}, e.made.ClientID
	}
	if g.made != nil {
		reader := g.made.Readers[e.ownName()]
		if g.s.kind() != kindNodes {
			after = append(after, reader.Ready)
		}
		return &granted{
			source: g.source(e.environment, &kubernetes.GoogleIdentifiers{
				ProjectNumber: g.made.ProjectNumber, Pool: g.made.Pool, Provider: reader.Provider, ServiceAccount: g.made.ServiceAccount,
			}, clientID),
			registry:  g.made.RegistryHost,
			after:     after,
			resources: []pulumi.Resource{g.made},
			image: func(path string) pulumi.StringOutput {
				return pulumi.Sprintf("%s/%s/%s", g.made.RegistryHost, g.made.Repository, path)
			},
		}
	}
	grant := g.s.received.grant
	if grant == nil {
		return nil
	}
	own, _ := grant.environment(e.Name) // receive has checked that it is there
	return &granted{
		source: g.source(e.environment, &kubernetes.GoogleIdentifiers{
			ProjectNumber: pulumi.String(grant.ProjectNumber), Pool: pulumi.String(grant.Pool),
			Provider: pulumi.String(own.Provider), ServiceAccount: pulumi.String(grant.ServiceAccount),
		}, clientID),
		registry: pulumi.String(grant.Registry),
		after:    after,
		image: func(path string) pulumi.StringOutput {
			return pulumi.Sprintf("%s/%s/%s", grant.Registry, grant.Repository, path)
		},
	}
}

// splitSubject takes namespace and ServiceAccount out of a valid subject.
func splitSubject(subject string) (namespace, account string) {
	parts := strings.Split(subject, ":")
	return parts[2], parts[3]
}

// clusterIssuer asks Azure for a cluster's OIDC issuer. One value is not worth
// compiling the SDK of the whole container service (docs/facts.md §6), so the
// function is called by its token.
func clusterIssuer(ctx *pulumi.Context, cluster Cluster, provider pulumi.ProviderResource) (string, error) {
	var found struct {
		Profile struct {
			Enabled bool   `pulumi:"enabled"`
			Issuer  string `pulumi:"issuerURL"`
		} `pulumi:"oidcIssuerProfile"`
	}
	args := struct {
		ResourceGroup string `pulumi:"resourceGroupName"`
		Name          string `pulumi:"resourceName"`
	}{cluster.ResourceGroup, cluster.Name}
	if err := ctx.Invoke("azure-native:containerservice:getManagedCluster", &args, &found, pulumi.Provider(provider)); err != nil {
		return "", fmt.Errorf("azure.cluster.name %q in group %q: %w", cluster.Name, cluster.ResourceGroup, err)
	}
	if !found.Profile.Enabled || found.Profile.Issuer == "" {
		return "", fmt.Errorf("azure.cluster.name %q has no OIDC issuer: turn it on with `az aks update --resource-group %s --name %s --enable-oidc-issuer`",
			cluster.Name, cluster.ResourceGroup, cluster.Name)
	}
	return found.Profile.Issuer, nil
}
