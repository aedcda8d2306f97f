package gcp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/tests/recorder"
)

const (
	tenant    = "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"
	client    = "8bd97dd6-59af-4720-b887-45fedc05701c"
	principal = "ac05ac88-cf69-463a-8219-734b26b350fa"
	audience  = "fb60f99c-7a34-4190-8149-302f77469936"
	upstream  = "projects/vendor-images/locations/europe-west1/repositories/releases"
)

var no = false

func entra() gcp.EntraTrust {
	return gcp.EntraTrust{
		TenantID: tenant, Issuer: "https://login.microsoftonline.com/" + tenant + "/v2.0", Audience: audience,
		PrincipalID: pulumi.String(principal), ClientID: pulumi.String(client),
	}
}

func arguments() *gcp.ImageGrantArgs {
	return &gcp.ImageGrantArgs{Customer: "acme", Product: "shop", Project: "vendor-images", Location: "europe-west1", Readers: []gcp.Reader{{Trust: entra()}}}
}

func register(t *testing.T, args *gcp.ImageGrantArgs) (*recorder.Recorder, map[string]string) {
	t.Helper()
	r, outputs := &recorder.Recorder{}, map[string]string{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		grant, err := gcp.NewImageGrant(ctx, "grant", args)
		if err != nil {
			return err
		}
		pulumi.All(grant.RegistryHost, grant.Repository, grant.ProjectNumber, grant.Pool, grant.Readers[""].Provider, grant.ServiceAccount, grant.Readers[""].CredentialConfig).
			ApplyT(func(v []any) string {
				for i, key := range []string{"host", "repository", "number", "pool", "provider", "account", "config"} {
					outputs[key] = v[i].(string)
				}
				return ""
			})
		return nil
	}))
	return r, outputs
}

