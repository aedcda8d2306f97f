package googleapis_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/google/externalaccount"

	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc/oidctest"
)

func TestGooglesOwnClientWalksFromASubjectTokenToAServiceAccount(t *testing.T) {
	s := newSetting(t)
	token, err := s.walk(nil)
	require.NoError(t, err)
	assert.Equal(t, s.clock.now.Add(time.Hour).UTC(), token.Expiry.UTC())
	got, err := s.server.Tokens.Open(token.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, email, got.Email)
	assert.Equal(t, []string{"serviceAccount:" + email, "allAuthenticatedUsers", "allUsers"}, got.Members())
	assert.Equal(t, []string{googleapis.CloudPlatform}, got.Scopes)
}

func TestGooglesOwnClientCanKeepTheFederatedToken(t *testing.T) {
	s := newSetting(t)
	token, err := s.walk(func(config *externalaccount.Config) { config.ServiceAccountImpersonationURL = "" })
	require.NoError(t, err)
	got, err := s.server.Tokens.Open(token.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, []string{
		principal, "principalSet://iam.googleapis.com/" + poolName + "/*", "allUsers",
	}, got.Members(), "an identity of another provider is no allAuthenticatedUsers")
}

func TestAnExchangeIsAForm(t *testing.T) {
	s := newSetting(t)
	form := exchangeForm(s.subjectToken(nil))
	granted := s.exchange(form)
	require.Equal(t, http.StatusOK, granted.status, granted.text)
	assert.Equal(t, "urn:ietf:params:oauth:token-type:access_token", granted.fields["issued_token_type"])
	assert.Equal(t, "Bearer", granted.fields["token_type"])
	assert.InDelta(t, 3600, granted.fields["expires_in"], 0)
	assert.True(t, strings.HasPrefix(granted.fields["access_token"].(string), "ya29."))
}

func TestAnExchangeIsRefusedForEachWrongParameter(t *testing.T) {
	s := newSetting(t)
	form := exchangeForm(s.subjectToken(nil))
	const malformed = `Invalid value for "audience". This value should be the full resource name of the Identity Provider.`
	const target = `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`
	for name, test := range map[string]struct{ parameter, value, code, words string }{
		"another grant":        {"grant_type", "client_credentials", "unsupported_grant_type", "grant_type"},
		"no grant":             {"grant_type", "", "unsupported_grant_type", "grant_type"},
		"no audience":          {"audience", "", "invalid_request", malformed},
		"audience with https":  {"audience", "https:" + audience, "invalid_request", malformed},
		"audience of the pool": {"audience", "//iam.googleapis.com/" + poolName, "invalid_request", malformed},
		"the project's ID":     {"audience", strings.Replace(audience, number, project, 1), "invalid_target", target},
		"another project":      {"audience", strings.Replace(audience, number, "118204956371", 1), "invalid_target", target},
		"another pool":         {"audience", strings.Replace(audience, "acme-azure", "globex-azure", 1), "invalid_target", target},
		"another provider":     {"audience", strings.Replace(audience, "acme-entra", "globex-entra", 1), "invalid_target", target},
		"another wanted type":  {"requested_token_type", "urn:ietf:params:oauth:token-type:id_token", "invalid_request", "requested_token_type"},
		"an AWS credential":    {"subject_token_type", "urn:ietf:params:aws:token-type:aws4_request", "invalid_request", "subject_token_type"},
		"no subject token":     {"subject_token", "", "invalid_request", "subject_token"},
		"no JWT":               {"subject_token", "abc", "invalid_grant", "Unable to parse the ID Token."},
		"no scope":             {"scope", "", "invalid_scope", "scope"},
		"a scope of others":    {"scope", "openid", "invalid_scope", "openid"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := s.exchange(edited(form, test.parameter, test.value))
			assert.Equal(t, http.StatusBadRequest, refused.status)
			assert.Equal(t, test.code, refused.fields["error"])
			assert.Contains(t, refused.fields["error_description"], test.words)
		})
	}
}

