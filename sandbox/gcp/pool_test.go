package gcp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/provider/providertest"
)

func TestAPoolIsNamedByTheProjectsNumber(t *testing.T) {
	cloud, engine := start(t)
	created := engine.MustCreate(poolToken, "pool", pool(map[string]any{"displayName": "ACME", "description": "ACME's AKS"}))
	assert.Equal(t, "projects/vendor-images/locations/global/workloadIdentityPools/acme-azure", string(created.ID))
	assert.Equal(t, poolPrefix+"acme-azure", created.Text(t, "name"))
	assert.Equal(t, project, created.Text(t, "project"))
	assert.Equal(t, "ACTIVE", created.Text(t, "state"))
	assert.Equal(t, "ACME", created.Text(t, "displayName"))

	found, ok := cloud.Pool(number, "acme-azure")
	require.True(t, ok)
	assert.Equal(t, gcp.Enabled, found.State())
	_, ok = cloud.Pool(project, "acme-azure")
	assert.False(t, ok, "token servers know a pool by the number, not by the ID")
}

func TestAProviderIsNamedBelowItsPool(t *testing.T) {
	cloud, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	created := engine.MustCreate(poolProviderToken, "provider", poolProvider(nil))
	assert.Equal(t, "projects/vendor-images/locations/global/workloadIdentityPools/acme-azure/providers/acme-entra", string(created.ID))
	assert.Equal(t, poolPrefix+"acme-azure/providers/acme-entra", created.Text(t, "name"))
	assert.Equal(t, "ACTIVE", created.Text(t, "state"))

	found, ok := cloud.PoolProvider(number, "acme-azure", "acme-entra")
	require.True(t, ok)
	assert.Equal(t, "https://login.microsoftonline.com/tenant/v2.0", found.IssuerURI)
	assert.True(t, found.Accepts("//iam.googleapis.com/"+found.Name()))
	assert.True(t, found.Accepts("https://iam.googleapis.com/"+found.Name()))
	assert.False(t, found.Accepts("http://iam.googleapis.com/"+found.Name()))

	_, err := engine.Update(created, poolProvider(map[string]any{
		"oidc": map[string]any{"issuerUri": "https://elsewhere.example", "allowedAudiences": []any{"mine"}},
	}))
	require.NoError(t, err)
	found, _ = cloud.PoolProvider(number, "acme-azure", "acme-entra")
	assert.True(t, found.Accepts("mine"))
	assert.False(t, found.Accepts("https://iam.googleapis.com/"+found.Name()), "a list replaces the default")
}

func TestAPreviewOfAPoolLeavesItsNameUnknown(t *testing.T) {
	cloud, engine := start(t)
	outputs := engine.Preview(poolToken, "pool", pool(nil))
	assert.True(t, outputs["name"].IsComputed())
	assert.True(t, outputs["state"].IsComputed())
	assert.Equal(t, project, outputs["project"].StringValue())
	_, ok := cloud.Pool(number, "acme-azure")
	assert.False(t, ok)

	created := engine.MustCreate(poolToken, "pool", pool(nil))
	assert.Equal(t, created.Text(t, "name"), engine.PreviewUpdate(created, pool(map[string]any{"disabled": true}))["name"].StringValue())
}

func TestPoolsAndProvidersAreDisabledInPlace(t *testing.T) {
	cloud, engine := start(t)
	aPool := engine.MustCreate(poolToken, "pool", pool(nil))
	aProvider := engine.MustCreate(poolProviderToken, "provider", poolProvider(nil))
	require.False(t, engine.Diff(aPool, pool(map[string]any{"disabled": true})).Replace())
	_, err := engine.Update(aPool, pool(map[string]any{"disabled": true}))
	require.NoError(t, err)
	_, err = engine.Update(aProvider, poolProvider(map[string]any{"disabled": true}))
	require.NoError(t, err)

	foundPool, _ := cloud.Pool(number, "acme-azure")
	assert.Equal(t, gcp.Disabled, foundPool.State())
	foundProvider, _ := cloud.PoolProvider(number, "acme-azure", "acme-entra")
	assert.Equal(t, gcp.Disabled, foundProvider.State())
}

