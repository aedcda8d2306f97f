package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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

// agentVariable holds, for that child, the address that stands for the Pod Identity agent's.
const agentVariable = "WAYBILL_TEST_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	program := cli.Program{Version: "test", Lookup: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr}
	if agent := os.Getenv(agentVariable); agent != "" {
		program.DialAgent = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == agentHost+":80" {
				address = agent
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	}
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

// asChild sets the environment of a child that finds every cloud behind the proxy, and nothing on the network.
func (w *world) asChild() {
	roots := filepath.Join(w.t.TempDir(), "roots.pem")
	w.write(roots, string(w.roots))
	proxy := w.proxy().URL
	for key, value := range map[string]string{
		childVariable: "1", "HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": "", "SSL_CERT_FILE": roots, "SSL_CERT_DIR": "/nowhere",
	} {
		w.t.Setenv(key, value)
	}
	for key, value := range w.env {
		w.t.Setenv(key, value)
	}
}

func TestTheCloudsAreAskedThroughTheProxyAndTheAgentIsNot(t *testing.T) {
	for _, trust := range amazonTrusts {
		t.Run(trust, func(t *testing.T) {
			w := newWorld(t, trust)
			w.asChild()
			t.Setenv(agentVariable, w.amazon.agent.Listener.Addr().String())
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			self, err := os.Executable()
			require.NoError(t, err)
			stdout, err := exec.CommandContext(t.Context(), self, "explain", "--json").Output()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, 15, exit.ExitCode(), "only the API server is missing: %s", stdout)
			var document struct {
				Hops []struct{ Name, Verdict string }
			}
			require.NoError(t, json.Unmarshal(stdout, &document))
			require.Len(t, document.Hops, 5)
			for _, hop := range document.Hops[:4] {
				assert.Equal(t, "ok", hop.Verdict, hop.Name)
			}
		})
	}
}

func TestAnotherGoogleClientRunsTheExecutableSourceBehindAProxy(t *testing.T) {
	w := newWorld(t, "entra")
	w.asChild()
	t.Setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
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
