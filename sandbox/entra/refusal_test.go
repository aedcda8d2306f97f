package entra_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc/oidctest"
)

// requireRefused wants Entra's form of error, one code of the family, and
// nothing of the token in the words. Which member of a family answers is not
// documented (docs/facts.md §7).
func requireRefused(t *testing.T, got answer, name string, family []int, words, assertion string) {
	t.Helper()
	assert.Equal(t, name, got.Error, got.Description)
	status := http.StatusBadRequest
	if name == "invalid_client" {
		status = http.StatusUnauthorized
	}
	assert.Equal(t, status, got.Status)
	require.Len(t, got.Codes, 1)
	assert.Contains(t, family, got.Codes[0], got.Description)
	assert.True(t, strings.HasPrefix(got.Description, fmt.Sprintf("AADSTS%d: ", got.Codes[0])), got.Description)
	assert.Contains(t, got.Description, words)
	assert.Contains(t, got.Description, "Trace ID: "+got.TraceID+" Correlation ID: "+got.CorrelationID+" Timestamp: "+got.Timestamp)
	require.NoError(t, uuid.Validate(got.TraceID))
	_, err := time.Parse("2006-01-02 15:04:05Z", got.Timestamp)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", got.Codes[0]), got.URI)
	assert.Empty(t, got.AccessToken)
	for _, part := range strings.Split(assertion, ".") {
		if len(part) > 16 {
			assert.NotContains(t, got.Description, part)
		}
	}
}

