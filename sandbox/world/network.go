package world

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Kinds of networks.
const (
	// Standard matches an ipBlock against every address.
	Standard = "standard"
	// Cilium matches no ipBlock against pods and nodes, nor against an API server
	// on nodes: https://github.com/cilium/cilium/issues/20550
	Cilium = "cilium"
	// OpenShift is standard, with its own API server's and DNS's ports:
	// https://github.com/openshift/cluster-dns-operator
	OpenShift = "openshift"
)

// Network is a cluster's network, as its network policies see it: after the
// addresses of Services were translated.
type Network struct {
	// Kind says whose habits the network has: standard, cilium or openshift;
	// empty means standard.
	Kind string `json:"kind,omitempty"`
	// APIServer is the address and port of the API server itself; empty means
	// port 443 as on AKS, EKS and GKE, and 6443 on the nodes of the other kinds.
	APIServer string `json:"apiServer,omitempty"`
	// DNS is the address and port of a pod that answers DNS; empty means port 53,
	// on OpenShift 5353.
	DNS string `json:"dns,omitempty"`
	// Proxy is the only way from the cluster's pods to public hosts; empty means
	// that they are reached directly.
	Proxy *Proxy `json:"proxy,omitempty"`
	// PlainHTTP is true where what pods need is reached without TLS at port 80 too, such
	// as revocation lists.
	PlainHTTP bool `json:"plainHttp,omitempty"`
}

// Proxy is a customer's forward proxy.
type Proxy struct {
	// URL is http://HOST:PORT, as pods have to be given it; the port is 1024 or
	// higher, so that it can be had on one machine without privileges.
	URL string `json:"url"`
	// Refuses is what the proxy lets nobody do: login for one that wants a user and
	// password (407), hosts for one that answers each host with a page that says no
	// (403); empty means that it connects.
	Refuses string `json:"refuses,omitempty"`
	// Inspects is true where it looks into TLS: it answers for each host itself, with a
	// certificate of an authority of its own.
	Inspects bool `json:"inspects,omitempty"`
	// Leaves are hosts that it connects to without a look into TLS.
	Leaves []string `json:"leaves,omitempty"`
	// Inside are hosts and networks of the customer's own, as NO_PROXY has them, that a
	// product which goes out reaches without it.
	Inside []string `json:"inside,omitempty"`
	// Bundle is NAMESPACE/NAME of a ConfigMap in which the cluster keeps that
	// authority's certificate, under the key ca-bundle.crt; empty means none.
	//
	// OpenShift and trust-manager keep one:
	// https://docs.redhat.com/en/documentation/openshift_container_platform/4.20/html/configuring_network_settings/enable-cluster-wide-proxy
	Bundle string `json:"bundle,omitempty"`
}

// What a Proxy refuses.
const (
	RefusesLogin = "login"
	RefusesHosts = "hosts"
)

// BundleKey is the key of a Proxy's Bundle.
const BundleKey = "ca-bundle.crt"

// HostPort are those of the proxy's URL.
func (p Proxy) HostPort() (host, port string) {
	parsed, err := url.Parse(p.URL)
	if err != nil {
		return "", ""
	}
	return parsed.Hostname(), parsed.Port()
}

func (p Proxy) validate(key string, report func(format string, args ...any)) {
	host, port := p.HostPort()
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number < 1024 || p.URL != "http://"+host+":"+port || net.ParseIP(host) != nil {
		report("%s.url %q: want http://HOST:PORT, with a name and a port of 1024 or higher", key, p.URL)
	}
	oneOf(key+".refuses", p.Refuses, []string{RefusesLogin, RefusesHosts}, report)
	if len(p.Leaves) > 0 && !p.Inspects {
		report("%s.leaves: want it for a proxy that inspects", key)
	}
	namespace, name, _ := strings.Cut(p.Bundle, "/")
	if p.Bundle != "" && (namespace == "" || name == "" || !p.Inspects) {
		report("%s.bundle %q: want NAMESPACE/NAME of a ConfigMap, and a proxy that inspects", key, p.Bundle)
	}
}

// WithDefaults fills in what is empty.
func (n Network) WithDefaults() Network {
	api, dns := "6443", "53"
	switch n.Kind = cmp.Or(n.Kind, Standard); n.Kind {
	case Standard:
		api = "443"
	case OpenShift:
		dns = "5353"
	}
	n.APIServer = cmp.Or(n.APIServer, "10.0.0.4:"+api)
	n.DNS = cmp.Or(n.DNS, "10.244.0.53:"+dns)
	return n
}

func (n Network) validate(key string, report func(format string, args ...any)) {
	oneOf(key+".kind", n.Kind, []string{Standard, Cilium, OpenShift}, report)
	if n.Proxy != nil {
		n.Proxy.validate(key+".proxy", report)
	}
	n = n.WithDefaults()
	for name, value := range map[string]string{"apiServer": n.APIServer, "dns": n.DNS} {
		if _, err := netip.ParseAddrPort(value); err != nil {
			report("%s.%s %q: want an IP address and a port, as in 10.0.0.4:443", key, name, value)
		}
	}
}
