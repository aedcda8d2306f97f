package oidc_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"waybill.example/waybill/sandbox/oidc"
)

// apiServer answers as a cluster does, and refuses who shows credentials: what
// is published must be public.
func apiServer(t *testing.T, name string) *rest.Config {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		switch r.URL.Path {
		case "/.well-known/openid-configuration", "/openid/v1/jwks":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, name+r.URL.Path)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{
		Host: server.URL, BearerToken: "administrator",
		TLSClientConfig: rest.TLSClientConfig{Insecure: true},
	}
}

func source(t *testing.T, issuer, name string) oidc.Source {
	t.Helper()
	from, err := oidc.FromCluster(issuer, apiServer(t, name))
	require.NoError(t, err)
	return from
}

func TestClustersShareAnIssuerHostBelowTheirOwnPaths(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	handlers, err := oidc.Publish(
		source(t, "https://westeurope.oic.prod-aks.azure.com/tenant/one/", "one"),
		source(t, "https://WestEurope.oic.prod-aks.azure.com/tenant/two", "two"),
		source(t, "https://oidc.eks.eu-west-1.amazonaws.com", "three"),
	)
	require.NoError(t, err)
	require.Len(t, handlers, 2)
	ask := func(host, method, path string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		handlers[host].ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
		return recorder
	}
	const aks, eks = "westeurope.oic.prod-aks.azure.com", "oidc.eks.eu-west-1.amazonaws.com"
	for _, test := range []struct{ host, path, want string }{
		{aks, "/tenant/one/.well-known/openid-configuration", "one/.well-known/openid-configuration"},
		{aks, "/tenant/one/openid/v1/jwks", "one/openid/v1/jwks"},
		{aks, "/tenant/two/openid/v1/jwks", "two/openid/v1/jwks"},
		{eks, "/.well-known/openid-configuration", "three/.well-known/openid-configuration"},
	} {
		answer := ask(test.host, http.MethodGet, test.path)
		assert.Equal(t, http.StatusOK, answer.Code, test.path)
		assert.Equal(t, test.want, answer.Body.String())
		assert.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	}
	for _, path := range []string{"/openid/v1/jwks", "/tenant/three/openid/v1/jwks", "/tenant/one/api", "/tenant/one//openid/v1/jwks"} {
		assert.Equal(t, http.StatusNotFound, ask(aks, http.MethodGet, path).Code, path)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, ask(eks, http.MethodPost, "/openid/v1/jwks").Code)
	assert.Equal(t, http.StatusOK, ask(eks, http.MethodHead, "/openid/v1/jwks").Code)
}

func TestAClusterThatIsDownIsABadGateway(t *testing.T) {
	config := apiServer(t, "one")
	from, err := oidc.FromCluster("https://issuer.example/", config)
	require.NoError(t, err)
	from.Server = "https://127.0.0.1:1"
	handlers, err := oidc.Publish(from)
	require.NoError(t, err)
	recorder := httptest.NewRecorder()
	handlers["issuer.example"].ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/openid/v1/jwks", nil))
	assert.Equal(t, http.StatusBadGateway, recorder.Code)
}

func TestWrongAndRepeatedIssuersAreReportedAtOnce(t *testing.T) {
	_, err := oidc.Publish(
		source(t, "https://issuer.example/a/", "one"),
		source(t, "https://issuer.example/a", "two"),
		source(t, "http://issuer.example/b", "three"),
		source(t, "https://issuer.example:8443/c", "four"),
		source(t, "https://issuer.example/d?x=1", "five"),
		source(t, "", "six"),
	)
	for _, want := range []string{
		`"https://issuer.example/a": published already`, `"http://issuer.example/b": want an https URL`,
		`"https://issuer.example:8443/c"`, `"https://issuer.example/d?x=1"`, `issuer "": want`,
	} {
		require.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), `"https://issuer.example/a/"`)
}
