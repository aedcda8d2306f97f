package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"waybill.example/waybill/sandbox/world"
)

const (
	// blockPage is what a proxy shows people whose request it refuses, and
	// blockPageSize how much it sends after it, in bytes.
	blockPage     = "<!DOCTYPE html><html><head><title>Access Denied</title></head><body><p>Category of %s: cloud storage</p>"
	blockPageSize = 3 << 20
	// loopbackAttempts is how many addresses are tried for a client's way to the
	// proxy.
	loopbackAttempts = 5
)

// Egress is the proxy through which a customer's cluster reaches the hosts of the
// network, where there is no other way out.
type Egress struct {
	network   *Network
	proxy     world.Proxy
	host      string
	port      string
	authority *authority // nil for a proxy that does not look into TLS
}

// Egress makes the proxy of a cluster, one that [world.Load] checked. dir keeps
// its authority, where it has one. It listens for no client yet.
func (n *Network) Egress(dir string, proxy world.Proxy) (*Egress, error) {
	host, port := proxy.HostPort()
	e := &Egress{network: n, proxy: proxy, host: host, port: port}
	if !proxy.Inspects {
		return e, nil
	}
	var err error
	if e.authority, err = openAuthority(dir, "authority of "+host); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return e, nil
}

// Authority is the certificate of the authority that it signs with, in PEM; empty
// where it does not look into TLS.
func (e *Egress) Authority() string {
	if e.authority == nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.authority.certificate.Raw}))
}

// Host is the name under which clients know the proxy.
func (e *Egress) Host() string { return e.host }

// Listen has the proxy listen for one client, at an address of loopback that is
// the client's alone, on the port that the world says: the URL that the client
// is given stays as it is in the customer's network.
func (e *Egress) Listen(ctx context.Context) (address string, stop func(), err error) {
	for range loopbackAttempts {
		address = Loopback()
		var listener net.Listener
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(address, e.port)); errors.Is(err, syscall.EADDRINUSE) {
			continue
		} else if err != nil {
			break
		}
		server := &http.Server{Handler: http.HandlerFunc(e.serve), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime}
		go func() { _ = server.Serve(listener) }()
		return address, func() { _ = server.Close() }, nil
	}
	return "", nil, fmt.Errorf("network: the proxy %s: %w", e.host, err)
}

// Loopback is an address of loopback that hardly anybody else has.
func Loopback() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)) //nolint:gosec // no secret
}

// serve answers as proxies do (https://www.rfc-editor.org/rfc/rfc9110#name-connect).
func (e *Egress) serve(w http.ResponseWriter, r *http.Request) {
	switch e.proxy.Refuses {
	case world.RefusesLogin:
		w.Header().Set("Proxy-Authenticate", `Basic realm="`+e.host+`"`)
		http.Error(w, "Cache Access Denied", http.StatusProxyAuthRequired)
		return
	case world.RefusesHosts:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, blockPage, html.EscapeString(r.Host))
		_, _ = io.WriteString(w, strings.Repeat("<p>and so on</p>", blockPageSize/len("<p>and so on</p>")))
		return
	}
	client := e.network.open(w, r)
	switch {
	case client == nil:
		return
	case e.authority == nil || slices.Contains(e.proxy.Leaves, client.host):
		e.network.tunnels.add(client)
		return
	}
	defer func() { _ = client.Close() }()
	upstream, inside := net.Pipe()
	defer func() { _ = upstream.Close() }()
	e.network.tunnels.add(&tunnel{Conn: inside, reader: inside, host: client.host, inspected: true})
	if inner, outer, err := e.inspect(r.Context(), client, upstream, client.host); err == nil {
		pipe(inner, outer)
	}
}

// inspect is the host to the client, with a certificate of the proxy's authority,
// and a client to the host. Both ends speak the protocol that the host chose.
func (e *Egress) inspect(ctx context.Context, client, upstream net.Conn, host string) (net.Conn, net.Conn, error) {
	trusted := x509.NewCertPool()
	trusted.AddCert(e.network.authority.certificate)
	var outer *tls.Conn
	inner := tls.Server(client, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		outer = tls.Client(upstream, &tls.Config{RootCAs: trusted, ServerName: host, NextProtos: hello.SupportedProtos, MinVersion: tls.VersionTLS12})
		if err := outer.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		certificate, err := e.network.shown(e.authority, host)
		if err != nil {
			return nil, err
		}
		config := &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		if chosen := outer.ConnectionState().NegotiatedProtocol; chosen != "" {
			config.NextProtos = []string{chosen}
		}
		return config, nil
	}})
	return inner, outer, inner.HandshakeContext(ctx)
}

// pipe copies both ways until one end has no more to say.
func pipe(a, b net.Conn) {
	over := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			over <- struct{}{}
		}()
	}
	<-over
	_, _ = a.Close(), b.Close()
	<-over
}
