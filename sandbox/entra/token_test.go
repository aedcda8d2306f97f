package entra_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/entra"
)

func TestAManagedIdentitysTokenHasTheClaimsThatGoogleIsToldToExpect(t *testing.T) {
	r := start(t)
	got := r.post(t, authority, tenant, form(r.assertion(t, nil), nil))
	require.Equal(t, http.StatusOK, got.Status, got.Description)
	assert.Equal(t, "Bearer", got.TokenType)
	assert.Equal(t, 86399, got.ExpiresIn)
	assert.Equal(t, 86399, got.ExtExpires)

	const issuer = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	claims := r.verified(t, issuer, got.AccessToken)
	assert.Len(t, claims["uti"], 22)
	delete(claims, "uti")
	issued := float64(r.now.Unix())
	assert.Equal(t, map[string]any{
		"iss": issuer, "aud": exchangeGUID, "sub": identityPrincipal, "oid": identityPrincipal,
		"azp": identityClient, "azpacr": "2", "idtyp": "app", "tid": tenant, "ver": "2.0",
		"iat": issued - 300, "nbf": issued - 300, "exp": issued + 86400,
	}, claims)

	other := r.post(t, authority, tenant, form(r.assertion(t, nil), nil))
	assert.NotEqual(t, got.AccessToken, other.AccessToken, "each token has a uti of its own")
}

func TestNamesAndFormsThatEntraTakesForTheSameAreTaken(t *testing.T) {
	r := start(t)
	for name, test := range map[string]struct {
		host, tenant string
		changes      map[string]string
		claims       map[string]any
	}{
		"the GUID as scope":                {authority, tenant, map[string]string{"scope": exchangeGUID + "/.default"}, nil},
		"the scopes that MSAL adds":        {authority, tenant, map[string]string{"scope": scope + " openid offline_access profile"}, nil},
		"GUIDs in capitals":                {authority, strings.ToUpper(tenant), map[string]string{"client_id": strings.ToUpper(identityClient)}, nil},
		"an alias of the authority":        {"login.windows.net", tenant, nil, nil},
		"an audience that is one text":     {authority, tenant, nil, map[string]any{"aud": exchange}},
		"a token without nbf":              {authority, tenant, nil, map[string]any{"nbf": nil}},
		"a clock that is four minutes off": {authority, tenant, nil, map[string]any{"nbf": time.Now().Add(4 * time.Minute).Unix(), "exp": time.Now().Add(-4 * time.Minute).Unix()}},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.post(t, test.host, test.tenant, form(r.assertion(t, test.claims), test.changes))
			require.Equal(t, http.StatusOK, got.Status, got.Description)
			claims := r.verified(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", got.AccessToken)
			assert.Equal(t, exchangeGUID, claims["aud"])
		})
	}
}

func TestTokensForApplicationsOfVersion1NameTheURIAndTheV1Issuer(t *testing.T) {
	r := start(t)
	got := r.post(t, authority, tenant, form(r.assertion(t, nil), map[string]string{
		"client_id": v1Client, "scope": "api://images.customer.example/.default",
	}))
	require.Equal(t, http.StatusOK, got.Status, got.Description)
	assert.Equal(t, 3599, got.ExpiresIn, "an app registration's token lives an hour")
	const issuer = "https://sts.windows.net/" + tenant + "/"
	claims := r.verified(t, issuer, got.AccessToken)
	assert.Equal(t, "api://images.customer.example", claims["aud"])
	assert.Equal(t, v1Client, claims["appid"])
	assert.Equal(t, v1Principal, claims["sub"])
	assert.Equal(t, v1Principal, claims["oid"])
	assert.Equal(t, "1.0", claims["ver"])
	assert.NotContains(t, claims, "azp")
}

func TestTheAudienceFollowsTheResource(t *testing.T) {
	r := start(t)
	for asked, want := range map[string]struct{ audience, version string }{
		"https://management.azure.com":  {"https://management.azure.com", "1.0"},
		"https://management.azure.com/": {"https://management.azure.com/", "1.0"},
		"api://two":                     {v2Client, "2.0"},
		v2Client:                        {v2Client, "2.0"},
		v1Client:                        {v1Client, "1.0"},
	} {
		claims, err := r.entra.Claims(tenant, identityClient, asked+"/.default")
		require.NoError(t, err)
		assert.Equal(t, want.audience, claims["aud"], asked)
		assert.Equal(t, want.version, claims["ver"], asked)
	}
}

