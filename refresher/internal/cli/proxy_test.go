package cli_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const blockPage = `<!DOCTYPE html><html><head><title>Access Denied</title><style>p{}</style></head><body><p>Ask IT, category "cloud"</p>`

// refusing is a proxy that answers CONNECT itself.
func refusing(t *testing.T, answer http.HandlerFunc) *url.URL {
	t.Helper()
	proxy := httptest.NewServer(answer)
	t.Cleanup(proxy.Close)
	address, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	return address
}

// child runs refresh in a process of its own, whose clients read the environment, and returns the line of the hop that
// failed.
func (w *world) child(code int) map[string]any {
	w.t.Helper()
	self, err := os.Executable()
	require.NoError(w.t, err)
	command := exec.CommandContext(w.t.Context(), self, "refresh")
	var stderr strings.Builder
	command.Stderr = &stderr
	begin := time.Now()
	err = command.Run()
	var exit *exec.ExitError
	require.True(w.t, errors.As(err, &exit), stderr.String())
	assert.Equal(w.t, code, exit.ExitCode(), stderr.String())
	assert.Less(w.t, time.Since(begin), 15*time.Second, "what stays is not tried until the deadline")
	w.holdsNoSecret(stderr.String())
	assert.NotContains(w.t, stderr.String(), "hunter2")
	line := refusedLine(w.t, stderr.String())
	assert.EqualValues(w.t, 1, line["attempts"])
	return line
}

func TestARefusalByTheProxyIsExplainedInItsOwnWords(t *testing.T) {
	cases := map[string]struct {
		answer http.HandlerFunc
		words  []string
		remedy string
	}{
		"wants credentials": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Proxy-Authenticate", "Basic")
			rw.WriteHeader(http.StatusProxyAuthRequired)
			_, _ = io.WriteString(rw, "Cache Access Denied")
		}, []string{"answered CONNECT with 407 Proxy Authentication Required: Cache Access Denied"}, "set another proxy in environments.NAME.proxy.https"},
		"denies the host":           {status(403, ""), []string{"answered CONNECT with 403 Forbidden"}, "environments.NAME.proxy.no"},
		"a block page":              {status(403, blockPage), []string{"answered CONNECT with 403 Forbidden: Access Denied: Ask IT, category \"cloud\""}, "environments.NAME.proxy.no"},
		"a block page of megabytes": {status(403, blockPage+strings.Repeat("<p>and so on</p>", 300_000)), []string{"Access Denied: Ask IT"}, "environments.NAME.proxy.no"},
		"a block page that never ends": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "5000")
			rw.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(rw, blockPage)
			_ = http.NewResponseController(rw).Flush()
			<-r.Context().Done()
		}, []string{"answered CONNECT with 403 Forbidden"}, "environments.NAME.proxy.no"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "entra")
			w.asChild()
			proxy := refusing(t, c.answer)
			proxy.User = url.UserPassword("waybill", "hunter2hunter2hunter2")
			t.Setenv("HTTPS_PROXY", proxy.String())
			line := w.child(11)
			for _, words := range c.words {
				assert.Contains(t, line["error"], words)
			}
			assert.Contains(t, line["error"], proxy.Host)
			assert.Contains(t, line["remedy"], c.remedy)
		})
	}
}

func TestAnInspectedConnectionIsExplained(t *testing.T) {
	w := newWorld(t, "entra")
	w.asChild()
	foreign := filepath.Join(t.TempDir(), "public.pem")
	w.write(foreign, string(newWorld(t, "entra").roots))
	t.Setenv("SSL_CERT_FILE", foreign)
	line := w.child(11)
	assert.Contains(t, line["error"], "certificate signed by unknown authority")
	assert.Contains(t, line["error"], `issued by "CN=every cloud"`)
	assert.Contains(t, line["cause"], "inspects TLS")
	assert.Contains(t, line["remedy"], "environments.NAME.proxy.authority")
}

func TestAPageInTheCloudsPlaceIsExplained(t *testing.T) {
	for name, page := range map[string]string{"short": blockPage, "of megabytes": blockPage + strings.Repeat("<p>and so on</p>", 300_000)} {
		for hop, at := range map[string]struct {
			host string
			code int
		}{"entra": {entraHost, 11}, "sts": {stsHost, 12}, "iam": {iamHost, 13}, "registry": {registryHost, 14}} {
			t.Run(hop+" "+name, func(t *testing.T) {
				w := newWorld(t, "entra")
				w.env["WAYBILL_PROPAGATION"] = "20s"
				w.always(at.host, status(403, page))
				begin := time.Now()
				code, _, stderr := w.run("refresh")
				assert.Equal(t, at.code, code, stderr)
				assert.Less(t, time.Since(begin), 10*time.Second)
				line := refusedLine(t, stderr)
				assert.Contains(t, line["error"], "Access Denied: Ask IT")
				assert.Contains(t, line["remedy"], "environments.NAME.proxy.no")
				assert.NotContains(t, line["cause"], "reader")
				w.unwritten()
			})
		}
	}
}

func TestAProxyBeforeTheAPIServerIsExplained(t *testing.T) {
	w := newWorld(t, "entra")
	w.apiProxy = refusing(t, status(403, "Forbidden by policy"))
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 15, code, stderr)
	line := refusedLine(t, stderr)
	assert.Contains(t, line["error"], "answered CONNECT with 403 Forbidden: Forbidden by policy")
	assert.Contains(t, line["remedy"], "environments.NAME.proxy.no")
	w.unwritten()
}

func TestAProxysAddressIsNotShownWhereItCannotBeRead(t *testing.T) {
	for _, key := range []string{"HTTPS_PROXY", "https_proxy"} {
		w := newWorld(t, "entra")
		w.env[key] = "http://waybill:hunter2%zz@proxy.corp:3128"
		code, _, stderr := w.run("refresh")
		assert.Equal(t, 2, code)
		assert.NotContains(t, stderr+w.said, "hunter2")
		var line struct{ Problems []string }
		require.NoError(t, json.Unmarshal([]byte(stderr), &line))
		require.Len(t, line.Problems, 1)
		assert.Contains(t, line.Problems[0], key+` "(not shown)": want http://HOST:PORT`)
		assert.Empty(t, w.requests)
	}
}