func TestASubjectTokenIsRefusedForEachWrongClaim(t *testing.T) {
	s := newSetting(t)
	in := func(d time.Duration) int64 { return s.clock.now.Add(d).Unix() }
	const condition = "The given credential is rejected by the attribute condition."
	for name, test := range map[string]struct {
		claim       string
		value       any
		code, words string
	}{
		"v1's issuer":        {"iss", "https://sts.windows.net/" + tenant + "/", "invalid_grant", "The issuer in ID Token https://sts.windows.net/" + tenant + "/ does not match the expected ones"},
		"issuer with slash":  {"iss", issuerURL + "/", "invalid_grant", "does not match the expected ones"},
		"no issuer":          {"iss", nil, "invalid_grant", "does not match the expected ones"},
		"the audience's URI": {"aud", "api://AzureADTokenExchange", "invalid_grant", "The audience in ID Token [api://AzureADTokenExchange] does not match the expected audience " + entraGUID},
		"the provider's own": {"aud", "https:" + audience, "invalid_grant", "does not match the expected audience"},
		"no audience":        {"aud", nil, "invalid_grant", "The audience in ID Token [] does not match"},
		"another tenant":     {"tid", "c4b3a291-8f7e-4d6c-b5a4-93827160fe30", "unauthorized_client", condition},
		"another client":     {"azp", "11111111-2222-4333-8444-555555555555", "unauthorized_client", condition},
		"another subject":    {"sub", "/eid1/c/pub/t/abc", "unauthorized_client", condition},
		"no client":          {"azp", nil, "unauthorized_client", condition},
		"no subject":         {"sub", nil, "invalid_grant", "google.subject"},
		"an empty subject":   {"sub", "", "invalid_grant", "google.subject has 0 bytes"},
		"a long subject":     {"sub", strings.Repeat("s", 128), "invalid_grant", "google.subject has 128 bytes"},
		"no issue time":      {"iat", nil, "invalid_grant", "iat and exp"},
		"no expiry":          {"exp", nil, "invalid_grant", "iat and exp"},
		"a text for a time":  {"exp", "soon", "invalid_grant", "iat and exp"},
		"two days":           {"exp", in(48 * time.Hour), "invalid_grant", "lives 172800 seconds"},
		"expired now":        {"exp", in(0), "invalid_grant", "is stale to sign-in"},
		"issued tomorrow":    {"iat", in(20 * time.Hour), "invalid_grant", "issued in the future"},
		"valid tomorrow":     {"nbf", in(20 * time.Hour), "invalid_grant", "not valid yet"},
		"nbf is no time":     {"nbf", "now", "invalid_grant", "not valid yet"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := s.exchange(exchangeForm(s.subjectToken(map[string]any{test.claim: test.value})))
			assert.Equal(t, http.StatusBadRequest, refused.status)
			assert.Equal(t, test.code, refused.fields["error"])
			assert.Contains(t, refused.fields["error_description"], test.words)
		})
	}
}

func TestASubjectTokenIsRefusedForEachWrongSignature(t *testing.T) {
	s := newSetting(t)
	good := strings.Split(s.subjectToken(nil), ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"rsa"}`)) + "." + good[1] + "."
	for name, test := range map[string]struct{ token, words string }{
		"a key that nobody publishes":  {oidctest.RSAKey(t, "other").Sign(t, s.claims(nil)), `the key "other"`},
		"another key under this kid":   {oidctest.RSAKey(t, "rsa").Sign(t, s.claims(nil)), "signature"},
		"RS512":                        {oidctest.Sign(t, jose.RS512, s.rsa.Private, "rsa", s.claims(nil)), "RS512"},
		"PS256":                        {oidctest.Sign(t, jose.PS256, s.rsa.Private, "rsa", s.claims(nil)), "PS256"},
		"a MAC":                        {oidctest.Sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), "rsa", s.claims(nil)), "HS256"},
		"none":                         {unsigned, "none"},
		"other claims, same signature": {good[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+issuerURL+`"}`)) + "." + good[2], "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := s.exchange(exchangeForm(test.token))
			assert.Equal(t, http.StatusBadRequest, refused.status)
			assert.Equal(t, "invalid_grant", refused.fields["error"])
			assert.Contains(t, refused.fields["error_description"], test.words)
		})
	}
}

func TestWhatIsAtTheLimitIsAccepted(t *testing.T) {
	s := newSetting(t)
	for name, changes := range map[string]map[string]any{
		"two days but a second":  {"exp": s.clock.now.Add(48*time.Hour - time.Second).Unix()},
		"one of several":         {"aud": []string{"other", entraGUID}},
		"no nbf":                 {"nbf": nil},
		"a clock 60 s ahead":     {"iat": s.clock.now.Add(time.Minute).Unix(), "nbf": s.clock.now.Add(time.Minute).Unix()},
		"a second before expiry": {"iat": s.clock.now.Add(-time.Hour).Unix(), "exp": s.clock.now.Add(time.Second).Unix()},
	} {
		granted := s.exchange(exchangeForm(s.subjectToken(changes)))
		assert.Equal(t, http.StatusOK, granted.status, "%s: %s", name, granted.text)
	}
	es256 := s.exchange(exchangeForm(s.ec.Sign(t, s.claims(nil))))
	assert.Equal(t, http.StatusOK, es256.status, es256.text)
	idToken := edited(exchangeForm(s.subjectToken(nil)), "subject_token_type", "urn:ietf:params:oauth:token-type:id_token")
	assert.Equal(t, http.StatusOK, s.exchange(idToken).status)
}

