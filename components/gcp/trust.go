package gcp

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/externalaccount"
	"waybill.example/waybill/components/subject"
)

// Limits of a provider (docs/facts.md §3).
const (
	maxAudience = 256
	maxSubject  = 127
	maxKeySet   = 8
)

// Trust is whose tokens the provider accepts: EntraTrust or ClusterTrust.
type Trust interface {
	// word stands in the IDs of pool and provider.
	word() string
	// source is where Google's clients take the subject token from.
	source() externalaccount.Source
	// validate notes problems under key, "readers[i].trust.".
	validate(p *check.Problems, key string, r Reader)
	provider(r Reader) providerInputs
}

// providerInputs are what a trust decides of a provider and its binding.
type providerInputs struct {
	oidc *iam.WorkloadIdentityPoolProviderOidcArgs
	// accepts names issuer and audience of the tokens.
	accepts   string
	condition pulumi.StringInput
	// mapping is the expression for google.subject.
	mapping string
	// subject is the one value of google.subject that may impersonate.
	subject pulumi.StringInput
}

// TokenVersion is the version of the tokens that Entra issues.
type TokenVersion string

// The versions; they differ in the claim that names the client.
const (
	V1 TokenVersion = "v1"
	V2 TokenVersion = "v2"
)

func (v TokenVersion) clientClaim() string {
	if v == V1 {
		return "appid"
	}
	return "azp"
}

// EntraTrust accepts the tokens of one identity of one Entra tenant
// (docs/facts.md §2). Their audience is shared by the whole tenant, so tenant,
// subject and client are all pinned.
type EntraTrust struct {
	// TenantID is the tenant's GUID.
	TenantID string
	// Issuer of the tokens, for example https://login.microsoftonline.com/TENANT/v2.0.
	Issuer string
	// Audience of the tokens: for the default scope the GUID of Azure's token
	// exchange application, never its URI; at most 256 characters.
	Audience string
	// Version of the tokens; empty means v2.
	Version TokenVersion
	// PrincipalID is the identity's object ID, the token's sub.
	PrincipalID pulumi.StringInput
	// ClientID is the identity's client ID, the token's azp (v1: appid).
	ClientID pulumi.StringInput
}

func (t EntraTrust) word() string                   { return "azure" }
func (t EntraTrust) source() externalaccount.Source { return externalaccount.Executable }

func (t EntraTrust) validate(p *check.Problems, key string, r Reader) {
	p.GUID(key+"tenantId", t.TenantID, "the customer's tenant ID")
	p.Issuer(key+"issuer", t.Issuer)
	switch v2 := strings.HasSuffix(t.Issuer, "/v2.0"); {
	case !check.IsIssuer(t.Issuer):
	case v2 == (t.Version == V1):
		p.Add(key+"issuer", "%q: is the other version's, tokens of v2 have an issuer that ends in /v2.0 and tokens of v1 one that does not: want %s's", t.Issuer, cmp.Or(t.Version, V2))
	case !strings.Contains(t.Issuer, t.TenantID):
		p.Add(key+"issuer", "%q: want one of the tenant %s", t.Issuer, t.TenantID)
	}
	if strings.HasPrefix(t.Audience, "api://AzureADTokenExchange") {
		p.Add(key+"audience", "%q: is the audience of the tokens that Entra takes: want that of those it gives, the GUID in their aud", t.Audience)
	}
	p.Required(key+"audience", t.Audience, "the audience of the tokens that Entra issues")
	if len(t.Audience) > maxAudience {
		p.Add(key+"audience", "has %d characters: want at most %d", len(t.Audience), maxAudience)
	}
	if t.Version != "" && t.Version != V1 && t.Version != V2 {
		p.Add(key+"version", "%q: want v1 or v2", t.Version)
	}
	if r.Waiting {
		return
	}
	if t.PrincipalID == nil {
		p.Add(key+"principalId", "is missing: want the identity's principal ID, a client alone pins nobody")
	}
	if t.ClientID == nil {
		p.Add(key+"clientId", "is missing: want the identity's client ID, a principal alone pins nobody")
	}
}

