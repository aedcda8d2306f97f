package podidentity

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// headerTime bounds the reading of a request's header.
const headerTime = 10 * time.Second

// ErrPrivilege says that this process may not give the machine an address.
var ErrPrivilege = errors.New("the Pod Identity agent needs the link-local address " + Address + " on the loopback interface: run the sandbox as root, or with CAP_NET_ADMIN and CAP_NET_BIND_SERVICE")

// Listener is an agent that pods can reach.
type Listener struct {
	server *http.Server
	remove func() error
}

// Listen adds [Address] to the loopback interface and serves the agent on its
// port 80, until Close. It returns ErrPrivilege where this process may not do
// that, and another error where another agent has the address already.
func (a *Agent) Listen(ctx context.Context) (*Listener, error) {
	remove, err := addAddress()
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(Address, "80"))
	if err != nil {
		// An address that another agent listens on is that one's to take away.
		if !inUse(err) {
			err = errors.Join(err, remove())
		}
		return nil, fmt.Errorf("podidentity: %w (is another sandbox with a Pod Identity agent running on this machine?)", err)
	}
	l := &Listener{server: &http.Server{Handler: a, ReadHeaderTimeout: headerTime}, remove: remove}
	go func() { _ = l.server.Serve(listener) }()
	return l, nil
}

// Close ends the agent and takes the address away.
func (l *Listener) Close() error { return errors.Join(l.server.Close(), l.remove()) }