func TestIDsOfPoolsAndProvidersThatGoogleRefuses(t *testing.T) {
	for id, want := range map[string]string{
		"abc":                   "must have 4 to 32 characters",
		strings.Repeat("a", 33): "must have 4 to 32 characters",
		"Acme-azure":            "contain only lowercase letters (a-z), numbers (0-9), or dashes (-)",
		"acme_azure":            "contain only lowercase letters",
		"gcp-acme":              `can not start with "gcp-"`,
	} {
		_, engine := start(t)
		_, err := engine.Create(poolToken, "pool", pool(map[string]any{"workloadIdentityPoolId": id}))
		require.ErrorContains(t, err, "workloadIdentityPoolId: ", id)
		assert.ErrorContains(t, err, want, id)
		_, err = engine.Create(poolProviderToken, "provider", poolProvider(map[string]any{"workloadIdentityPoolProviderId": id}))
		require.ErrorContains(t, err, "workloadIdentityPoolProviderId: ", id)
		assert.ErrorContains(t, err, want, id)
	}
	_, engine := start(t)
	for _, id := range []string{"0123", "-azure-", strings.Repeat("a", 32)} {
		engine.MustCreate(poolToken, "pool", pool(map[string]any{"workloadIdentityPoolId": id}))
	}
}

func TestTextsOfPoolsThatGoogleRefuses(t *testing.T) {
	_, engine := start(t)
	for _, texts := range []struct{ property, value, want string }{
		{"displayName", strings.Repeat("ä", 33), "Error creating WorkloadIdentityPool: googleapi: Error 400: display name must be less than or equal to 32 characters"},
		{"description", strings.Repeat("d", 257), "description must be less than or equal to 256 characters"},
	} {
		_, err := engine.Create(poolToken, "pool", pool(map[string]any{texts.property: texts.value}))
		assert.ErrorContains(t, err, texts.want)
	}
	created := engine.MustCreate(poolToken, "pool", pool(map[string]any{"displayName": strings.Repeat("ä", 32), "description": strings.Repeat("d", 256)}))
	_, err := engine.Update(created, pool(map[string]any{"displayName": strings.Repeat("a", 33)}))
	assert.ErrorContains(t, err, "Error updating WorkloadIdentityPool")
}

func TestADeletedPoolKeepsItsIDForThirtyDays(t *testing.T) {
	time30 := clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cloud, engine := startAt(t, time30.Now, 0)
	created := engine.MustCreate(poolToken, "pool", pool(nil))
	below := engine.MustCreate(poolProviderToken, "provider", poolProvider(nil))
	require.NoError(t, engine.Delete(created))
	require.NoError(t, engine.Delete(created), "what is deleted needs no deletion")

	assert.Empty(t, engine.Refresh(created).ID, "for Pulumi it is gone")
	assert.Empty(t, engine.Refresh(below).ID)
	found, ok := cloud.Pool(number, "acme-azure")
	require.True(t, ok)
	assert.Equal(t, gcp.Deleted, found.State())
	_, err := engine.Create(poolProviderToken, "provider", poolProvider(map[string]any{"workloadIdentityPoolProviderId": "second"}))
	require.ErrorContains(t, err, "googleapi: Error 404: Requested entity was not found.")

	time30.now = time30.now.Add(gcp.Retention - time.Second)
	_, err = engine.Create(poolToken, "pool", pool(nil))
	require.ErrorContains(t, err, "Error creating WorkloadIdentityPool: googleapi: Error 409: Requested entity already exists")

	time30.now = time30.now.Add(time.Second)
	_, ok = cloud.Pool(number, "acme-azure")
	assert.False(t, ok, "after 30 days it is purged")
	engine.MustCreate(poolToken, "pool", pool(nil))
	_, ok = cloud.PoolProvider(number, "acme-azure", "acme-entra")
	assert.False(t, ok, "its providers were purged with it")
}

