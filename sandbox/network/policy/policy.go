package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// Peer is the other end of a pod's connection, as policies see it.
type Peer struct {
	// Name is what messages call it.
	Name     string
	Address  netip.Addr
	Port     uint16 // of the end that was called
	Protocol corev1.Protocol
	// Namespace is the name of a pod's namespace; empty means that the peer is no pod.
	Namespace string
	// Labels and NamespaceLabels are the pod's and its namespace's.
	Labels, NamespaceLabels labels.Set
	// Unblocked says that no ipBlock matches the peer.
	Unblocked bool
}

func (p Peer) String() string {
	end := netip.AddrPortFrom(p.Address, p.Port).String()
	if p.Name != "" {
		end = p.Name + " at " + end
	}
	return end + " (" + string(p.Protocol) + ")"
}

// Denied says that the policies of a pod do not allow a connection.
type Denied struct {
	Pod string // NAMESPACE/NAME
	// Policies are the names of those that select the pod.
	Policies []string
	Ingress  bool
	Peer     Peer
}

// Error names the policies, the pod and the peer.
func (d *Denied) Error() string {
	way := "to"
	if d.Ingress {
		way = "in from"
	}
	return fmt.Sprintf("network policy %s of pod %s allows nothing %s %s", strings.Join(d.Policies, ", "), d.Pod, way, d.Peer)
}

// Egress decides whether a pod may call a peer under the policies of its
// namespace: nil, a [Denied], or what of them is not modelled.
func Egress(policies []networkingv1.NetworkPolicy, pod *corev1.Pod, peer Peer) error {
	return decide(policies, pod, peer, networkingv1.PolicyTypeEgress)
}

// Ingress decides whether a peer may call the pod; the peer's port is the pod's.
func Ingress(policies []networkingv1.NetworkPolicy, pod *corev1.Pod, peer Peer) error {
	return decide(policies, pod, peer, networkingv1.PolicyTypeIngress)
}

func decide(policies []networkingv1.NetworkPolicy, pod *corev1.Pod, peer Peer, direction networkingv1.PolicyType) error {
	denied := &Denied{Pod: pod.Namespace + "/" + pod.Name, Ingress: direction == networkingv1.PolicyTypeIngress, Peer: peer}
	for _, p := range policies {
		name := p.Namespace + "/" + p.Name
		selected, err := selects(p.Spec.PodSelector, pod.Labels)
		if err != nil {
			return fmt.Errorf("network policy %s: %w", name, err)
		}
		if p.Namespace != pod.Namespace || !selected || !slices.Contains(types(p.Spec), direction) {
			continue
		}
		if pod.Spec.HostNetwork {
			return fmt.Errorf("network policy %s: selects pod %s of the host's network: Kubernetes leaves open what that means", name, denied.Pod)
		}
		denied.Policies = append(denied.Policies, name)
		for _, r := range rules(p.Spec, direction) {
			allowed, err := r.allows(p.Namespace, peer)
			if err != nil {
				return fmt.Errorf("network policy %s: %w", name, err)
			}
			if allowed {
				return nil
			}
		}
	}
	if denied.Policies == nil {
		return nil
	}
	return denied
}

// types are the directions that a policy is for. Without policyTypes that is
// ingress, and egress where it has rules for it.
func types(spec networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	switch {
	case len(spec.PolicyTypes) > 0:
		return spec.PolicyTypes
	case len(spec.Egress) > 0:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	default:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	}
}

// rule is one of ingress or egress.
type rule struct {
	ports []networkingv1.NetworkPolicyPort
	peers []networkingv1.NetworkPolicyPeer
}

func rules(spec networkingv1.NetworkPolicySpec, direction networkingv1.PolicyType) []rule {
	var all []rule
	if direction == networkingv1.PolicyTypeEgress {
		for _, r := range spec.Egress {
			all = append(all, rule{r.Ports, r.To})
		}
		return all
	}
	for _, r := range spec.Ingress {
		all = append(all, rule{r.Ports, r.From})
	}
	return all
}

// allows wants one of the ports and one of the peers; a rule without ports is
// for all ports, one without peers for all peers.
func (r rule) allows(namespace string, peer Peer) (bool, error) {
	port, err := anyOf(r.ports, func(p networkingv1.NetworkPolicyPort) (bool, error) { return matchesPort(p, peer) })
	if err != nil {
		return false, err
	}
	end, err := anyOf(r.peers, func(p networkingv1.NetworkPolicyPeer) (bool, error) { return matchesPeer(p, namespace, peer) })
	return port && end, err
}

func anyOf[T any](all []T, matches func(T) (bool, error)) (bool, error) {
	found := len(all) == 0
	for _, one := range all {
		matched, err := matches(one)
		if err != nil {
			return false, err
		}
		found = found || matched
	}
	return found, nil
}

// matchesPort: without a protocol a port is TCP's, without a port it is every
// port of the protocol, and endPort makes it a range.
func matchesPort(p networkingv1.NetworkPolicyPort, peer Peer) (bool, error) {
	if p.Port != nil && p.Port.Type == intstr.String {
		return false, fmt.Errorf("port %q: want a number: the sandbox models no named ports", p.Port.StrVal)
	}
	if ptr.Deref(p.Protocol, corev1.ProtocolTCP) != peer.Protocol {
		return false, nil
	}
	if p.Port == nil {
		return true, nil
	}
	called := int32(peer.Port)
	return p.Port.IntVal <= called && called <= ptr.Deref(p.EndPort, p.Port.IntVal), nil
}

// matchesPeer: a podSelector alone is for pods of the policy's namespace, with a
// namespaceSelector for those of the namespaces that it selects.
func matchesPeer(p networkingv1.NetworkPolicyPeer, namespace string, peer Peer) (bool, error) {
	if p.IPBlock != nil {
		inside, err := contains([]string{p.IPBlock.CIDR}, peer.Address)
		if err != nil {
			return false, err
		}
		excepted, err := contains(p.IPBlock.Except, peer.Address)
		return inside && !excepted && !peer.Unblocked, err
	}
	pod, err := selects(ptr.Deref(p.PodSelector, metav1.LabelSelector{}), peer.Labels)
	if err != nil {
		return false, err
	}
	of := peer.Namespace == namespace
	if p.NamespaceSelector != nil {
		if of, err = selects(*p.NamespaceSelector, peer.NamespaceLabels); err != nil {
			return false, err
		}
	}
	return peer.Namespace != "" && pod && of, nil
}

func contains(blocks []string, address netip.Addr) (bool, error) {
	for _, text := range blocks {
		block, err := netip.ParsePrefix(text)
		if err != nil {
			return false, fmt.Errorf("ipBlock %q: want a CIDR", text)
		}
		if block.Contains(address) {
			return true, nil
		}
	}
	return false, nil
}

func selects(selector metav1.LabelSelector, of labels.Set) (bool, error) {
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return false, err
	}
	return parsed.Matches(of), nil
}