func TestAFederatedTokenEndsWithItsSubjectToken(t *testing.T) {
	s := newSetting(t)
	granted := s.exchange(exchangeForm(s.subjectToken(map[string]any{"exp": s.clock.now.Add(10 * time.Minute).Unix()})))
	require.Equal(t, http.StatusOK, granted.status, granted.text)
	assert.InDelta(t, 600, granted.fields["expires_in"], 0)
	token := granted.fields["access_token"].(string)
	s.clock.pass(10*time.Minute - time.Second)
	_, err := s.server.Tokens.Open(token)
	require.NoError(t, err)
	s.clock.pass(time.Second)
	_, err = s.server.Tokens.Open(token)
	require.ErrorContains(t, err, "UNAUTHENTICATED")
}

func TestWithoutAllowedAudiencesTheProvidersNameIsTheAudience(t *testing.T) {
	s := newSetting(t)
	s.update(s.provider, providerInputs(map[string]any{"oidc": map[string]any{"issuerUri": issuerURL}}))
	for _, accepted := range []string{audience, "https:" + audience} {
		assert.Equal(t, http.StatusOK, s.exchange(exchangeForm(s.subjectToken(map[string]any{"aud": accepted}))).status, accepted)
	}
	for _, refused := range []string{entraGUID, "http:" + audience, strings.Replace(audience, number, project, 1), providerName} {
		assert.Contains(t, s.exchange(exchangeForm(s.subjectToken(map[string]any{"aud": refused}))).text, "does not match the expected audience", refused)
	}
}

func TestPoolsAndProvidersThatCannotBeUsedAreNoTarget(t *testing.T) {
	for name, change := range map[string]func(*setting){
		"disabled pool":     func(s *setting) { s.update(s.pool, poolInputs(map[string]any{"disabled": true})) },
		"disabled provider": func(s *setting) { s.update(s.provider, providerInputs(map[string]any{"disabled": true})) },
		"deleted provider":  func(s *setting) { require.NoError(s, s.engine.Delete(s.provider)) },
		"deleted pool":      func(s *setting) { require.NoError(s, s.engine.Delete(s.pool)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			change(s)
			_, err := s.walk(nil)
			require.ErrorContains(t, err, `status code 400: {"error":"invalid_target","error_description":"The target service indicated by`)
		})
	}
}

func TestUploadedKeysTakeThePlaceOfPublishedOnes(t *testing.T) {
	s := newSetting(t)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.rsa.Public(), s.ec.Public()}})
	require.NoError(t, err)
	s.update(s.provider, providerInputs(map[string]any{"oidc": map[string]any{
		"issuerUri": issuerURL, "allowedAudiences": []any{entraGUID}, "jwksJson": string(keys),
	}}))
	old := s.subjectToken(nil)
	s.network.Handle(issuerHost, http.NotFoundHandler())
	assert.Equal(t, http.StatusOK, s.exchange(exchangeForm(old)).status)
	assert.Contains(t, s.exchange(exchangeForm(oidctest.RSAKey(t, "other").Sign(t, s.claims(nil)))).text, `the key \"other\"`)
}

func TestAnIssuerThatCannotBeReachedIsNamed(t *testing.T) {
	s := newSetting(t)
	down := s.network.Fault(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "openid-configuration") },
		network.Fault{Status: http.StatusServiceUnavailable})
	refused := s.exchange(exchangeForm(s.subjectToken(nil)))
	assert.Equal(t, http.StatusBadRequest, refused.status)
	assert.JSONEq(t, `{"error":"invalid_grant","error_description":"Error connecting to the given credential's issuer."}`, refused.text)
	down()
	assert.Equal(t, http.StatusOK, s.exchange(exchangeForm(s.subjectToken(nil))).status)
}

func TestTheTokenServiceMustBeEnabled(t *testing.T) {
	s := newSetting(t, apis("sts")...)
	refused := s.exchange(exchangeForm(s.subjectToken(nil)))
	assert.Equal(t, http.StatusForbidden, refused.status)
	assert.Contains(t, refused.text, "Security Token Service API has not been used in project "+number+" before or it is disabled.")
	assert.Contains(t, refused.text, `"reason":"SERVICE_DISABLED"`)
}

func TestOtherMethodsAndBodiesAreRefused(t *testing.T) {
	s := newSetting(t)
	for _, test := range []struct{ method, address, kind, body, words string }{
		{http.MethodGet, stsURL, "application/json", "", "Method not found"},
		{http.MethodPost, "https://sts.googleapis.com/v1/introspect", "application/json", "{}", "Method not found"},
		{http.MethodPost, stsURL, "application/json", "{}", "an exchange that is no form: the sandbox does not model it"},
		{http.MethodPost, stsURL, "text/plain", "x", "invalid_request"},
		{http.MethodPost, stsURL, "", "x", "invalid_request"},
		{http.MethodPost, stsURL, "application/x-www-form-urlencoded", "%zz", "invalid_request"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, test.address, strings.NewReader(test.body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", test.kind)
		assert.Contains(t, s.send(request).text, test.words)
	}
	huge := s.exchange(url.Values{"subject_token": {strings.Repeat("x", 2<<20)}})
	assert.Contains(t, huge.text, "too large")
}
