package world

import (
	"cmp"
	"net/netip"
	"slices"
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
	if kinds := []string{"", Standard, Cilium, OpenShift}; !slices.Contains(kinds, n.Kind) {
		report("%s.kind %q: want one of %q", key, n.Kind, kinds[1:])
	}
	n = n.WithDefaults()
	for name, value := range map[string]string{"apiServer": n.APIServer, "dns": n.DNS} {
		if _, err := netip.ParseAddrPort(value); err != nil {
			report("%s.%s %q: want an IP address and a port, as in 10.0.0.4:443", key, name, value)
		}
	}
}
