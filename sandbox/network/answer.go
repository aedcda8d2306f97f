package network

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// answer is the inside of a tunnel.
func (n *Network) answer(w http.ResponseWriter, r *http.Request) {
	host, _ := r.Context().Value(tunnelHost{}).(string)
	if asked := hostOf(r); asked != host {
		http.Error(w, fmt.Sprintf("the tunnel leads to %s, the request to %s", host, asked), http.StatusMisdirectedRequest)
		return
	}
	handler := n.handler(host)
	if handler == nil {
		http.Error(w, "the sandbox has no host "+host, http.StatusBadGateway)
		return
	}
	if fault := n.faultFor(r); fault != nil && fault.answered(w, r) {
		return
	}
	handler.ServeHTTP(w, r)
}

// hostOf is the host that a request names, in lower case and without its port.
func hostOf(r *http.Request) string {
	host := strings.ToLower(r.Host)
	if name, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		return name
	}
	return host
}
