package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// connect is the proxy's outside: it opens tunnels, and refuses all else.
func (n *Network) connect(w http.ResponseWriter, r *http.Request) {
	if opened := n.open(w, r); opened != nil {
		n.tunnels.add(opened)
	}
}

// open answers the request for a tunnel. It is nil for one that was refused.
func (n *Network) open(w http.ResponseWriter, r *http.Request) *tunnel {
	if r.Method != http.MethodConnect {
		refuseOnConnection(w, http.StatusForbidden, "the sandbox answers https through CONNECT, and no plain http")
		return nil
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		refuseOnConnection(w, http.StatusBadRequest, "the sandbox wants CONNECT with a host and port 443")
		return nil
	}
	host = strings.ToLower(host)
	if port != "443" {
		refuseOnConnection(w, http.StatusForbidden, fmt.Sprintf("the sandbox answers on port 443 alone, not on %s:%s", host, port))
		return nil
	}
	if err := n.allow(r, host); err != nil {
		refuseOnConnection(w, http.StatusForbidden, err.Error())
		return nil
	}
	if n.handler(host) == nil {
		refuseOnConnection(w, http.StatusBadGateway, "the sandbox has no host "+host)
		return nil
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil
	}
	// What the client sent ahead of the answer belongs to the tunnel.
	ahead := make([]byte, buffered.Reader.Buffered())
	if _, err := io.ReadFull(buffered, ahead); err != nil {
		_ = conn.Close()
		return nil
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = conn.Close()
		return nil
	}
	_ = conn.SetDeadline(time.Time{})
	return &tunnel{Conn: conn, reader: io.MultiReader(bytes.NewReader(ahead), conn), host: host}
}

// refuseOnConnection answers with the reason as the status text too: that is
// all that Go's client tells of a refused CONNECT.
func refuseOnConnection(w http.ResponseWriter, status int, reason string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, reason, status)
		return
	}
	defer func() { _ = conn.Close() }()
	body := reason + "\n"
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, reason, len(body), body)
}

// tunnel is one client's connection to one host.
type tunnel struct {
	net.Conn
	reader io.Reader
	host   string
	// inspected is true for the one of a proxy that looks into TLS, which its client
	// does not see.
	inspected bool
}

func (t *tunnel) Read(into []byte) (int, error) { return t.reader.Read(into) }

// certificate is for the host that the tunnel was opened to, whatever name the
// client then asks for.
func (n *Network) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	tunnel, ok := hello.Conn.(*tunnel)
	if !ok {
		return nil, fmt.Errorf("network: a connection of type %T is no tunnel", hello.Conn)
	}
	if tunnel.inspected {
		return n.authority.forHost(tunnel.host)
	}
	return n.shown(n.authority, tunnel.host)
}

type tunnelHost struct{}

// withTunnelHost keeps the tunnel's host in the context of its requests.
func withTunnelHost(ctx context.Context, conn net.Conn) context.Context {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return ctx
	}
	tunnel, ok := secured.NetConn().(*tunnel)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, tunnelHost{}, tunnel.host)
}

// tunnels is the listener of the inner server: every tunnel is one connection.
type tunnels struct {
	address net.Addr
	next    chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func newTunnels(address net.Addr) *tunnels {
	return &tunnels{address: address, next: make(chan net.Conn), done: make(chan struct{})}
}

func (t *tunnels) add(conn net.Conn) {
	select {
	case t.next <- conn:
	case <-t.done:
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.next:
		return conn, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.done) })
	return nil
}

// Addr implements net.Listener.
func (t *tunnels) Addr() net.Addr { return t.address }
