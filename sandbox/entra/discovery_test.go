package entra_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func decode(t *testing.T, response *http.Response, into any) {
	t.Helper()
	require.NoError(t, json.NewDecoder(response.Body).Decode(into))
	require.NoError(t, response.Body.Close())
}

func TestInstanceDiscoveryNamesEveryCloud(t *testing.T) {
	r := start(t)
	endpoint := func(host string) string {
		return "https://" + authority + "/common/discovery/instance?api-version=1.1&authorization_endpoint=" +
			url.QueryEscape("https://"+host+"/"+usTenant+"/oauth2/v2.0/authorize")
	}
	status, document := r.get(t, endpoint("login.microsoftonline.us"))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "https://login.microsoftonline.us/"+usTenant+"/v2.0/.well-known/openid-configuration", document["tenant_discovery_endpoint"])
	assert.Equal(t, "1.1", document["api-version"])
	assert.Len(t, document["metadata"], 3)
	for _, instance := range document["metadata"].([]any) {
		fields := instance.(map[string]any)
		assert.Contains(t, fields["aliases"], fields["preferred_network"])
		assert.Contains(t, fields["aliases"], fields["preferred_cache"])
	}

	status, document = r.get(t, endpoint("login.evil.example"))
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "invalid_instance", document["error"])
	status, _ = r.get(t, "https://"+authority+"/common/discovery/instance")
	assert.Equal(t, http.StatusBadRequest, status)
}

func TestBothVersionsOfDiscoveryLeadToTheSameKey(t *testing.T) {
	r := start(t)
	for base, issuer := range map[string]string{
		"https://login.microsoftonline.com/" + tenant + "/v2.0": "https://login.microsoftonline.com/" + tenant + "/v2.0",
		"https://login.microsoftonline.com/" + tenant:           "https://sts.windows.net/" + tenant + "/",
		"https://sts.windows.net/" + tenant:                     "https://sts.windows.net/" + tenant + "/",
	} {
		status, document := r.get(t, base+"/.well-known/openid-configuration")
		require.Equal(t, http.StatusOK, status)
		assert.Equal(t, issuer, document["issuer"])
		assert.Contains(t, document["token_endpoint"], "https://login.microsoftonline.com/"+tenant+"/oauth2")
		assert.Contains(t, document["authorization_endpoint"], "/authorize")

		response, err := r.client.Get(document["jwks_uri"].(string))
		require.NoError(t, err)
		var keys jose.JSONWebKeySet
		decode(t, response, &keys)
		require.Len(t, keys.Keys, 1)
		key := keys.Keys[0]
		assert.True(t, key.IsPublic() && key.Valid())
		assert.Equal(t, "sig", key.Use)
		assert.NotEmpty(t, key.CertificateThumbprintSHA1)
		require.Len(t, key.Certificates, 1)
		assert.Equal(t, key.Key, key.Certificates[0].PublicKey)

		signed, err := r.entra.MintUnchecked(tenant, map[string]any{"iss": issuer})
		require.NoError(t, err)
		parsed, err := jose.ParseSigned(signed, []jose.SignatureAlgorithm{jose.RS256})
		require.NoError(t, err)
		assert.Equal(t, key.KeyID, parsed.Signatures[0].Protected.KeyID)
		_, err = parsed.Verify(key)
		require.NoError(t, err)
	}
	_, document := r.get(t, "https://"+authority+"/"+tenant+"/discovery/v2.0/keys")
	assert.Equal(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", document["keys"].([]any)[0].(map[string]any)["issuer"])
}

func TestATenantThatIsNotThereHasNoDiscovery(t *testing.T) {
	r := start(t)
	for _, address := range []string{
		"https://" + authority + "/nobody/v2.0/.well-known/openid-configuration",
		"https://" + authority + "/nobody/.well-known/openid-configuration",
		"https://" + authority + "/nobody/discovery/v2.0/keys",
		"https://" + authority + "/" + usTenant + "/discovery/keys",
	} {
		status, document := r.get(t, address)
		assert.Equal(t, http.StatusBadRequest, status, address)
		assert.Equal(t, "invalid_tenant", document["error"])
		assert.Equal(t, []any{90002.0}, document["error_codes"])
	}
	response, err := r.client.Get("https://" + authority + "/" + tenant + "/oauth2/v2.0/token")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}
