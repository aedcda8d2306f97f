package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxBody is the largest request body that a host reads, in bytes: more
	// than any layer that the sandbox pushes.
	maxBody = 256 << 20
	// headerTime bounds TLS handshakes and request headers.
	headerTime = 30 * time.Second
	// idleTime is how long a tunnel may wait for its next request.
	idleTime = 2 * time.Minute
	// clientTime bounds one request of the network's own client.
	clientTime = 10 * time.Second
)

// Network is the proxy, its hosts and its certificate authority.
type Network struct {
	authority *authority
	client    *http.Client
	// maxBody is maxBody, but for tests.
	maxBody int64

	mutex    sync.Mutex
	hosts    map[string]http.Handler
	patterns []func(host string) http.Handler
	faults   []*fault
	unsigned map[string]*tls.Certificate
	clients  map[string]func(ctx context.Context, host string) error
	proxy    *url.URL
	tunnels  *tunnels
	servers  []*http.Server
}

// Open reads or makes the certificate authority in dir; nothing listens yet.
// dir is created if it is missing, and belongs to one network at a time.
func Open(dir string) (*Network, error) {
	authority, err := openAuthority(dir, "waybill sandbox")
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	n := &Network{
		authority: authority, maxBody: maxBody, hosts: map[string]http.Handler{},
		clients: map[string]func(context.Context, string) error{}, unsigned: map[string]*tls.Certificate{},
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.certificate)
	n.client = &http.Client{
		Timeout: clientTime,
		Transport: &http.Transport{
			Proxy:             n.ownProxy,
			TLSClientConfig:   &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
			IdleConnTimeout:   idleTime,
		},
	}
	return n, nil
}

// Handle makes handler answer for a host, by its exact real name, for example
// sts.googleapis.com, until it is stopped. A second handler for the same host takes the
// first one's place. Handlers may be added while the network runs.
func (n *Network) Handle(host string, handler http.Handler) (stop func()) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	host = strings.ToLower(host)
	n.hosts[host] = handler
	return func() {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		delete(n.hosts, host)
	}
}

// HandleFunc asks match for hosts that Handle does not name, for patterns such
// as *-docker.pkg.dev. match gets the name in lower case and returns nil for a
// host that is not its own; the first handler wins.
func (n *Network) HandleFunc(match func(host string) http.Handler) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.patterns = append(n.patterns, match)
}

// Hosts are the names that Handle was given, sorted.
func (n *Network) Hosts() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.Sorted(maps.Keys(n.hosts))
}

// handler is nil for a host that the sandbox does not have.
func (n *Network) handler(host string) http.Handler {
	n.mutex.Lock()
	handler, patterns := n.hosts[host], n.patterns
	n.mutex.Unlock()
	for i := 0; handler == nil && i < len(patterns); i++ {
		handler = patterns[i](host)
	}
	return handler
}

// Start listens on a port of 127.0.0.1 that the system chooses. ctx bounds the
// start, not the network's life: Close ends that.
func (n *Network) Start(ctx context.Context) error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.proxy != nil {
		return fmt.Errorf("network: already started at %s", n.proxy)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	n.proxy = &url.URL{Scheme: "http", Host: listener.Addr().String()}
	n.tunnels = newTunnels(listener.Addr())
	front := &http.Server{
		Handler:           http.HandlerFunc(n.connect),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
	}
	inside := &http.Server{
		Handler:           http.MaxBytesHandler(http.HandlerFunc(n.answer), n.maxBody),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		TLSConfig:         &tls.Config{GetCertificate: n.certificate, MinVersion: tls.VersionTLS12},
		ConnContext:       withTunnelHost,
	}
	n.servers = []*http.Server{front, inside}
	go func() { _ = front.Serve(listener) }()
	go func() { _ = inside.ServeTLS(n.tunnels, "", "") }()
	return nil
}

// Proxy is the value of HTTPS_PROXY, for example http://127.0.0.1:41234; empty
// before Start.
func (n *Network) Proxy() string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.proxy == nil {
		return ""
	}
	return n.proxy.String()
}

// ProxyFor is the value of HTTPS_PROXY for one client, whom the name in it tells
// apart from others: allow is asked before each of its tunnels, and its error is
// the answer. After forget the client is refused.
func (n *Network) ProxyFor(name string, allow func(ctx context.Context, host string) error) (proxy string, forget func()) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.clients[name] = allow
	own := *n.proxy
	own.User = url.User(name)
	return own.String(), func() {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		delete(n.clients, name)
	}
}

// allow decides about a client's tunnel. One that gives no name is none of
// ProxyFor's.
func (n *Network) allow(r *http.Request, host string) error {
	named := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	name, _, given := named.BasicAuth()
	if !given {
		return nil
	}
	n.mutex.Lock()
	allow := n.clients[name]
	n.mutex.Unlock()
	if allow == nil {
		return fmt.Errorf("the sandbox's proxy knows no client %q", name)
	}
	return allow(r.Context(), host)
}

// CAFile is the value of SSL_CERT_FILE: a PEM file with the authority's
// certificate and no key. It is the same at every start.
func (n *Network) CAFile() string { return n.authority.file }

// Certificate is the authority's for a server of the sandbox that clients meet by
// another way than the proxy.
func (n *Network) Certificate(host string) (*tls.Certificate, error) {
	return n.authority.forHost(host)
}

// Unsigned has a host show whoever connects to it a certificate that no authority
// signed, until it is stopped: that is all that somebody who poses as the host has.
func (n *Network) Unsigned(host string) (stop func(), err error) {
	host = strings.ToLower(host)
	leaf := leafOf(host)
	own, _, err := issue(leaf, leaf, nil)
	if err != nil {
		return nil, fmt.Errorf("network: certificate for %s: %w", host, err)
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.unsigned[host] = own
	return func() {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		delete(n.unsigned, host)
	}, nil
}

// shown is the certificate that a host's clients see, signed by an authority, unless
// somebody poses as the host.
func (n *Network) shown(by *authority, host string) (*tls.Certificate, error) {
	n.mutex.Lock()
	own := n.unsigned[host]
	n.mutex.Unlock()
	if own != nil {
		return own, nil
	}
	return by.forHost(host)
}

// Client is for servers inside the sandbox that fetch from other hosts, as
// Entra fetches a cluster's discovery document. It goes through the proxy, so
// that observers and faults see its requests; it knows no environment, and a
// host that the sandbox does not have is an error. It may be taken before
// Start and used after it.
func (n *Network) Client() *http.Client { return n.client }

func (n *Network) ownProxy(*http.Request) (*url.URL, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.proxy == nil {
		return nil, errors.New("network: not started")
	}
	return n.proxy, nil
}

// Close ends the proxy and every tunnel. The authority stays in its directory.
func (n *Network) Close() error {
	n.mutex.Lock()
	servers, tunnels := n.servers, n.tunnels
	n.servers = nil
	n.mutex.Unlock()
	n.client.CloseIdleConnections()
	var problems []error
	for _, server := range servers {
		problems = append(problems, server.Close())
	}
	if tunnels != nil {
		problems = append(problems, tunnels.Close())
	}
	return errors.Join(problems...)
}