func TestADeletedProviderKeepsItsIDForThirtyDays(t *testing.T) {
	now := clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cloud, engine := startAt(t, now.Now, 0)
	engine.MustCreate(poolToken, "pool", pool(nil))
	created := engine.MustCreate(poolProviderToken, "provider", poolProvider(nil))
	require.NoError(t, engine.Delete(created))
	found, ok := cloud.PoolProvider(number, "acme-azure", "acme-entra")
	require.True(t, ok)
	assert.Equal(t, gcp.Deleted, found.State())
	_, err := engine.Create(poolProviderToken, "provider", poolProvider(nil))
	require.ErrorContains(t, err, "Error creating WorkloadIdentityPoolProvider: googleapi: Error 409: Requested entity already exists")
	now.now = now.now.Add(gcp.Retention)
	engine.MustCreate(poolProviderToken, "provider", poolProvider(nil))
}

func TestASecondPoolOfTheSameIDIsRefused(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	_, err := engine.Create(poolToken, "again", pool(nil))
	assert.ErrorContains(t, err, "googleapi: Error 409: Requested entity already exists")
}

func TestProvidersThatGoogleRefuses(t *testing.T) {
	key := func(n int) string {
		return strings.TrimSuffix(strings.Repeat(`{"kty":"RSA","n":"AQ","e":"AQAB"},`, n), ",")
	}
	oidc := func(changes map[string]any) map[string]any {
		return map[string]any{"oidc": changed(map[string]any{"issuerUri": "https://issuer.example"}, changes)}
	}
	mapping := func(changes map[string]any) map[string]any {
		return map[string]any{"attributeMapping": changed(map[string]any{"google.subject": "assertion.sub"}, changes)}
	}
	condition := func(text string) map[string]any { return map[string]any{"attributeCondition": text} }
	custom := map[string]any{}
	for i := range 51 {
		custom[fmt.Sprintf("attribute.a%d", i)] = "assertion.sub"
	}
	for name, refused := range map[string]struct {
		inputs map[string]any
		want   string
	}{
		"display name":      {map[string]any{"displayName": strings.Repeat("d", 33)}, "display name must be less than or equal to 32 characters"},
		"aws":               {map[string]any{"aws": map[string]any{"accountId": "123456789012"}}, "aws: the sandbox does not model it: leave it out"},
		"plain issuer":      {oidc(map[string]any{"issuerUri": "http://issuer.example"}), `Invalid issuer URI "http://issuer.example": it must be a valid https URL`},
		"no issuer":         {map[string]any{"oidc": nil}, "Invalid issuer URI"},
		"many audiences":    {oidc(map[string]any{"allowedAudiences": make11()}), "11 allowed audiences: at most 10 may be configured"},
		"long audience":     {oidc(map[string]any{"allowedAudiences": []any{strings.Repeat("a", 257)}}), "has 257 characters: it must have 1 to 256"},
		"keys no JSON":      {oidc(map[string]any{"jwksJson": "keys"}), "Invalid JWKS: it must be a JSON key set"},
		"no keys":           {oidc(map[string]any{"jwksJson": `{"keys":[]}`}), "Invalid JWKS: 0 keys: it must hold 1 to 8"},
		"nine keys":         {oidc(map[string]any{"jwksJson": `{"keys":[` + key(9) + `]}`}), "Invalid JWKS: 9 keys"},
		"private key":       {oidc(map[string]any{"jwksJson": `{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ"}]}`}), "holds a private key"},
		"symmetric key":     {oidc(map[string]any{"jwksJson": `{"keys":[{"kty":"oct","k":"AQ"}]}`}), "it must be an RSA key with n and e, or an EC key on P-256"},
		"no subject":        {map[string]any{"attributeMapping": map[string]any{"attribute.sub": "assertion.sub"}}, "must include a mapping to the google.subject attribute"},
		"mapped key":        {mapping(map[string]any{"assertion.aud": "assertion.aud"}), "Invalid mapped attribute key: assertion.aud. Custom mapped attributes must be in format 'attribute.{custom_attribute}'"},
		"mapped key's case": {mapping(map[string]any{"attribute.Aud": "assertion.aud"}), "Invalid mapped attribute key: attribute.Aud"},
		"long mapped key":   {mapping(map[string]any{"attribute." + strings.Repeat("a", 101): "assertion.aud"}), "Invalid mapped attribute key"},
		"long mapping":      {mapping(map[string]any{"attribute.a": "'" + strings.Repeat("a", 2047) + "'"}), "has 2049 characters: it must have 1 to 2048"},
		"many attributes":   {mapping(custom), "51 custom attributes are mapped: at most 50 may be defined"},
		"mapping's syntax":  {mapping(map[string]any{"attribute.a": "assertion."}), "Invalid attribute mapping for attribute.a: ERROR"},
		"mapping's names":   {mapping(map[string]any{"attribute.a": "google.subject"}), "undeclared reference to 'google'"},
		"mapping's type":    {mapping(map[string]any{"attribute.a": "1 + 1"}), "is of type int: it must be of type string"},
		"groups":            {mapping(map[string]any{"google.groups": "assertion.groups"}), "google.groups: the sandbox does not model it: leave it out"},
		"parts of texts":    {mapping(map[string]any{"attribute.a": "assertion.iss.extract('https://{rest}')"}), "Invalid attribute mapping for attribute.a: extract: the sandbox does not model it"},
		"undocumented":      {mapping(map[string]any{"attribute.a": "assertion.sub.matches('a') ? 'a' : 'b'"}), "undeclared reference to 'matches'"},
		"condition's type":  {condition("'yes'"), "Invalid attribute condition: the expression \"'yes'\" is of type string: it must be of type bool"},
		"condition's words": {condition("claims.sub == 'a'"), "undeclared reference to 'claims'"},
		"undocumented too":  {condition("timestamp(assertion.exp) > timestamp('2026-01-01T00:00:00Z')"), "undeclared reference to 'timestamp'"},
		"long condition":    {condition("assertion.sub == '" + strings.Repeat("a", 4096) + "'"), "must be less than or equal to 4096"},
		"shared issuer": {changed(oidc(map[string]any{"issuerUri": "https://token.actions.githubusercontent.com"}), map[string]any{"attributeCondition": ""}),
			"The attribute condition must reference one of the provider's claims."},
		"no pool": {map[string]any{"workloadIdentityPoolId": "nobodys-pool"}, "googleapi: Error 404: Requested entity was not found."},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, engine := start(t)
			engine.MustCreate(poolToken, "pool", pool(nil))
			_, err := engine.Create(poolProviderToken, "provider", poolProvider(refused.inputs))
			require.ErrorContains(t, err, refused.want)
			_, ok := cloud.PoolProvider(number, "acme-azure", "acme-entra")
			assert.False(t, ok)
		})
	}
}

