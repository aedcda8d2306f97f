package stacks

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
)

// aks composes both sides for a customer on AKS:
//
//	refresher's ServiceAccount token → Entra (identity, federated credential)
//	    → GCP workload identity pool → service account → Artifact Registry
//	    → pull secret → the product's pods
func aks(ctx *pulumi.Context, s *settings) error {
	a := newAKS(s)
	if err := a.validate(); err != nil {
		return refusal(ctx, err)
	}
	p, err := newAKSProviders(ctx, s)
	if err != nil {
		return err
	}
	if err := a.lookUp(ctx, p); err != nil {
		return err
	}

	identity, err := azure.NewWorkloadIdentity(ctx, "azure", a.identity, pulumi.Providers(p.azure))
	if err != nil {
		return err
	}
	a.trust.PrincipalID, a.trust.ClientID = identity.PrincipalID, identity.ClientID
	a.grant.Trust = a.trust
	grant, err := gcp.NewImageGrant(ctx, "gcp", a.grant, pulumi.Providers(p.gcp))
	if err != nil {
		return err
	}
	a.source.ClientID = identity.ClientID
	a.source.GoogleIdentifiers = kubernetes.GoogleIdentifiers{
		ProjectNumber: grant.ProjectNumber, Pool: grant.Pool, Provider: grant.Provider, ServiceAccount: grant.ServiceAccount,
	}
	a.pull.Source = a.source
	a.pull.After = pulumi.Array{identity.Ready, grant.Ready}
	pull, err := kubernetes.NewPullSecret(ctx, "pull", a.pull, pulumi.Providers(p.kubernetes))
	if err != nil {
		return err
	}
	image := pulumi.Sprintf("%s/%s/%s", grant.RegistryHost, grant.Repository, s.Product.reference(s.Product.Image))
	a.workload.Namespace, a.workload.PullSecret = pull.Namespace, pull.SecretName
	a.workload.ImageConfigMap, a.workload.Image = pull.ImageConfigMap, image
	a.workload.After = []pulumi.Resource{pull.FirstRefresh}
	workload, err := kubernetes.NewWorkload(ctx, "workload", a.workload, pulumi.Providers(p.kubernetes))
	if err != nil {
		return err
	}

	ctx.Export("accessRequest", pulumi.Map{
		"customer":    pulumi.String(s.Slug),
		"platform":    pulumi.String(s.Platform),
		"tenantId":    identity.TenantID,
		"clientId":    identity.ClientID,
		"principalId": identity.PrincipalID,
	})
	ctx.Export("accessGrant", pulumi.Map{
		"customer":       pulumi.String(s.Slug),
		"platform":       pulumi.String(s.Platform),
		"projectNumber":  grant.ProjectNumber,
		"pool":           grant.Pool,
		"provider":       grant.Provider,
		"serviceAccount": grant.ServiceAccount,
		"registry":       grant.RegistryHost,
		"repository":     grant.Repository,
	})
	ctx.Export("credentialConfig", grant.CredentialConfig)
	ctx.Export("pullSecret", pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName))
	ctx.Export("image", image)
	ctx.Export("service", workload.Service)
	return nil
}

// aksArgs are the arguments of the components, filled from the configuration;
// what one component gives another is filled in on the way.
type aksArgs struct {
	s        *settings
	identity *azure.WorkloadIdentityArgs
	trust    gcp.EntraTrust
	grant    *gcp.ImageGrantArgs
	source   kubernetes.EntraSource
	pull     *kubernetes.PullSecretArgs
	workload *kubernetes.WorkloadArgs
}