func TestSovereignCloudsHaveTheirOwnHostsAudiencesAndIssuers(t *testing.T) {
	r := start(t)
	for _, cloud := range []struct{ host, tenant, client, exchange, issuer, v1Issuer string }{
		{"login.microsoftonline.us", usTenant, usClient, "api://AzureADTokenExchangeUSGov",
			"https://login.microsoftonline.us/" + usTenant + "/v2.0", "https://sts.windows.net/" + usTenant + "/"},
		{"login.chinacloudapi.cn", chinaTenant, chinaClient, "api://AzureADTokenExchangeChina",
			"https://login.partner.microsoftonline.cn/" + chinaTenant + "/v2.0", "https://sts.chinacloudapi.cn/" + chinaTenant + "/"},
	} {
		changes := map[string]string{"client_id": cloud.client, "scope": cloud.exchange + "/.default"}
		assertion := r.assertion(t, map[string]any{"aud": cloud.exchange})
		got := r.post(t, cloud.host, cloud.tenant, form(assertion, changes))
		require.Equal(t, http.StatusOK, got.Status, got.Description)
		claims := r.verified(t, cloud.issuer, got.AccessToken)
		assert.Equal(t, cloud.issuer, claims["iss"])

		claims["iss"] = cloud.v1Issuer
		minted, err := r.entra.MintUnchecked(cloud.tenant, claims)
		require.NoError(t, err)
		r.verified(t, cloud.v1Issuer, minted)

		got = r.post(t, authority, cloud.tenant, form(assertion, changes))
		assert.Equal(t, []int{90002}, got.Codes, "a tenant is unknown to the other clouds")
		got = r.post(t, cloud.host, tenant, form(r.assertion(t, nil), nil))
		assert.Equal(t, []int{90002}, got.Codes)
	}
}

func TestARestartKeepsTheKeyAndTheTokensOfBefore(t *testing.T) {
	r := start(t)
	const issuer = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	before := r.post(t, authority, tenant, form(r.assertion(t, nil), nil))
	_, keys := r.get(t, "https://"+authority+"/"+tenant+"/discovery/v2.0/keys")
	r.entra = r.open(t)
	_, again := r.get(t, "https://"+authority+"/"+tenant+"/discovery/v2.0/keys")
	assert.Equal(t, keys, again)
	r.verified(t, issuer, before.AccessToken)

	_, others := r.get(t, "https://"+authority+"/"+otherTenant+"/discovery/v2.0/keys")
	assert.NotEqual(t, keys, others, "each tenant has a key of its own")
}

func TestMintUncheckedSignsWhatEntraWouldGiveToSomebodyElse(t *testing.T) {
	r := start(t)
	claims, err := r.entra.Claims(tenant, identityClient, scope)
	require.NoError(t, err)
	claims["sub"] = "/eid1/c/pub/t/tenant/a/application/agent"
	claims["exp"] = r.now.Add(25 * time.Hour).Unix()
	token, err := r.entra.MintUnchecked(strings.ToUpper(tenant), claims)
	require.NoError(t, err)
	verified := r.verified(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", token)
	assert.Equal(t, claims["sub"], verified["sub"])
	assert.Equal(t, identityClient, verified["azp"])
	assert.InDelta(t, float64(r.now.Add(25*time.Hour).Unix()), verified["exp"], 0)

	_, err = r.entra.MintUnchecked("nobody", claims)
	require.ErrorContains(t, err, `tenant "nobody"`)
	_, err = r.entra.Claims("nobody", identityClient, scope)
	require.ErrorContains(t, err, `tenant "nobody"`)
	_, err = r.entra.Claims(tenant, "nobody", scope)
	require.ErrorContains(t, err, `client ID "nobody"`)
	_, err = r.entra.Claims(tenant, identityClient, "api://nothing/.default")
	require.ErrorContains(t, err, "api://nothing")
}

func TestATenantThatIsNoGUIDIsRefused(t *testing.T) {
	existing := customers()
	existing.Tenants[0].ID = "../../etc"
	_, err := entra.New(entra.Config{World: existing, Dir: t.TempDir(), Client: http.DefaultClient})
	require.ErrorContains(t, err, `tenant "../../etc": want a GUID`)
}