func TestTheProviderTrustsOneIdentityOfOneTenant(t *testing.T) {
	r, _ := register(t, arguments())
	provider := r.Named("grant-provider")
	assert.Equal(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", provider.Text("oidc.issuerUri"))
	audiences := provider.Value("oidc.allowedAudiences").ArrayValue()
	require.Len(t, audiences, 1)
	assert.Equal(t, audience, audiences[0].StringValue(), "the GUID, never the URI")
	assert.Equal(t, "assertion.sub", provider.Text(`attributeMapping["google.subject"]`))
	assert.Equal(t, fmt.Sprintf("assertion.tid == '%s' && assertion.sub == '%s' && assertion.azp == '%s'", tenant, principal, client),
		provider.Text("attributeCondition"))
}

func TestTokensOfVersion1NameTheirClientOtherwise(t *testing.T) {
	args, trust := arguments(), entra()
	trust.Version, trust.Issuer, trust.Audience = gcp.V1, "https://sts.windows.net/"+tenant+"/", "api://shop"
	args.Readers[0].Trust = trust
	r, _ := register(t, args)
	assert.Contains(t, r.Named("grant-provider").Text("attributeCondition"), "assertion.appid == '"+client+"'")
}

func TestOneSubjectMayImpersonateAndOneAccountMayRead(t *testing.T) {
	r, _ := register(t, arguments())
	members := r.Of("IAMMember")
	require.Len(t, members, 1)
	assert.Equal(t, "roles/iam.workloadIdentityUser", members[0].Text("role"))
	assert.Equal(t, "principal://iam.googleapis.com/projects/"+recorder.ProjectNumber+"/locations/global/workloadIdentityPools/acme--shop-azure-pool/subject/"+principal,
		members[0].Text("member"), "one subject, by project number, never the pool")
	readers := r.Of("RepositoryIamMember")
	require.Len(t, readers, 1)
	assert.Equal(t, "roles/artifactregistry.reader", readers[0].Text("role"))
	assert.Equal(t, "serviceAccount:acme--shop-pull@vendor-images.iam.gserviceaccount.com", readers[0].Text("member"))
	assert.Equal(t, "acme--shop", readers[0].Text("repository"))
}

// modulus is that of an RSA key of 2048 bits, in base64url.
const modulus = "pU3KGCUwux1tEyze1iN7LtkeP3IfyxlxF0SU1kk8nVw0YL4xIB5p_tqg7ui5mX9cfCmZ_a_lkyU81lSvTfrXFCegrrP-6SMvivIh" +
	"H57kkcWxC-y1Vjv8Hm-TQn7LyP4pVeXNjkbcjtS3wnZNKlpNdncG-F2GkAJK1r2jQBvpyMvMyTX2zR9hImrhUziuGjQATTO6DSRq" +
	"wEyBsbryPjv57vX3nytJNK-H9VILablLDZguhbtVtnKocmN6zXRm_LYODo_xhGOw5LK6KXA0dPBkrGj3APWwKz3GZvRb3qosyu3N" +
	"K1FXQQ5N7krys09DCgc0R95jbA6AbJV7poTWQx-16w"

func TestTheClusterItselfMayBeTrusted(t *testing.T) {
	args := arguments()
	args.Readers[0].Trust = gcp.ClusterTrust{Issuer: "https://issuer.example/cluster", Namespace: "shop", ServiceAccount: "shop-refresher", KeySet: `{"keys": [ {"kty":"RSA","alg":"RS256", "n":"` + modulus + `","e":"AQAB"}]}`}
	r, outputs := register(t, args)
	provider := r.Named("grant-provider")
	assert.Equal(t, "https://issuer.example/cluster", provider.Text("oidc.issuerUri"))
	assert.True(t, provider.Value("oidc.allowedAudiences").IsNull(), "Google's own default: the provider's full name")
	assert.Equal(t, `{"keys":[{"alg":"RS256","e":"AQAB","kty":"RSA","n":"`+modulus+`"}]}`, provider.Text("oidc.jwksJson"), "as Google gives it back")
	assert.Equal(t, "assertion.sub == 'system:serviceaccount:shop:shop-refresher'", provider.Text("attributeCondition"))
	assert.True(t, strings.HasSuffix(r.Named("grant-impersonation").Text("member"), "/subject/system:serviceaccount:shop:shop-refresher"))
	assert.Equal(t, "acme--shop-k8s-pool", outputs["pool"])
	assert.Contains(t, outputs["config"], `"file": "/var/run/secrets/waybill/subject/token"`)
}

func TestTheCredentialConfigurationNamesTheDeployedIdentifiers(t *testing.T) {
	_, outputs := register(t, arguments())
	assert.Equal(t, map[string]string{
		"host": "europe-west1-docker.pkg.dev", "repository": "vendor-images/acme--shop", "number": recorder.ProjectNumber,
		"pool": "acme--shop-azure-pool", "provider": "acme-azure-provider", "account": "acme--shop-pull@vendor-images.iam.gserviceaccount.com",
		"config": outputs["config"],
	}, outputs)
	assert.JSONEq(t, `{
		"type": "external_account",
		"audience": "//iam.googleapis.com/projects/`+recorder.ProjectNumber+`/locations/global/workloadIdentityPools/acme--shop-azure-pool/providers/acme-azure-provider",
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": "https://sts.googleapis.com/v1/token",
		"service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/acme--shop-pull@vendor-images.iam.gserviceaccount.com:generateAccessToken",
		"credential_source": {"executable": {"command": "/refresher subject-token", "timeout_millis": 30000}}
	}`, outputs["config"])
}

func TestTheRepositoryIsWhatItsSettingsSay(t *testing.T) {
	t.Run("standard", func(t *testing.T) {
		r, _ := register(t, arguments())
		repository := r.Named("grant-repository")
		assert.Equal(t, "STANDARD_REPOSITORY", repository.Text("mode"))
		assert.True(t, repository.Value("dockerConfig.immutableTags").BoolValue())
		assert.True(t, repository.RPC.GetProtect(), "off-boarding is explicit")
	})
	t.Run("open to change", func(t *testing.T) {
		args := arguments()
		args.Repository = gcp.Repository{MutableTags: true, Protect: &no}
		r, _ := register(t, args)
		repository := r.Named("grant-repository")
		assert.True(t, repository.Value("dockerConfig").IsNull(), "a block that says false would be an update of its own")
		assert.False(t, repository.RPC.GetProtect())
	})
	t.Run("virtual", func(t *testing.T) {
		args := arguments()
		args.Repository = gcp.Repository{Upstream: "projects/vendor-images/locations/europe-west1/repositories/releases"}
		r, _ := register(t, args)
		repository := r.Named("grant-repository")
		assert.Equal(t, "VIRTUAL_REPOSITORY", repository.Text("mode"))
		assert.Equal(t, args.Repository.Upstream, repository.Text("virtualRepositoryConfig.upstreamPolicies[0].repository"))
	})
	t.Run("existing", func(t *testing.T) {
		args := arguments()
		args.Repository = gcp.Repository{Existing: true, Name: "by-hand"}
		r, outputs := register(t, args)
		assert.Empty(t, r.Of("Repository"))
		assert.Equal(t, "by-hand", r.Named("grant-reader").Text("repository"))
		assert.Equal(t, "vendor-images/by-hand", outputs["repository"])
	})
}

func TestRaisingTheGenerationMakesAnotherPool(t *testing.T) {
	for generation, want := range map[int]string{0: "acme--shop-azure-pool", 1: "acme--shop-azure-pool", 2: "acme--shop-azure-pool-2", 99: "acme--shop-azure-pool-99"} {
		args := arguments()
		args.Generation = generation
		_, outputs := register(t, args)
		assert.Equal(t, want, outputs["pool"])
	}
}

func TestAPoolThatWasMadeByHandKeepsItsID(t *testing.T) {
	args := arguments()
	args.PoolID = "by-hand"
	r, outputs := register(t, args)
	assert.Equal(t, "by-hand", outputs["pool"])
	assert.Equal(t, "acme-azure-provider", outputs["provider"])
	assert.Contains(t, r.Named("grant-impersonation").Text("member"), "/workloadIdentityPools/by-hand/subject/")
}

func TestTagsAreLabelsOfTheRepository(t *testing.T) {
	args := arguments()
	args.Tags = map[string]string{"team": "platform"}
	r, _ := register(t, args)
	assert.Equal(t, map[string]any{"team": "platform", "waybill-customer": "acme", "waybill-product": "shop"}, r.Named("grant-repository").Value("labels").Mappable())
}

func TestBadArgumentsAreNamed(t *testing.T) {
	change := func(edit func(*gcp.EntraTrust)) func(*gcp.ImageGrantArgs) {
		return func(a *gcp.ImageGrantArgs) {
			trust := entra()
			edit(&trust)
			a.Readers[0].Trust = trust
		}
	}
	cluster := func(trust gcp.ClusterTrust) func(*gcp.ImageGrantArgs) {
		return func(a *gcp.ImageGrantArgs) { a.Readers[0].Trust = trust }
	}
	for name, c := range map[string]struct {
		change func(*gcp.ImageGrantArgs)
		want   string
	}{
		"a bad slug":             {func(a *gcp.ImageGrantArgs) { a.Customer = "Acme" }, `customer "Acme": want 3 to 40`},
		"a project number":       {func(a *gcp.ImageGrantArgs) { a.Project = "402817365910" }, "want the vendor's project ID, not its number"},
		"no location":            {func(a *gcp.ImageGrantArgs) { a.Location = "" }, `location "": want a region`},
		"generation 100":         {func(a *gcp.ImageGrantArgs) { a.Generation = 100 }, "generation 100: want 0 to 99"},
		"no trust":               {func(a *gcp.ImageGrantArgs) { a.Readers[0].Trust = nil }, "trust is missing: want EntraTrust or ClusterTrust"},
		"a short account":        {func(a *gcp.ImageGrantArgs) { a.ServiceAccountID = "abc" }, `serviceAccountId "abc": want a service account ID`},
		"a bad repository":       {func(a *gcp.ImageGrantArgs) { a.Repository.Name = "A" }, `repository.name "A"`},
		"a bad product":          {func(a *gcp.ImageGrantArgs) { a.Product = "sh--op" }, `product "sh--op": want the product's name`},
		"a bad upstream":         {func(a *gcp.ImageGrantArgs) { a.Repository.Upstream = "x" }, `repository.upstream "x": want projects/PROJECT`},
		"tags of an upstream":    {func(a *gcp.ImageGrantArgs) { a.Repository = gcp.Repository{MutableTags: true, Upstream: upstream} }, "repository.mutableTags true: want it without an upstream"},
		"existing over another":  {func(a *gcp.ImageGrantArgs) { a.Repository = gcp.Repository{Existing: true, Upstream: upstream} }, "repository.existing true: want no other setting"},
		"existing with tags":     {func(a *gcp.ImageGrantArgs) { a.Repository = gcp.Repository{Existing: true, MutableTags: true} }, "repository.existing true: want no other setting"},
		"existing and protected": {func(a *gcp.ImageGrantArgs) { a.Repository = gcp.Repository{Existing: true, Protect: &no} }, "repository.existing true: want no other setting"},
		"a reserved pool":        {func(a *gcp.ImageGrantArgs) { a.PoolID = "gcp-pool" }, `poolId "gcp-pool": want a workload identity pool ID that does not start with gcp-`},
		"a short pool":           {func(a *gcp.ImageGrantArgs) { a.PoolID = "abc" }, `poolId "abc": want a workload identity pool ID`},
		"a key elsewhere": {func(a *gcp.ImageGrantArgs) {
			a.Repository.KMSKey = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
		}, `repository.kmsKey "projects/p/locations/us/keyRings/r/cryptoKeys/k": want projects/PROJECT/locations/europe-west1/keyRings/RING/cryptoKeys/KEY`},
		"tags that Google keeps": {func(a *gcp.ImageGrantArgs) { a.Repository.Cleanup.KeepTagged = 9 }, "repository.cleanup.keepTagged 9: want it with mutableTags"},
		"limits and no expiry": {func(a *gcp.ImageGrantArgs) {
			a.Repository.Cleanup = gcp.Cleanup{Expire: &no, ExpireUntaggedAfterDays: 3}
		}, "repository.cleanup.expire false: want no limits beside it"},
		"untagged for ever": {func(a *gcp.ImageGrantArgs) { a.Repository.Cleanup.ExpireUntaggedAfterDays = 4000 }, "repository.cleanup.expireUntaggedAfterDays 4000"},
		"cleanup of an upstream": {func(a *gcp.ImageGrantArgs) {
			a.Repository = gcp.Repository{Upstream: upstream, Cleanup: gcp.Cleanup{Expire: &no}}
		}, "want no key and no cleanup beside it"},
		"an upper-case tag":        {func(a *gcp.ImageGrantArgs) { a.Tags = map[string]string{"Team": "x"} }, `tags["Team"] "x": want a key`},
		"no audience":              {change(func(t *gcp.EntraTrust) { t.Audience = "" }), `trust.audience "": want the audience`},
		"a long audience":          {change(func(t *gcp.EntraTrust) { t.Audience = strings.Repeat("a", 257) }), "trust.audience has 257 characters: want at most 256"},
		"version 3":                {change(func(t *gcp.EntraTrust) { t.Version = "v3" }), `trust.version "v3": want v1 or v2`},
		"a client alone":           {change(func(t *gcp.EntraTrust) { t.PrincipalID = nil }), "readers[0].trust.principalId is missing: want the identity's principal ID, a client alone pins nobody"},
		"a long cluster subject":   {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: strings.Repeat("n", 63), ServiceAccount: strings.Repeat("a", 63)}), "want at most 127"},
		"an expression for a name": {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n' || true || 'x", ServiceAccount: "s"}), "readers[0].trust.namespace"},
		"a symmetric key":          {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s", KeySet: `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`}), `keys[0].kty "oct": want RSA or EC`},
		"a virtual repository elsewhere": {func(a *gcp.ImageGrantArgs) {
			a.Repository = gcp.Repository{Upstream: "projects/vendor-images/locations/us/repositories/releases"}
		}, `is in us: want one in europe-west1`},
		"a private key":                      {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s", KeySet: `{"keys":[{"kty":"RSA","d":"secret"}]}`}), "is a private key: want public keys only"},
		"nine keys":                          {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s", KeySet: `{"keys":[` + strings.Repeat("{},", 8) + `{}]}`}), "holds 9 keys: want 1 to 8"},
		"an RSA key without its modulus":     {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s", KeySet: `{"keys":[{"kty":"RSA","e":"AQAB","kid":"a"}]}`}), `keySet keys[0].n is missing or not in base64url: want n, e of an RSA key (kid "a")`},
		"a key on P-384":                     {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s", KeySet: `{"keys":[{"kty":"EC","crv":"P-384","x":"AQ","y":"AQ"}]}`}), `keySet keys[0].crv "P-384": want P-256`},
		"an issuer that Google cannot reach": {cluster(gcp.ClusterTrust{Issuer: "https://10.0.0.5:6443", Namespace: "n", ServiceAccount: "s"}), "trust.issuer \"https://10.0.0.5:6443\": no cloud can reach it, for 10.0.0.5 is no public address"},
		"an EdDSA key":                       {cluster(gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s", KeySet: `{"keys":[{"kty":"EC","alg":"EdDSA"}]}`}), "want RS256 or ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			c.change(args)
			require.ErrorContains(t, args.Validate(), c.want)
		})
	}
}

// Several readers share the repository, the pool and the account, and nothing
// by which one could become another.
func TestEachReaderHasAProviderAndABindingOfItsOwn(t *testing.T) {
	args := arguments()
	other := entra()
	other.PrincipalID, other.ClientID = pulumi.String(tenant), pulumi.String(tenant)
	args.Readers = []gcp.Reader{{Name: "prod", Trust: entra()}, {Name: "dev", Trust: other}}
	r := &recorder.Recorder{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		grant, err := gcp.NewImageGrant(ctx, "grant", args)
		require.NoError(t, err)
		assert.Len(t, grant.Readers, 2)
		return nil
	}))
	assert.Len(t, r.Of("WorkloadIdentityPool"), 1)
	assert.Len(t, r.Of("Account"), 1)
	assert.Equal(t, "acme-azure-prod", r.Named("grant-provider-prod").Text("workloadIdentityPoolProviderId"))
	assert.Contains(t, r.Named("grant-provider-prod").Text("attributeCondition"), principal)
	assert.NotContains(t, r.Named("grant-provider-dev").Text("attributeCondition"), principal)
	assert.True(t, strings.HasSuffix(r.Named("grant-impersonation-prod").Text("member"), "/subject/"+principal))
	assert.True(t, strings.HasSuffix(r.Named("grant-impersonation-dev").Text("member"), "/subject/"+tenant))
}

func TestAReaderThatWaitsIsNotTrustedYet(t *testing.T) {
	args := arguments()
	args.Readers = []gcp.Reader{{Trust: gcp.EntraTrust{TenantID: tenant, Issuer: entra().Issuer, Audience: audience}, Waiting: true}}
	r := &recorder.Recorder{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		grant, err := gcp.NewImageGrant(ctx, "grant", args)
		require.NoError(t, err)
		assert.Empty(t, grant.Readers)
		return nil
	}))
	assert.NotEmpty(t, r.Named("grant-pool").Type)
	assert.Empty(t, r.Of("WorkloadIdentityPoolProvider"))
	assert.Empty(t, r.Of("IAMMember"))
}

func TestWrongReadersAreRefused(t *testing.T) {
	readers := func(readers ...gcp.Reader) func(*gcp.ImageGrantArgs) {
		return func(a *gcp.ImageGrantArgs) { a.Readers = readers }
	}
	cluster := gcp.ClusterTrust{Issuer: "https://x.example", Namespace: "n", ServiceAccount: "s"}
	for name, c := range map[string]struct {
		edit func(*gcp.ImageGrantArgs)
		want string
	}{
		"nobody":              {readers(), "readers are missing: want who may read, or nodes"},
		"two without a name":  {readers(gcp.Reader{Trust: entra()}, gcp.Reader{Trust: entra()}), `readers[1].name "": repeats readers[0]`},
		"one name twice":      {readers(gcp.Reader{Name: "prod", Trust: entra()}, gcp.Reader{Name: "prod", Trust: entra()}), `readers[1].name "prod": repeats readers[0]`},
		"a long name":         {readers(gcp.Reader{Name: strings.Repeat("n", 13), Trust: entra()}), "want 2 to 12"},
		"two kinds of trust":  {readers(gcp.Reader{Name: "prod", Trust: entra()}, gcp.Reader{Name: "dev", Trust: cluster}), "readers[1].trust is of another kind"},
		"nodes and readers":   {func(a *gcp.ImageGrantArgs) { a.Nodes = []string{"nodes@acme-platform.iam.gserviceaccount.com"} }, "want none beside readers"},
		"a node that is none": {func(a *gcp.ImageGrantArgs) { a.Readers, a.Nodes = nil, []string{"allUsers"} }, `nodes[0] "allUsers": want a service account's email`},
		"one node twice": {func(a *gcp.ImageGrantArgs) {
			a.Readers, a.Nodes = nil, []string{"nodes@acme-platform.iam.gserviceaccount.com", "nodes@acme-platform.iam.gserviceaccount.com"}
		}, `has the same name before the @ as nodes[0]`},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			c.edit(args)
			require.ErrorContains(t, args.Validate(), c.want)
		})
	}
}
