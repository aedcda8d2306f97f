package oidc_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/oidc/oidctest"
)

const issuerURL = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"

func start(t *testing.T, issuers ...*oidctest.Issuer) *network.Network {
	t.Helper()
	n, err := network.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, n.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, n.Close()) })
	for _, issuer := range issuers {
		n.Handle(issuer.Host(), issuer)
	}
	return n
}

func claims() map[string]any { return map[string]any{"iss": issuerURL, "sub": "somebody"} }

// requireKind wants a refusal of this kind, without the token in its words.
func requireKind(t *testing.T, kind oidc.Kind, err error, token string) {
	t.Helper()
	var refusal *oidc.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, kind, refusal.Kind, err)
	for _, part := range strings.Split(token, ".") {
		if len(part) > 8 {
			assert.NotContains(t, err.Error(), part)
		}
	}
}

func TestTokensOfPublishedKeysAreAccepted(t *testing.T) {
	rsa, ec := oidctest.RSAKey(t, "rsa"), oidctest.ECKey(t, "ec")
	n := start(t, oidctest.New(issuerURL, rsa, ec))
	verifier := oidc.NewVerifier(n.Client(), jose.RS256, jose.ES256)
	for _, key := range []oidctest.Key{rsa, ec} {
		got, err := verifier.Verify(t.Context(), issuerURL, key.Sign(t, claims()))
		require.NoError(t, err)
		assert.Equal(t, "somebody", got.Text("sub"))
	}
}

func TestEveryOtherTokenIsRefusedForItsOwnReason(t *testing.T) {
	key, stranger, ec := oidctest.RSAKey(t, "key"), oidctest.RSAKey(t, "key"), oidctest.ECKey(t, "ec")
	retired := key.Public()
	retired.Use = "enc"
	n := start(t, oidctest.New(issuerURL, key, ec))
	good := key.Sign(t, claims())
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	parts := strings.Split(good, ".")
	for name, test := range map[string]struct {
		token string
		kind  oidc.Kind
	}{
		"none":                     {header(`{"alg":"none","kid":"key"}`) + "." + parts[1] + ".", oidc.NotAllowed},
		"a MAC with a public key":  {oidctest.Sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), "key", claims()), oidc.NotAllowed},
		"an algorithm not listed":  {ec.Sign(t, claims()), oidc.NotAllowed},
		"another RSA algorithm":    {oidctest.Sign(t, jose.RS512, key.Private, "key", claims()), oidc.NotAllowed},
		"a stranger's key":         {stranger.Sign(t, claims()), oidc.BadSignature},
		"changed claims":           {parts[0] + "." + header(`{"iss":"`+issuerURL+`","sub":"somebody-else"}`) + "." + parts[2], oidc.BadSignature},
		"no kid":                   {oidctest.Sign(t, jose.RS256, key.Private, "", claims()), oidc.UnknownKey},
		"an unknown kid":           {oidctest.Sign(t, jose.RS256, key.Private, "other", claims()), oidc.UnknownKey},
		"an issuer without slash":  {key.Sign(t, map[string]any{"iss": strings.TrimSuffix(issuerURL, "/")}), oidc.WrongIssuer},
		"no issuer":                {key.Sign(t, map[string]any{"sub": "somebody"}), oidc.WrongIssuer},
		"an issuer that is a list": {key.Sign(t, map[string]any{"iss": []string{issuerURL}}), oidc.WrongIssuer},
		"no token":                 {"azure-identity-token", oidc.Malformed},
		"nothing":                  {"", oidc.Malformed},
		"two parts":                {parts[0] + "." + parts[1], oidc.Malformed},
		"claims that are a list":   {parts[0] + "." + header(`[]`) + "." + parts[2], oidc.Malformed},
		"claims that are null":     {parts[0] + "." + header(`null`) + "." + parts[2], oidc.Malformed},
		"the JSON serialization":   {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, oidc.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := oidc.NewVerifier(n.Client(), jose.RS256).Verify(t.Context(), issuerURL, test.token)
			requireKind(t, test.kind, err, test.token)
		})
	}

	parsed, err := oidc.Parse(good, jose.RS256)
	require.NoError(t, err)
	require.NoError(t, parsed.VerifyWith(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}))
	requireKind(t, oidc.UnknownKey, parsed.VerifyWith(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{retired}}), good)
	requireKind(t, oidc.UnknownKey, parsed.VerifyWith(jose.JSONWebKeySet{}), good)
}