func (t EntraTrust) provider(Reader) providerInputs {
	return providerInputs{
		oidc: &iam.WorkloadIdentityPoolProviderOidcArgs{
			IssuerUri:        pulumi.String(t.Issuer),
			AllowedAudiences: pulumi.ToStringArray([]string{t.Audience}),
		},
		accepts: t.Issuer + " " + t.Audience,
		mapping: "assertion.sub",
		condition: pulumi.Sprintf("assertion.tid == '%s' && assertion.sub == '%s' && assertion.%s == '%s'",
			t.TenantID, guid("principal ID", t.PrincipalID), t.Version.clientClaim(), guid("client ID", t.ClientID)),
		subject: guid("principal ID", t.PrincipalID),
	}
}

// guid lets nothing but a GUID into a condition, which is an expression. What
// another resource or another party gives is known late, so it is checked then.
func guid(what string, input pulumi.StringInput) pulumi.StringOutput {
	return input.ToStringOutput().ApplyT(func(id string) (string, error) {
		p := check.Of("gcp.ImageGrant")
		p.GUID("trust", id, "the identity's "+what)
		return id, p.Err()
	}).(pulumi.StringOutput)
}

// ClusterTrust accepts the tokens of one ServiceAccount of one cluster, without
// another cloud in between.
type ClusterTrust struct {
	// Issuer is the cluster's OIDC issuer, exactly as in its tokens.
	Issuer string
	// Namespace and ServiceAccount name the account.
	Namespace, ServiceAccount string
	// KeySet is the cluster's JWKS, at most 8 keys, for an issuer that Google
	// cannot reach; empty means that Google fetches it from the issuer.
	KeySet string
}

func (t ClusterTrust) word() string                   { return "k8s" }
func (t ClusterTrust) source() externalaccount.Source { return externalaccount.File }

func (t ClusterTrust) account() subject.ServiceAccount {
	return subject.ServiceAccount{Namespace: t.Namespace, Name: t.ServiceAccount}
}

// subject is the value of google.subject. A ServiceAccount's name repeats in
// every cluster, so that in a pool with several the reader's name keeps them
// apart (docs/facts.md §3).
func (t ClusterTrust) subject(r Reader) string {
	if r.Name == "" {
		return t.account().String()
	}
	return r.Name + "::" + t.account().String()
}

// CheckSubject refuses a ServiceAccount whose google.subject would be longer than
// Google takes, for a reader of that name. The customer can ask before its vendor
// does.
func (t ClusterTrust) CheckSubject(reader string) error {
	if n := len(t.subject(Reader{Name: reader})); n > maxSubject {
		return fmt.Errorf("makes a subject of %d bytes: want at most %d", n, maxSubject)
	}
	return nil
}

func (t ClusterTrust) mapping(r Reader) string {
	if r.Name == "" {
		return "assertion.sub"
	}
	return fmt.Sprintf("'%s::' + assertion.sub", r.Name)
}

func (t ClusterTrust) validate(p *check.Problems, key string, r Reader) {
	if t.KeySet == "" {
		p.PublicIssuer(key+"issuer", t.Issuer, "a public issuer, or the cluster's key set uploaded as keySet")
	} else {
		p.Issuer(key+"issuer", t.Issuer)
	}
	t.account().Validate(p, key)
	p.Error(key+"namespace", t.CheckSubject(r.Name))
	if t.KeySet != "" {
		p.Error(key+"keySet", checkKeySet(t.KeySet))
	}
}

func (t ClusterTrust) provider(r Reader) providerInputs {
	oidc := &iam.WorkloadIdentityPoolProviderOidcArgs{IssuerUri: pulumi.String(t.Issuer)}
	if t.KeySet != "" {
		oidc.JwksJson = pulumi.String(canonicalKeySet(t.KeySet))
	}
	return providerInputs{
		oidc:      oidc,
		accepts:   t.Issuer + " " + t.KeySet,
		condition: pulumi.Sprintf("assertion.sub == '%s'", t.account()),
		mapping:   t.mapping(r),
		subject:   pulumi.String(t.subject(r)),
	}
}