func make11() []any {
	audiences := make([]any, 11)
	for i := range audiences {
		audiences[i] = fmt.Sprintf("audience-%d", i)
	}
	return audiences
}

func TestProvidersAtTheirLimitsAreTaken(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	mapping := map[string]any{"google.subject": "assertion.sub"}
	for i := range 50 {
		mapping[fmt.Sprintf("attribute.a%d", i)] = "'" + strings.Repeat("a", 2046) + "'"
	}
	keys := strings.Repeat(`{"kty":"RSA","n":"AQ","e":"AQAB"},`, 7) + `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`
	engine.MustCreate(poolProviderToken, "provider", poolProvider(map[string]any{
		"attributeMapping": mapping,
		"oidc": map[string]any{
			"issuerUri": "https://issuer.example", "allowedAudiences": append(make11()[:9], strings.Repeat("a", 256)), "jwksJson": `{"keys":[` + keys + `]}`,
		},
	}))
}

func TestEveryProblemOfAProviderIsReportedAtOnce(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	_, err := engine.Create(poolProviderToken, "provider", poolProvider(map[string]any{
		"attributeMapping": map[string]any{"attribute.sub": "assertion.sub"}, "attributeCondition": "nonsense", "oidc": map[string]any{"issuerUri": "issuer"},
	}))
	require.ErrorContains(t, err, "Invalid issuer URI")
	require.ErrorContains(t, err, "must include a mapping to the google.subject attribute")
	require.ErrorContains(t, err, "undeclared reference to 'nonsense'")
}