func TestAnIssuerThatCannotBeAskedIsToldFromOneThatAnswersWrongly(t *testing.T) {
	key := oidctest.RSAKey(t, "key")
	token := key.Sign(t, claims())
	discovery := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "openid-configuration") }
	keys := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/keys") }
	for name, test := range map[string]struct {
		match func(*http.Request) bool
		fault network.Fault
		kind  oidc.Kind
	}{
		"discovery fails":           {discovery, network.Fault{Status: http.StatusServiceUnavailable}, oidc.Unreachable},
		"discovery is gone":         {discovery, network.Fault{Status: http.StatusNotFound}, oidc.Unreachable},
		"discovery is reset":        {discovery, network.Fault{Reset: true}, oidc.Unreachable},
		"discovery is no JSON":      {discovery, network.Fault{Body: "<html>"}, oidc.BadMetadata},
		"discovery names no keys":   {discovery, network.Fault{Body: `{"issuer":"` + issuerURL + `"}`}, oidc.BadMetadata},
		"keys over plain http":      {discovery, network.Fault{Body: `{"issuer":"` + issuerURL + `","jwks_uri":"http://keys.example/"}`}, oidc.BadMetadata},
		"discovery without a slash": {discovery, network.Fault{Body: `{"issuer":"` + strings.TrimSuffix(issuerURL, "/") + `"}`}, oidc.BadMetadata},
		"keys fail":                 {keys, network.Fault{Status: http.StatusInternalServerError}, oidc.Unreachable},
		"keys are no JSON":          {keys, network.Fault{Body: "<html>"}, oidc.BadMetadata},
		"keys are empty":            {keys, network.Fault{Body: `{"keys":[]}`}, oidc.UnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, oidctest.New(issuerURL, key))
			n.Fault(test.match, test.fault)
			_, err := oidc.NewVerifier(n.Client(), jose.RS256).Verify(t.Context(), issuerURL, token)
			requireKind(t, test.kind, err, token)
			assert.ErrorContains(t, err, issuerURL)
		})
	}
	_, err := oidc.NewVerifier(start(t).Client(), jose.RS256).Verify(t.Context(), issuerURL, token)
	requireKind(t, oidc.Unreachable, err, token)
	assert.ErrorContains(t, err, "the sandbox has no host")
}

func TestRotatedKeysAreFoundAtOnce(t *testing.T) {
	before, after := oidctest.RSAKey(t, "before"), oidctest.RSAKey(t, "after")
	issuer := oidctest.New(issuerURL, before)
	verifier := oidc.NewVerifier(start(t, issuer).Client(), jose.RS256)
	verify := func(key oidctest.Key) error {
		_, err := verifier.Verify(t.Context(), issuerURL, key.Sign(t, claims()))
		return err
	}
	require.NoError(t, verify(before))
	issuer.Publish(after)
	require.NoError(t, verify(after))
	requireKind(t, oidc.UnknownKey, verify(before), "")
}

func TestClaimsOfTheWrongTypeAreMissing(t *testing.T) {
	c := oidc.Claims{"exp": 1.5e9, "nbf": "1500000000", "iat": -1.0, "far": 1e300, "aud": []any{"a", "b"}, "sub": 7.0}
	at, ok := c.Time("exp")
	require.True(t, ok)
	assert.Equal(t, time.Unix(1500000000, 0).UTC(), at)
	for _, name := range []string{"nbf", "iat", "far", "missing"} {
		_, ok := c.Time(name)
		assert.False(t, ok, name)
	}
	assert.Equal(t, []string{"a", "b"}, c.Audiences())
	assert.Equal(t, []string{"a"}, oidc.Claims{"aud": "a"}.Audiences())
	for _, audience := range []any{nil, 7.0, []any{"a", 7.0}, map[string]any{}} {
		assert.Nil(t, oidc.Claims{"aud": audience}.Audiences())
	}
	assert.Empty(t, c.Text("sub"))
}

func TestAnErrorUnwrapsToItsCause(t *testing.T) {
	cause := errors.New("cause")
	assert.ErrorIs(t, &oidc.Error{Kind: oidc.Unreachable, Err: cause}, cause)
}
