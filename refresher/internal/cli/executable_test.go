package cli_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	// As in the binary: SSL_CERT_FILE has to win over these.
	_ "golang.org/x/crypto/x509roots/fallback"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google/externalaccount"

	"waybill.example/waybill/refresher/internal/cli"
)

// childVariable makes the test's binary behave as the refresher, so that a client can run it.
const childVariable = "WAYBILL_TEST_AS_REFRESHER"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	program := cli.Program{Version: "test", Lookup: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(program.Run(context.Background(), os.Args[1:]))
}

// proxy is a CONNECT proxy that leads every name to the world's server.
func (w *world) proxy() *httptest.Server {
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			rw.WriteHeader(http.StatusMethodNotAllowed)

			return
		}
		upstream, err := w.dial(r.Context(), "tcp", r.Host)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)

			return
		}
		downstream, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			_ = upstream.Close()

			return
		}
		_, _ = io.WriteString(downstream, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(upstream, downstream)
			_ = upstream.Close()
		}()
		_, _ = io.Copy(downstream, upstream)
		_ = downstream.Close()
	}))
	w.t.Cleanup(proxy.Close)

	return proxy
}

func TestAnotherGoogleClientRunsTheExecutableSourceBehindAProxy(t *testing.T) {
	w := newWorld(t, "entra")
	roots := filepath.Join(t.TempDir(), "roots.pem")
	w.write(roots, string(w.roots))
	t.Setenv(childVariable, "1")
	t.Setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
	t.Setenv("HTTPS_PROXY", w.proxy().URL)
	t.Setenv("NO_PROXY", "")
	t.Setenv("SSL_CERT_FILE", roots)
	t.Setenv("SSL_CERT_DIR", "/nowhere")
	for key, value := range w.env {
		t.Setenv(key, value)
	}
	self, err := os.Executable()
	require.NoError(t, err)
	timeout := 30000
	source, err := externalaccount.NewTokenSource(
		context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: w.transport}),
		externalaccount.Config{
			Audience:                       providerName,
			SubjectTokenType:               "urn:ietf:params:oauth:token-type:jwt",
			TokenURL:                       "https://" + stsHost + "/v1/token",
			ServiceAccountImpersonationURL: "https://" + iamHost + "/v1/projects/-/serviceAccounts/" + account + ":generateAccessToken",
			CredentialSource:               &externalaccount.CredentialSource{Executable: &externalaccount.ExecutableConfig{Command: self + " subject-token", TimeoutMillis: &timeout}},
			Scopes:                         []string{"https://www.googleapis.com/auth/cloud-platform"},
		})
	require.NoError(t, err)
	token, err := source.Token()
	require.NoError(t, err)
	assert.Equal(t, w.access, token.AccessToken)
}
