package network

import (
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Fault is what happens to a request in place of the host's own answer.
type Fault struct {
	// Delay comes first; it ends early when the client gives up. A delay longer
	// than the client's patience is a time-out. Alone, it makes the host slow.
	Delay time.Duration
	// Reset breaks the connection in place of an answer.
	Reset bool
	// Status is the HTTP status of the answer; with a Body, 0 means 200.
	Status int
	// RetryAfter, rounded up to whole seconds, is the answer's Retry-After;
	// 0 means that it has none.
	RetryAfter time.Duration
	// Challenge is the answer's WWW-Authenticate; empty means that it has none.
	Challenge string
	// Body is the answer's body, as it is; its type is text/html, like that of
	// a load balancer's own error page.
	Body string
	// Times is how many requests meet the fault; 0 means all until it is stopped.
	Times int
}

type fault struct {
	Fault
	match func(*http.Request) bool
	// met counts the requests that matched.
	met atomic.Int64
}

// Fault makes requests fail for which match is true: the first of several
// faults that matches and is not used up applies. match sees the request with
// its full https URL and must not read the body. stop takes the fault away.
func (n *Network) Fault(match func(*http.Request) bool, what Fault) (stop func()) {
	added := &fault{Fault: what, match: match}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.faults = append(n.faults, added)
	return func() {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		// A copy: requests walk through the list that they found.
		n.faults = slices.DeleteFunc(slices.Clone(n.faults), func(other *fault) bool { return other == added })
	}
}

// faultFor is nil for a request that no fault is meant for.
func (n *Network) faultFor(r *http.Request) *fault {
	n.mutex.Lock()
	faults := n.faults
	n.mutex.Unlock()
	if len(faults) == 0 {
		return nil
	}
	seen := r.Clone(r.Context())
	seen.URL.Scheme, seen.URL.Host = "https", hostOf(r)
	for _, candidate := range faults {
		if candidate.match(seen) && (candidate.Times == 0 || candidate.met.Add(1) <= int64(candidate.Times)) {
			return candidate
		}
	}
	return nil
}

// answered says whether the fault took the host's place.
func (f *fault) answered(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	if f.Reset {
		reset(w)
		return true
	}
	if f.Status == 0 && f.Body == "" {
		return false
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if f.Challenge != "" {
		w.Header().Set("WWW-Authenticate", f.Challenge)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(f.Body)))
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(f.Body))
	return true
}

// reset breaks an HTTP/1.1 connection with a TCP reset, and an HTTP/2 stream
// with RST_STREAM.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to give
	}
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if through, ok := conn.(*tunnel); ok {
		conn = through.Conn
	}
	if socket, ok := conn.(*net.TCPConn); ok {
		_ = socket.SetLinger(0) // an abortive close: the peer gets RST, not FIN
	}
	_ = conn.Close()
}
