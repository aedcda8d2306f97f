package network_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/network"
)

const (
	host = "sts.googleapis.com"
	// fetchVariable makes the test binary an ordinary client of this URL.
	fetchVariable = "WAYBILL_TEST_FETCH"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(fetchVariable); address != "" {
		os.Exit(fetch(address))
	}
	os.Exit(m.Run())
}

// fetch is a client that knows nothing of the sandbox.
func fetch(address string) int {
	response, err := http.Get(address)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(os.Stdout, response.Body)
	return 0
}

func start(t *testing.T, dir string) *network.Network {
	t.Helper()
	n, err := network.Open(dir)
	require.NoError(t, err)
	require.NoError(t, n.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, n.Close()) })
	return n
}

// client trusts and uses what the environment of a pod would name.
func client(t *testing.T, n *network.Network, http2 bool) *http.Client {
	t.Helper()
	proxy, err := url.Parse(n.Proxy())
	require.NoError(t, err)
	text, err := os.ReadFile(n.CAFile())
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(text))
	transport := &http.Transport{
		Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: http2,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s %s", text, r.Proto, r.URL.Path)
	})
}

func get(t *testing.T, c *http.Client, address string) (status int, body string) {
	t.Helper()
	response, err := c.Get(address)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func TestAnUnmodifiedClientMeetsTheHostThroughItsEnvironment(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = []string{fetchVariable + "=https://" + host + "/v1/token", "HTTPS_PROXY=" + n.Proxy(), "SSL_CERT_FILE=" + n.CAFile()}
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Equal(t, "google HTTP/2.0 /v1/token", string(output))

	command = exec.CommandContext(t.Context(), os.Args[0])
	command.Env = []string{fetchVariable + "=https://unknown.example/", "HTTPS_PROXY=" + n.Proxy(), "SSL_CERT_FILE=" + n.CAFile()}
	output, err = command.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(output), "the sandbox has no host unknown.example")
}

func TestHostsAnswerInHTTP1AndHTTP2(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle("STS.googleapis.com", says("google"))
	for http2, protocol := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		status, body := get(t, client(t, n, http2), "https://"+host+"/v1/token")
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, "google "+protocol+" /v1/token", body)
	}
}

func TestAHostsNameWinsOverPatternsAndTheLastHandlerOverEarlierOnes(t *testing.T) {
	n := start(t, t.TempDir())
	n.HandleFunc(func(host string) http.Handler {
		if strings.HasSuffix(host, "-docker.pkg.dev") {
			return says("any")
		}
		return nil
	})
	n.HandleFunc(func(string) http.Handler { return nil })
	n.Handle("europe-docker.pkg.dev", says("europe"))
	c := client(t, n, true)
	_, body := get(t, c, "https://us-docker.pkg.dev/v2/")
	assert.Contains(t, body, "any ")
	_, body = get(t, c, "https://europe-docker.pkg.dev/v2/")
	assert.Contains(t, body, "europe ")
	n.Handle("europe-docker.pkg.dev", says("replaced"))
	_, body = get(t, c, "https://europe-docker.pkg.dev/v2/")
	assert.Contains(t, body, "replaced ")
}

func TestAnUnknownHostIsRefusedByNameAndNeverForwarded(t *testing.T) {
	n := start(t, t.TempDir())
	// A listener that the proxy could reach, if it forwarded anything.
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = outside.Close() }()
	reached := make(chan struct{})
	go func() {
		if conn, err := outside.Accept(); err == nil {
			close(reached)
			_ = conn.Close()
		}
	}()

	for target, want := range map[string]struct {
		status int
		text   string
	}{
		"unknown.example:443":     {http.StatusBadGateway, "the sandbox has no host unknown.example"},
		"localhost:443":           {http.StatusBadGateway, "the sandbox has no host localhost"},
		outside.Addr().String():   {http.StatusForbidden, "the sandbox answers on port 443 alone, not on " + outside.Addr().String()},
		"sts.googleapis.com:8443": {http.StatusForbidden, "the sandbox answers on port 443 alone, not on sts.googleapis.com:8443"},
	} {
		status, body := raw(t, n, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n\r\n")
		assert.Equal(t, want.status, status, target)
		assert.Equal(t, want.text+"\n", body)
	}
	for _, request := range []string{
		"GET http://" + outside.Addr().String() + "/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
	} {
		status, body := raw(t, n, request)
		assert.Equal(t, http.StatusForbidden, status)
		assert.Contains(t, body, "no plain http")
	}
	select {
	case <-reached:
		assert.Fail(t, "the proxy forwarded a request")
	default:
	}
}

// raw sends a request to the proxy as it is.
func raw(t *testing.T, n *network.Network, request string) (status int, answer string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.Proxy(), "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestATunnelLeadsToItsOwnHostOnly(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	n.Handle("login.microsoftonline.com", says("microsoft"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/", nil)
	require.NoError(t, err)
	request.Host = "login.microsoftonline.com"
	response, err := client(t, n, false).Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	assert.Equal(t, http.StatusMisdirectedRequest, response.StatusCode)
}