func TestASecretKeySetStaysSecret(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	inputs := resource.NewPropertyMapFromMap(poolProvider(nil))
	inputs["oidc"].ObjectValue()["jwksJson"] = resource.MakeSecret(resource.NewStringProperty(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`))
	created, err := engine.CreateFrom(poolProviderToken, "provider", inputs)
	require.NoError(t, err)
	assert.True(t, created.Outputs["oidc"].ContainsSecrets())
	assert.True(t, engine.Refresh(created).Outputs["oidc"].ContainsSecrets())
}

func TestAPoolCanBeImported(t *testing.T) {
	_, engine := start(t)
	created := engine.MustCreate(poolToken, "pool", pool(map[string]any{"displayName": "ACME"}))
	adopted := engine.Import(poolToken, "adopted", string(created.ID))
	assert.Equal(t, created.ID, adopted.ID)
	assert.Equal(t, "acme-azure", adopted.Inputs["workloadIdentityPoolId"].StringValue())
	assert.Equal(t, "ACME", adopted.Inputs["displayName"].StringValue())
}

func TestWhatChangesAnIDReplaces(t *testing.T) {
	_, engine := start(t)
	aPool := engine.MustCreate(poolToken, "pool", pool(nil))
	aProvider := engine.MustCreate(poolProviderToken, "provider", poolProvider(nil))
	anAccount := engine.MustCreate(accountToken, "account", account(nil))
	aRepository := engine.MustCreate(repositoryToken, "repository", repository(nil))
	for _, change := range []struct {
		of       providertest.Resource
		inputs   map[string]any
		replaces bool
	}{
		{aPool, pool(map[string]any{"workloadIdentityPoolId": "other"}), true},
		{aPool, pool(map[string]any{"project": "bare-project"}), true},
		{aPool, pool(map[string]any{"displayName": "other"}), false},
		{aProvider, poolProvider(map[string]any{"workloadIdentityPoolProviderId": "other"}), true},
		{aProvider, poolProvider(map[string]any{"workloadIdentityPoolId": "other"}), true},
		{aProvider, poolProvider(map[string]any{"attributeCondition": "true"}), false},
		{anAccount, account(map[string]any{"accountId": "other-pull"}), true},
		{anAccount, account(map[string]any{"displayName": "other"}), false},
		{aRepository, repository(map[string]any{"repositoryId": "other"}), true},
		{aRepository, repository(map[string]any{"location": "us"}), true},
		{aRepository, repository(map[string]any{"mode": "VIRTUAL_REPOSITORY"}), true},
		{aRepository, repository(map[string]any{"description": "other"}), false},
		{aRepository, repository(map[string]any{"dockerConfig": map[string]any{"immutableTags": true}}), false},
	} {
		assert.Equal(t, change.replaces, engine.Diff(change.of, change.inputs).Replace(), "%v", change.inputs)
	}
}

func TestAKeySetThatIsNotCanonicalDiffersForEver(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	inputs := func(keys string) map[string]any {
		return poolProvider(map[string]any{"oidc": map[string]any{"issuerUri": "https://issuer.example", "jwksJson": keys}})
	}
	const spaced, canonical = `{"keys": [{"n":"AQ", "kty":"RSA","e":"AQAB"}]}`, `{"keys":[{"e":"AQAB","kty":"RSA","n":"AQ"}]}`
	created := engine.MustCreate(poolProviderToken, "provider", inputs(spaced))
	for range 2 {
		assert.NotEmpty(t, engine.Diff(created, inputs(spaced)).ChangedKeys)
		updated, err := engine.Update(created, inputs(spaced))
		require.NoError(t, err)
		created = updated
	}
	assert.Empty(t, engine.Diff(created, inputs(canonical)).ChangedKeys)
}