func TestARequestThatIsNotEntrasIsRefused(t *testing.T) {
	r := start(t)
	for name, test := range map[string]struct {
		tenant  string
		changes map[string]string
		error   string
		family  []int
		words   string
	}{
		"unknown tenant":             {"12345678-0000-4000-8000-000000000000", nil, "invalid_request", []int{90002}, "Tenant '12345678"},
		"a tenant by another name":   {"customer.onmicrosoft.com", nil, "invalid_request", []int{90002}, "customer.onmicrosoft.com"},
		"no grant":                   {tenant, map[string]string{"grant_type": ""}, "invalid_request", []int{900144}, "'grant_type'"},
		"another grant":              {tenant, map[string]string{"grant_type": "password"}, "unsupported_grant_type", []int{70003}, "'password'"},
		"no client":                  {tenant, map[string]string{"client_id": ""}, "invalid_request", []int{900144}, "'client_id'"},
		"unknown client":             {tenant, map[string]string{"client_id": subscription}, "unauthorized_client", []int{700016}, subscription},
		"the principal as client":    {tenant, map[string]string{"client_id": identityPrincipal}, "unauthorized_client", []int{700016}, identityPrincipal},
		"a client of another tenant": {otherTenant, nil, "unauthorized_client", []int{700016}, otherTenant},
		"no scope":                   {tenant, map[string]string{"scope": ""}, "invalid_request", []int{90014, 900144}, "'scope'"},
		"a scope without /.default":  {tenant, map[string]string{"scope": exchange}, "invalid_scope", []int{1002012}, exchange + " is not valid"},
		"a permission as scope":      {tenant, map[string]string{"scope": exchange + "/read"}, "invalid_scope", []int{1002012}, "/.default suffixed"},
		"only OpenID scopes":         {tenant, map[string]string{"scope": "openid profile"}, "invalid_scope", []int{1002012}, "openid profile"},
		"two resources":              {tenant, map[string]string{"scope": scope + " https://management.azure.com/.default"}, "invalid_scope", []int{70011}, "more than one"},
		"an unknown resource":        {tenant, map[string]string{"scope": "api://nothing/.default"}, "invalid_resource", []int{500011}, "api://nothing"},
		"another cloud's resource":   {tenant, map[string]string{"scope": "api://AzureADTokenExchangeUSGov/.default"}, "invalid_resource", []int{500011}, "USGov"},
		"no assertion":               {tenant, map[string]string{"client_assertion": ""}, "invalid_client", []int{7000218}, "'client_assertion'"},
		"no assertion type":          {tenant, map[string]string{"client_assertion_type": ""}, "invalid_request", []int{900144}, "'client_assertion_type'"},
		"a SAML assertion":           {tenant, map[string]string{"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "invalid_request", []int{9002313}, "malformed"},
		"no token":                   {tenant, map[string]string{"client_assertion": "not-a-token"}, "invalid_request", []int{50027}, "Invalid JWT token"},
	} {
		t.Run(name, func(t *testing.T) {
			assertion := r.assertion(t, nil)
			got := r.post(t, authority, test.tenant, form(assertion, test.changes))
			requireRefused(t, got, test.error, test.family, test.words, assertion)
		})
	}
}

func TestAnAssertionThatNoCredentialIsForIsRefused(t *testing.T) {
	r := start(t)
	key := r.key
	matching := []int{70021, 700211, 700212, 700213, 700214}
	malformed := []int{50027, 5002730}
	signed := func(changes map[string]any) string { return r.assertion(t, changes) }
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"cluster"}`))
	for name, test := range map[string]struct {
		client    string
		assertion string
		error     string
		family    []int
		words     string
	}{
		"an identity without credentials":  {bareClient, signed(nil), "invalid_client", matching, "presented assertion"},
		"another cluster":                  {identityClient, signed(map[string]any{"iss": "https://westeurope.oic.prod-aks.azure.com/tenant/other/"}), "invalid_client", matching, "assertion issuer 'https://westeurope.oic.prod-aks.azure.com/tenant/other/'"},
		"the issuer without its slash":     {identityClient, signed(map[string]any{"iss": strings.TrimSuffix(issuerURL, "/")}), "invalid_client", matching, "assertion issuer"},
		"the issuer in capitals":           {identityClient, signed(map[string]any{"iss": strings.ToUpper(issuerURL)}), "invalid_client", matching, "assertion issuer"},
		"another namespace":                {identityClient, signed(map[string]any{"sub": "system:serviceaccount:default:refresher"}), "invalid_client", matching, "assertion subject 'system:serviceaccount:default:refresher'"},
		"the subject in capitals":          {identityClient, signed(map[string]any{"sub": strings.ToUpper(subject)}), "invalid_client", matching, "assertion subject"},
		"the API server's audience":        {identityClient, signed(map[string]any{"aud": []string{"https://kubernetes.default.svc"}}), "invalid_client", matching, "assertion audience 'https://kubernetes.default.svc'"},
		"the GUID as audience":             {identityClient, signed(map[string]any{"aud": exchangeGUID}), "invalid_client", matching, "assertion audience"},
		"the GUID on both sides":           {oddClient, signed(map[string]any{"aud": exchangeGUID}), "invalid_client", matching, "audience '" + exchangeGUID + "'"},
		"two audiences":                    {identityClient, signed(map[string]any{"aud": []string{exchange, "other"}}), "invalid_client", matching, "assertion audience"},
		"no audience":                      {identityClient, signed(map[string]any{"aud": nil}), "invalid_client", matching, "assertion audience"},
		"no subject":                       {identityClient, signed(map[string]any{"sub": nil}), "invalid_request", malformed, "sub"},
		"no issuer":                        {identityClient, signed(map[string]any{"iss": nil}), "invalid_request", malformed, "iss"},
		"no expiry":                        {identityClient, signed(map[string]any{"exp": nil}), "invalid_request", malformed, "exp"},
		"an expired token":                 {identityClient, signed(map[string]any{"exp": r.now.Add(-6 * time.Minute).Unix()}), "invalid_client", []int{700024}, "valid time range"},
		"a token of tomorrow":              {identityClient, signed(map[string]any{"nbf": r.now.Add(6 * time.Minute).Unix()}), "invalid_client", []int{700024}, "valid time range"},
		"a token of Entra's own":           {identityClient, signed(map[string]any{"iss": "https://login.microsoftonline.com/" + tenant + "/v2.0"}), "invalid_client", []int{700222}, "may not be used"},
		"a token of Entra's own, v1":       {identityClient, signed(map[string]any{"iss": "https://sts.windows.net/" + tenant + "/"}), "invalid_client", []int{700222}, "may not be used"},
		"a stranger's key with the name":   {identityClient, oidctest.RSAKey(t, "cluster").Sign(t, r.claims(nil)), "invalid_client", []int{700027, 50027}, "signature validation"},
		"a key that is not published":      {identityClient, oidctest.RSAKey(t, "other").Sign(t, r.claims(nil)), "invalid_client", []int{7000272}, "other"},
		"a token without kid":              {identityClient, oidctest.Sign(t, jose.RS256, key.Private, "", r.claims(nil)), "invalid_client", []int{7000272}, "could not be found"},
		"ES256":                            {identityClient, oidctest.ECKey(t, "cluster").Sign(t, r.claims(nil)), "invalid_request", malformed, "ES256"},
		"RS512":                            {identityClient, oidctest.Sign(t, jose.RS512, key.Private, "cluster", r.claims(nil)), "invalid_request", malformed, "RS512"},
		"HS256":                            {identityClient, oidctest.Sign(t, jose.HS256, make([]byte, 32), "cluster", r.claims(nil)), "invalid_request", malformed, "HS256"},
		"no signature":                     {identityClient, header + "." + strings.Split(signed(nil), ".")[1] + ".", "invalid_request", malformed, "none"},
		"an application's other issuer":    {v1Client, signed(map[string]any{"iss": "https://issuer.example/"}), "invalid_client", matching, "https://issuer.example/"},
		"an application's other principal": {v1Client, signed(map[string]any{"sub": v1Principal}), "invalid_client", matching, v1Principal},
	} {
		t.Run(name, func(t *testing.T) {
			fetched := r.issuer.Fetches()
			got := r.post(t, authority, tenant, form(test.assertion, map[string]string{"client_id": test.client}))
			requireRefused(t, got, test.error, test.family, test.words, test.assertion)
			if !slices.Contains([]int{7000272, 700027, 700024}, got.Codes[0]) {
				assert.Equal(t, fetched, r.issuer.Fetches(), "nobody is asked for keys on behalf of such a token")
			}
		})
	}
}

func TestACredentialThatIsDeletedEndsTheExchange(t *testing.T) {
	r := start(t)
	created := r.engine.MustCreate("azure-native:managedidentity:FederatedIdentityCredential", "second", map[string]any{
		"resourceGroupName": "apps", "resourceName": "id-bare", "federatedIdentityCredentialResourceName": "second",
		"issuer": issuerURL, "subject": subject, "audiences": []any{exchange},
	})
	assertion := r.assertion(t, nil)
	changes := map[string]string{"client_id": bareClient}
	got := r.post(t, authority, tenant, form(assertion, changes))
	require.Equal(t, http.StatusOK, got.Status, got.Description)
	require.NoError(t, r.engine.Delete(created))
	got = r.post(t, authority, tenant, form(assertion, changes))
	requireRefused(t, got, "invalid_client", []int{70021, 700211}, "No matching federated identity record", assertion)
}

func TestAnIssuerThatEntraCannotReadIsNamedAsTheReason(t *testing.T) {
	cluster := func(r *http.Request) bool { return strings.HasPrefix(r.URL.String(), issuerURL) }
	for name, fault := range map[string]network.Fault{
		"it is private":     {Status: http.StatusForbidden},
		"it is down":        {Status: http.StatusServiceUnavailable},
		"it is reset":       {Reset: true},
		"it is a web page":  {Body: "<html>welcome</html>"},
		"it is another one": {Body: `{"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			assertion := r.assertion(t, nil)
			stop := r.network.Fault(cluster, fault)
			got := r.post(t, authority, tenant, form(assertion, nil))
			requireRefused(t, got, "invalid_request", []int{90061, 501661}, "External OIDC endpoint failed", assertion)
			stop()
			got = r.post(t, authority, tenant, form(assertion, nil))
			assert.Equal(t, http.StatusOK, got.Status, "the next attempt asks again: %s", got.Description)
		})
	}
}