func newAKS(s *settings) *aksArgs {
	cloud := azureCloud(s.Azure.Cloud)
	token := s.Azure.Token
	orElse(&token.Issuer, cloud.Issuer(s.Azure.TenantID))
	orElse(&token.Audience, cloud.TokenAudience)
	orElse(&token.Scope, cloud.Scope())

	// What another component or a look-up gives is pending until then.
	pending := pulumi.String("pending")
	a := &aksArgs{s: s}
	a.identity = &azure.WorkloadIdentityArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Cloud:         cloud,
		TenantID:      s.Azure.TenantID,
		ResourceGroup: s.Azure.ResourceGroup,
		Location:      s.Azure.Location,
		Name:          s.Azure.Identity.Name,
		Existing:      s.Azure.Identity.Existing,
		Subjects: []azure.Subject{{
			Name:           s.Product.Name + "-federated-credential",
			Issuer:         s.Azure.Cluster.Issuer,
			Namespace:      s.Kubernetes.Namespace.Name,
			ServiceAccount: kubernetes.RefresherServiceAccount(s.Product.Name),
		}},
	}
	if application := s.Azure.Identity.Application; application != nil {
		a.identity.Application = &azure.Application{ClientID: application.ClientID, PrincipalID: application.PrincipalID}
	}
	a.trust = gcp.EntraTrust{
		TenantID: s.Azure.TenantID, Issuer: token.Issuer, Audience: token.Audience, Version: gcp.TokenVersion(token.Version),
		PrincipalID: pending, ClientID: pending,
	}
	a.grant = imageGrantArgs(s)
	a.grant.Trust = a.trust
	a.source = kubernetes.EntraSource{
		GoogleIdentifiers: kubernetes.GoogleIdentifiers{ProjectNumber: pending, Pool: pending, Provider: pending, ServiceAccount: pending},
		TenantID:          s.Azure.TenantID,
		Authority:         cloud.Authority,
		Audience:          cloud.ExchangeAudience,
		Scope:             token.Scope,
		ClientID:          pending,
	}
	a.pull = pullSecretArgs(s)
	a.pull.Source = a.source
	a.workload = workloadArgs(s)
	a.workload.Namespace, a.workload.PullSecret, a.workload.Image = pending, pending, pending
	return a
}

// validate checks the arguments of every component before anything is
// registered.
func (a *aksArgs) validate() error {
	identity := *a.identity
	if a.s.Azure.Cluster.Name != "" {
		identity.Subjects = append([]azure.Subject{}, identity.Subjects...)
		identity.Subjects[0].Issuer = "https://looked.up/"
	}
	return errors.Join(identity.Validate(), a.grant.Validate(), a.pull.Validate(), a.workload.Validate())
}

// lookUp finds what exists already: the cluster's issuer and the namespace.
func (a *aksArgs) lookUp(ctx *pulumi.Context, p *aksProviders) error {
	if cluster := a.s.Azure.Cluster; cluster.Name != "" {
		issuer, err := clusterIssuer(ctx, cluster, p)
		if err != nil {
			return err
		}
		a.identity.Subjects[0].Issuer = issuer
	}
	var err error
	a.pull.Existing, err = findNamespace(ctx, a.s.Kubernetes.Namespace, p.kubernetes)
	return err
}

// clusterIssuer asks Azure for a cluster's OIDC issuer. One value is not worth
// compiling the SDK of the whole container service (docs/facts.md §6), so the
// function is called by its token.
func clusterIssuer(ctx *pulumi.Context, cluster Cluster, p *aksProviders) (string, error) {
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
	if err := ctx.Invoke("azure-native:containerservice:getManagedCluster", &args, &found, pulumi.Provider(p.azure)); err != nil {
		return "", fmt.Errorf("azure.cluster.name %q in group %q: %w", cluster.Name, cluster.ResourceGroup, err)
	}
	if !found.Profile.Enabled || found.Profile.Issuer == "" {
		return "", fmt.Errorf("azure.cluster.name %q has no OIDC issuer: turn it on with `az aks update --resource-group %s --name %s --enable-oidc-issuer`",
			cluster.Name, cluster.ResourceGroup, cluster.Name)
	}
	return found.Profile.Issuer, nil
}
