package policy

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox/world"
)

// public is the address of every host of the sandbox: one of those for
// documentation, so that no policy can name it by chance (RFC 5737).
var public = netip.MustParseAddr("203.0.113.80")

// proxy is the address of a customer's proxy, outside the cluster.
const proxy = "10.0.0.30"

// Cluster is a cluster's network. It looks at the policies anew each time.
type Cluster struct {
	client   kubernetes.Interface
	kind     string // of the network
	api, dns netip.AddrPort
	proxy    Peer // without a name where there is none
	report   func(message string)
	said     sync.Map // messages that were reported
}

// ForCluster makes the network of the cluster that client reaches as its
// administrator; network is one that [world.Load] checked. report is told each
// denial once for each pod and destination, from several goroutines.
func ForCluster(client kubernetes.Interface, network world.Network, report func(message string)) *Cluster {
	network = network.WithDefaults()
	c := &Cluster{
		client: client, kind: network.Kind, report: report,
		api: netip.MustParseAddrPort(network.APIServer), dns: netip.MustParseAddrPort(network.DNS),
	}
	if network.Proxy != nil {
		host, port := network.Proxy.HostPort()
		at := netip.MustParseAddrPort(proxy + ":" + port)
		c.proxy = Peer{Name: host, Address: at.Addr(), Port: at.Port(), Protocol: corev1.ProtocolTCP}
	}
	return c
}

// APIServer says whether a pod may reach the API server.
func (c *Cluster) APIServer(ctx context.Context, pod *corev1.Pod) error {
	return c.egress(ctx, pod, Peer{
		Name: "the API server", Address: c.api.Addr(), Port: c.api.Port(), Protocol: corev1.ProtocolTCP,
		Unblocked: c.kind == world.Cilium,
	})
}

// Host says whether a pod may reach port 443 of a public host.
func (c *Cluster) Host(ctx context.Context, pod *corev1.Pod, host string) error {
	return c.named(ctx, pod, Peer{Name: host, Address: public, Port: 443, Protocol: corev1.ProtocolTCP})
}

// Proxy says whether a pod may reach the cluster's proxy.
func (c *Cluster) Proxy(ctx context.Context, pod *corev1.Pod) error {
	return c.named(ctx, pod, c.proxy)
}

// named has to resolve the peer's name first, over UDP, and over TCP where the
// answer is long (RFC 7766).
func (c *Cluster) named(ctx context.Context, pod *corev1.Pod, to Peer) error {
	dns := Peer{
		Name: "DNS", Address: c.dns.Addr(), Port: c.dns.Port(),
		Namespace: "kube-system", Labels: labels.Set{"k8s-app": "kube-dns"}, Unblocked: c.kind == world.Cilium,
	}
	if c.kind == world.OpenShift {
		dns.Namespace, dns.Labels = "openshift-dns", labels.Set{"dns.operator.openshift.io/daemonset-dns": "default"}
	}
	dns.NamespaceLabels = labels.Set{corev1.LabelMetadataName: dns.Namespace}
	for _, dns.Protocol = range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		if err := c.egress(ctx, pod, dns); err != nil {
			return fmt.Errorf("%s cannot be resolved: %w", to.Name, err)
		}
	}
	return c.egress(ctx, pod, to)
}

// Address says whether a pod may reach an address outside the cluster over TCP.
func (c *Cluster) Address(ctx context.Context, pod *corev1.Pod, name string, to netip.AddrPort) error {
	return c.egress(ctx, pod, Peer{Name: name, Address: to.Addr(), Port: to.Port(), Protocol: corev1.ProtocolTCP})
}

// Agent says whether the pod of a name may reach the EKS Pod Identity agent, which
// listens on the node: Cilium matches no ipBlock against it
// (https://github.com/cilium/cilium/issues/34387).
func (c *Cluster) Agent(ctx context.Context, namespace, pod string, to netip.AddrPort) error {
	found, err := c.client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return c.egress(ctx, found, Peer{
		Name: "the Pod Identity agent", Address: to.Addr(), Port: to.Port(), Protocol: corev1.ProtocolTCP,
		Unblocked: c.kind == world.Cilium,
	})
}

// Neighbour says whether another pod of the namespace may reach a pod's port
// over TCP.
func (c *Cluster) Neighbour(ctx context.Context, pod *corev1.Pod, neighbour labels.Set, port uint16) error {
	policies, err := c.policies(ctx, pod)
	if err != nil {
		return err
	}
	return Ingress(policies, pod, Peer{
		Name: "a pod", Address: netip.MustParseAddr("10.244.0.99"), Port: port, Protocol: corev1.ProtocolTCP,
		Namespace: pod.Namespace, Labels: neighbour, NamespaceLabels: labels.Set{corev1.LabelMetadataName: pod.Namespace},
		Unblocked: c.kind == world.Cilium,
	})
}

func (c *Cluster) egress(ctx context.Context, pod *corev1.Pod, to Peer) error {
	policies, err := c.policies(ctx, pod)
	if err != nil {
		return err
	}
	if err = Egress(policies, pod, to); err != nil {
		if _, before := c.said.LoadOrStore(err.Error(), true); !before {
			c.report(err.Error())
		}
	}
	return err
}

func (c *Cluster) policies(ctx context.Context, pod *corev1.Pod) ([]networkingv1.NetworkPolicy, error) {
	found, err := c.client.NetworkingV1().NetworkPolicies(pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("network policies of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return found.Items, nil
}
