package kubernetes

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/externalaccount"
)

// TokenSource is where the refresher's registry token comes from: one type for
// each chain. EntraSource walks ServiceAccount → Entra → GCP, ClusterSource
// ServiceAccount → GCP, IRSASource and PodIdentitySource ServiceAccount → IAM
// role → ECR.
type TokenSource interface {
	validate(p *check.Problems)
	// audience of the ServiceAccount token that starts the chain.
	audience() pulumi.StringInput
	// environment is what the refresher reads, in the order in which it is listed.
	environment() []variable
	// configuration is the file that the refresher checks before it walks; nil
	// where its chain has none.
	configuration() pulumi.StringInput
	// cadence is how often a token is taken anew, by default and at the least.
	cadence() (usual, longest time.Duration)
	// lifetime is how long the registry takes a token.
	lifetime() time.Duration
	// egress is what the refresher must reach besides DNS and TLS.
	egress() []endpoint
}

// endpoint is a block of addresses and a TCP port.
type endpoint struct {
	block string
	port  int
}

// variable is one environment variable of the refresher's.
type variable struct {
	name  string
	value pulumi.StringInput
}

// googleCadence takes a 60-minute token four times in its life, and three times
// at the least, so that a missed run does no harm (docs/facts.md §1 row 8).
func googleCadence() (usual, longest time.Duration) { return 15 * time.Minute, 20 * time.Minute }

// GoogleIdentifiers name the vendor's provider and service account: what the
// access grant says.
type GoogleIdentifiers struct {
	// ProjectNumber is the number of the pool's project.
	ProjectNumber pulumi.StringInput
	// Pool and Provider are IDs, ServiceAccount is an email.
	Pool, Provider, ServiceAccount pulumi.StringInput
}

// lifetime is that of a service account's token (docs/facts.md §3).
func (GoogleIdentifiers) lifetime() time.Duration { return time.Hour }

func (g GoogleIdentifiers) validate(p *check.Problems) {
	for _, identifier := range []variable{
		{"projectNumber", g.ProjectNumber}, {"pool", g.Pool}, {"provider", g.Provider}, {"serviceAccount", g.ServiceAccount},
	} {
		if identifier.value == nil {
			p.Add("source."+identifier.name, "is missing: want what the access grant says")
		}
	}
}

func (g GoogleIdentifiers) render(source externalaccount.Source) pulumi.StringOutput {
	return externalaccount.Inputs(g).Render(source)
}

// EntraSource walks the chain through an Entra tenant.
type EntraSource struct {
	GoogleIdentifiers
	// TenantID is the tenant's GUID, Authority the token endpoint's base URL
	// with its trailing slash.
	TenantID, Authority string
	// Audience of the ServiceAccount token: the URI of Azure's token exchange.
	Audience string
	// Scope to ask Entra for; it ends in /.default.
	Scope string
	// ClientID of the identity that the ServiceAccount becomes.
	ClientID pulumi.StringInput
}

func (s EntraSource) validate(p *check.Problems) {
	s.GoogleIdentifiers.validate(p)
	p.GUID("source.tenantId", s.TenantID, "the customer's tenant ID")
	p.Issuer("source.authority", s.Authority)
	p.Required("source.audience", s.Audience, "the URI of Azure's token exchange")
	p.Required("source.scope", s.Scope, "the scope to ask Entra for")
	if s.ClientID == nil {
		p.Add("source.clientId", "is missing: want the identity's client ID")
	}
}

func (s EntraSource) audience() pulumi.StringInput            { return pulumi.String(s.Audience) }
func (s EntraSource) configuration() pulumi.StringInput       { return s.render(externalaccount.Executable) }
func (s EntraSource) egress() []endpoint                      { return nil }
func (s EntraSource) cadence() (usual, longest time.Duration) { return googleCadence() }

func (s EntraSource) environment() []variable {
	return []variable{
		{"WAYBILL_TRUST", pulumi.String("entra")},
		{"GOOGLE_APPLICATION_CREDENTIALS", pulumi.String(configFile)},
		{"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", pulumi.String("1")},
		{"AZURE_TENANT_ID", pulumi.String(s.TenantID)},
		{"AZURE_CLIENT_ID", s.ClientID},
		{"AZURE_AUTHORITY_HOST", pulumi.String(s.Authority)},
		{"AZURE_FEDERATED_TOKEN_FILE", pulumi.String(externalaccount.SubjectTokenFile)},
		{"WAYBILL_ENTRA_SCOPE", pulumi.String(s.Scope)},
	}
}

// ClusterSource hands the ServiceAccount token to Google directly: the
// provider trusts the cluster's own issuer.
type ClusterSource struct{ GoogleIdentifiers }

func (s ClusterSource) validate(p *check.Problems) { s.GoogleIdentifiers.validate(p) }

// audience is the provider's full name, what Google expects where the provider
// lists no audience of its own (docs/facts.md §2).
func (s ClusterSource) audience() pulumi.StringInput {
	return pulumi.Sprintf("https:%s", externalaccount.Inputs(s.GoogleIdentifiers).ProviderName())
}

func (s ClusterSource) environment() []variable {
	return []variable{
		{"WAYBILL_TRUST", pulumi.String("cluster")},
		{"GOOGLE_APPLICATION_CREDENTIALS", pulumi.String(configFile)},
		{"WAYBILL_SUBJECT_TOKEN_FILE", pulumi.String(externalaccount.SubjectTokenFile)},
	}
}

func (s ClusterSource) configuration() pulumi.StringInput       { return s.render(externalaccount.File) }
func (s ClusterSource) egress() []endpoint                      { return nil }
func (s ClusterSource) cadence() (usual, longest time.Duration) { return googleCadence() }
