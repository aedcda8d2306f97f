package network_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/world"
)

const proxyURL = "http://proxy.customer.example:3128"

// behind is a client of a customer's cluster that trusts the authorities.
func behind(t *testing.T, n *network.Network, proxy world.Proxy, http2 bool, authorities ...string) (*http.Client, *network.Egress) {
	t.Helper()
	egress, err := n.Egress(t.TempDir(), proxy)
	require.NoError(t, err)
	address, stop, err := egress.Listen(t.Context())
	require.NoError(t, err)
	t.Cleanup(stop)
	trusted := x509.NewCertPool()
	for _, authority := range append(authorities, egress.Authority()) {
		trusted.AppendCertsFromPEM([]byte(authority))
	}
	transport := &http.Transport{
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", Host: address + ":3128"}),
		TLSClientConfig:   &tls.Config{RootCAs: trusted},
		ForceAttemptHTTP2: http2,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, egress
}

func TestACustomersProxyConnectsToTheHostsOfTheNetwork(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	public, err := os.ReadFile(n.CAFile())
	require.NoError(t, err)
	for http2, protocol := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		c, egress := behind(t, n, world.Proxy{URL: proxyURL}, http2, string(public))
		_, body := get(t, c, "https://"+host+"/v1/token")
		assert.Equal(t, "google "+protocol+" /v1/token", body)
		assert.Equal(t, "proxy.customer.example", egress.Host())
		assert.Empty(t, egress.Authority())

		c, egress = behind(t, n, world.Proxy{URL: proxyURL, Inspects: true}, http2)
		_, body = get(t, c, "https://"+host+"/v1/token")
		assert.Equal(t, "google "+protocol+" /v1/token", body, "with the proxy's authority alone")

		c, _ = behind(t, n, world.Proxy{URL: proxyURL, Inspects: true}, http2, string(public))
		c.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
		c.Transport.(*http.Transport).TLSClientConfig.RootCAs.AppendCertsFromPEM(public)
		_, err = c.Get("https://" + host + "/") //nolint:bodyclose // there is no response
		require.ErrorContains(t, err, "certificate signed by unknown authority", "with the public ones alone")
		assert.Contains(t, egress.Authority(), "BEGIN CERTIFICATE")
	}
	c, _ := behind(t, n, world.Proxy{URL: proxyURL}, true, string(public))
	_, err = c.Get("https://unknown.example/") //nolint:bodyclose // there is no response
	require.ErrorContains(t, err, "the sandbox has no host unknown.example")
}

func TestACustomersProxyRefuses(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	for refuses, want := range map[string]struct {
		status int
		words  string
		least  int
	}{
		world.RefusesLogin: {http.StatusProxyAuthRequired, "Cache Access Denied", 0},
		world.RefusesHosts: {http.StatusForbidden, "<title>Access Denied</title>", 2 << 20},
	} {
		c, _ := behind(t, n, world.Proxy{URL: proxyURL, Refuses: refuses}, false)
		// In clear, the answer reaches the client as it is.
		response, err := c.Get("http://" + host + "/")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want.status, response.StatusCode)
		assert.Contains(t, string(body), want.words)
		assert.Greater(t, len(body), want.least)
		_, err = c.Get("https://" + host + "/") //nolint:bodyclose // there is no response
		require.ErrorContains(t, err, http.StatusText(want.status))
	}
}

// Whoever poses as a host has no certificate that a client trusts, directly or behind a
// proxy that looks into TLS.
func TestAnUnsignedHostIsRefusedUntilItIsStopped(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	inspected, _ := behind(t, n, world.Proxy{URL: proxyURL, Inspects: true}, true)
	for name, c := range map[string]*http.Client{"directly": client(t, n, true), "behind a proxy": inspected} {
		stop, err := n.Unsigned(host)
		require.NoError(t, err)
		_, err = c.Get("https://" + host + "/") //nolint:bodyclose // there is no response
		require.ErrorContains(t, err, "certificate signed by unknown authority", name)
		stop()
		_, body := get(t, c, "https://"+host+"/")
		assert.Contains(t, body, "google", name)
	}
}