func TestTheAuthorityOutlivesRestartsAndItsKeyStaysPrivate(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	before, err := os.ReadFile(first.CAFile())
	require.NoError(t, err)
	block, rest := pem.Decode(before)
	require.NotNil(t, block)
	assert.Empty(t, rest, "the file that clients read holds the certificate alone")
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	assert.True(t, certificate.NotAfter.After(time.Now().AddDate(9, 0, 0)))
	assert.Equal(t, x509.ECDSA, certificate.PublicKeyAlgorithm)
	key, err := os.Stat(filepath.Join(dir, "ca-key.pem"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), key.Mode().Perm())
	trusting := client(t, first, true)
	require.NoError(t, first.Close())

	again := start(t, dir)
	after, err := os.ReadFile(again.CAFile())
	require.NoError(t, err)
	assert.Equal(t, before, after)
	again.Handle(host, says("google"))
	proxy, err := url.Parse(again.Proxy())
	require.NoError(t, err)
	trusting.Transport.(*http.Transport).Proxy = http.ProxyURL(proxy)
	status, _ := get(t, trusting, "https://"+host+"/")
	assert.Equal(t, http.StatusOK, status, "a client of before the restart still trusts the network")
}

func TestADamagedAuthorityIsRefusedInsteadOfReplaced(t *testing.T) {
	dir := t.TempDir()
	_, err := network.Open(dir)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "ca-key.pem")))
	_, err = network.Open(dir)
	require.ErrorContains(t, err, "delete ca.pem")
	require.NoError(t, os.Remove(filepath.Join(dir, "ca.pem")))
	_, err = network.Open(dir)
	require.NoError(t, err)
}

func TestTheNetworksOwnClientKnowsNoEnvironment(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	n, err := network.Open(t.TempDir())
	require.NoError(t, err)
	c := n.Client()
	_, err = c.Get("https://" + host + "/") //nolint:bodyclose // there is no response
	require.ErrorContains(t, err, "not started")
	assert.Empty(t, n.Proxy())

	require.NoError(t, n.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, n.Close()) })
	require.ErrorContains(t, n.Start(t.Context()), "already started")
	n.Handle(host, says("google"))
	status, _ := get(t, c, "https://"+host+"/")
	assert.Equal(t, http.StatusOK, status)
	_, err = c.Get("https://unknown.example/") //nolint:bodyclose // there is no response
	require.ErrorContains(t, err, "the sandbox has no host unknown.example")
	status, _ = get(t, c, "http://"+host+"/")
	assert.Equal(t, http.StatusForbidden, status)
}

func TestAnswersStreamWhileTheHandlerRuns(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		n := start(t, t.TempDir())
		release := make(chan struct{})
		n.Handle(host, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-release
			_, _ = io.WriteString(w, "second")
		}))
		response, err := client(t, n, http2).Get("https://" + host + "/")
		require.NoError(t, err)
		first := make([]byte, len("first"))
		_, err = io.ReadFull(response.Body, first)
		require.NoError(t, err)
		close(release)
		rest, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, "second", string(rest))
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	n := start(t, t.TempDir())
	n.HandleFunc(says)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			name := fmt.Sprintf("registry-%d.example", i%8)
			c := client(t, n, i%2 == 0)
			for range 3 {
				response, err := c.Get("https://" + name + "/")
				if !assert.NoError(t, err) {
					return
				}
				body, err := io.ReadAll(response.Body)
				assert.NoError(t, err)
				assert.NoError(t, response.Body.Close())
				assert.True(t, strings.HasPrefix(string(body), name+" "), string(body))
			}
		})
	}
	wait.Wait()
}

func TestABodyBeyondTheLimitIsRefused(t *testing.T) {
	n, err := network.Open(t.TempDir())
	require.NoError(t, err)
	n.SetMaxBody(1024)
	require.NoError(t, n.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, n.Close()) })
	n.Handle(host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	}))
	for size, want := range map[int]int{1024: http.StatusOK, 1025: http.StatusRequestEntityTooLarge} {
		response, err := client(t, n, true).Post("https://"+host+"/", "text/plain", strings.NewReader(strings.Repeat("a", size)))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode, "%d bytes", size)
	}
}

func TestCloseEndsTunnelsThatAreOpen(t *testing.T) {
	n, err := network.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, n.Start(t.Context()))
	inside := make(chan struct{})
	n.Handle(host, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
	}))
	failed := make(chan error, 1)
	c := client(t, n, true)
	go func() {
		_, err := c.Get("https://" + host + "/") //nolint:bodyclose // there is no response
		failed <- err
	}()
	<-inside
	require.NoError(t, n.Close())
	require.Error(t, <-failed)
	require.NoError(t, n.Close(), "a second Close is no error")
}

func TestAClientOfItsOwnIsAskedAboutBeforeEachTunnel(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	var asked []string
	proxy, forget := n.ProxyFor("pod/1", func(_ context.Context, host string) error {
		if asked = append(asked, host); len(asked) > 1 {
			return errors.New("not again to " + host)
		}
		return nil
	})
	fetches := func() string {
		command := exec.CommandContext(t.Context(), os.Args[0])
		command.Env = []string{fetchVariable + "=https://" + host + "/v1/token", "HTTPS_PROXY=" + proxy, "SSL_CERT_FILE=" + n.CAFile()}
		output, _ := command.CombinedOutput()
		return string(output)
	}
	assert.Equal(t, "google HTTP/2.0 /v1/token", fetches())
	assert.Contains(t, fetches(), "not again to "+host)
	assert.Equal(t, []string{host, host}, asked)
	forget()
	assert.Contains(t, fetches(), `the sandbox's proxy knows no client "pod/1"`)
	status, _ := get(t, client(t, n, true), "https://"+host+"/")
	assert.Equal(t, http.StatusOK, status, "a client that gives no name is not asked about")
}
