package network

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Request is what an observer sees of a request, once it is answered.
type Request struct {
	// Host is the host's name in lower case; for a refused CONNECT what the
	// client asked for, with its port.
	Host string
	// Method is CONNECT for a refused tunnel.
	Method string
	// Path holds no query.
	Path string
	// Status is 0 where the connection was reset.
	Status int
}

// Observe has see called after every request to a host, and after every
// refused tunnel, in the requests' own goroutines. stop ends that.
func (n *Network) Observe(see func(Request)) (stop func()) {
	return n.observers.add(see)
}

func (n *Network) observe(request Request) {
	for _, see := range n.observers.all() {
		see(request)
	}
}

// answer is the inside of a tunnel.
func (n *Network) answer(w http.ResponseWriter, r *http.Request) {
	host, _ := r.Context().Value(tunnelHost{}).(string)
	recorder := &statusRecorder{ResponseWriter: w}
	defer func() {
		n.observe(Request{Host: host, Method: r.Method, Path: r.URL.Path, Status: recorder.status})
	}()
	if asked := hostOf(r); asked != host {
		http.Error(recorder, fmt.Sprintf("the tunnel leads to %s, the request to %s", host, asked), http.StatusMisdirectedRequest)
		return
	}
	handler := n.handler(host)
	if handler == nil {
		http.Error(recorder, "the sandbox has no host "+host, http.StatusBadGateway)
		return
	}
	if fault := n.faultFor(r); fault != nil && fault.answered(recorder, r) {
		return
	}
	handler.ServeHTTP(recorder, r)
	if recorder.status == 0 {
		recorder.status = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
}

// hostOf is the host that a request names, in lower case and without its port.
func hostOf(r *http.Request) string {
	host := strings.ToLower(r.Host)
	if name, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		return name
	}
	return host
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusRecorder) WriteHeader(status int) {
	if s.status == 0 && status >= http.StatusOK {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *statusRecorder) Write(body []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(body)
}

// Unwrap lets http.ResponseController flush and hijack.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
