package network

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
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

// watchers is a list that can be added to and taken from while it is in use.
type watchers[T any] struct {
	mutex sync.Mutex
	next  int
	items []watcher[T]
}

type watcher[T any] struct {
	id   int
	item T
}

func (w *watchers[T]) add(item T) (remove func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	id := w.next
	w.next++
	w.items = append(w.items, watcher[T]{id, item})
	return func() { w.remove(id) }
}

func (w *watchers[T]) remove(id int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var kept []watcher[T]
	for _, entry := range w.items {
		if entry.id != id {
			kept = append(kept, entry)
		}
	}
	w.items = kept
}

// all returns a copy, in the order of addition.
func (w *watchers[T]) all() []T {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	items := make([]T, 0, len(w.items))
	for _, entry := range w.items {
		items = append(items, entry.item)
	}
	return items
}