func TestKeysThatTheClusterRotatedAreFoundOnceTheyArePublished(t *testing.T) {
	r := start(t)
	rotated := oidctest.RSAKey(t, "rotated")
	assertion := rotated.Sign(t, r.claims(nil))
	got := r.post(t, authority, tenant, form(assertion, nil))
	requireRefused(t, got, "invalid_client", []int{7000272}, "rotated", assertion)
	r.issuer.Publish(r.key, rotated)
	got = r.post(t, authority, tenant, form(assertion, nil))
	assert.Equal(t, http.StatusOK, got.Status, got.Description)
}

func TestAnOversizedOrMalformedFormIsRefused(t *testing.T) {
	r := start(t)
	for _, body := range []string{"client_id=" + strings.Repeat("a", 70<<10), "client_id=%zz"} {
		response, err := r.client.Post("https://"+authority+"/"+tenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	}
	got := r.post(t, authority, tenant, url.Values{})
	requireRefused(t, got, "invalid_request", []int{900144}, "'grant_type'", "")
}

func TestTheClientsCorrelationIDIsKept(t *testing.T) {
	r := start(t)
	id := uuid.NewString()
	for sent, kept := range map[string]bool{id: true, "no GUID": false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+authority+"/"+tenant+"/oauth2/v2.0/token", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("client-request-id", sent)
		response, err := r.client.Do(request)
		require.NoError(t, err)
		var got answer
		decode(t, response, &got)
		assert.Equal(t, kept, got.CorrelationID == sent)
		require.NoError(t, uuid.Validate(got.CorrelationID))
		assert.Equal(t, got.TraceID, response.Header.Get("x-ms-request-id"))
	}
}
