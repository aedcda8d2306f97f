package kubernetes

import (
	"slices"

	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	networkingv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/networking/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The metadata services that hand out the node's identity, and Azure's WireServer, which
// hands out its settings, over HTTP at port 80, the latter at 32526 too
// (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
const (
	metadataV4 = "169.254.169.254/32"
	metadataV6 = "fd00:ec2::254/128"
	wireServer = "168.63.129.16/32"
)

var metadataPorts = []int{80, 32526}

// dnsPorts are the usual one and OpenShift's: networks look at the port of the
// pods that answer, not at that of their Service (docs/facts.md §8).
var dnsPorts = []int{53, 5353}

// egressPorts are the TCP ports that the refresher may reach besides DNS: 443,
// and 6443 of API servers that no cloud manages, whose own port networks see and
// not that of their Service; or those that were given. The proxy's is always
// among them.
func (args *PullSecretArgs) egressPorts() []int {
	ports := slices.Clone(args.EgressPorts)
	if len(ports) == 0 {
		ports = []int{443, 6443}
	}
	if proxy := args.Proxy.port(); proxy != 0 && !slices.Contains(ports, proxy) {
		ports = append(ports, proxy)
	}
	return ports
}

// newRefresherPolicy lets nothing reach the refresher, and the refresher reach DNS
// and the ports of TLS. A policy cannot name hosts, and no rule but one without
// addresses lets a pod reach an API server on a node in every network: Cilium's
// ipBlock matches no node (https://github.com/cilium/cilium/issues/20550). The
// metadata services stay out of reach, since they answer at other ports; where one
// of these is asked for, their addresses are left out. No policy where the
// arguments leave it out.
func newRefresherPolicy(b *pullSecretBuilder) ([]pulumi.Resource, error) {
	if b.args.NoNetworkPolicy {
		return nil, nil
	}
	var dns, tls networkingv1.NetworkPolicyPortArray
	for _, number := range dnsPorts {
		dns = append(dns, port("UDP", number), port("TCP", number))
	}
	egress := networkingv1.NetworkPolicyEgressRuleArray{&networkingv1.NetworkPolicyEgressRuleArgs{Ports: dns}}
	for _, number := range b.args.egressPorts() {
		if !slices.Contains(metadataPorts, number) {
			tls = append(tls, port("TCP", number))
			continue
		}
		egress = append(egress, &networkingv1.NetworkPolicyEgressRuleArgs{
			Ports: networkingv1.NetworkPolicyPortArray{port("TCP", number)},
			To: networkingv1.NetworkPolicyPeerArray{
				everywhereBut("0.0.0.0/0", metadataV4, wireServer),
				everywhereBut("::/0", metadataV6),
			},
		})
	}
	if len(tls) > 0 {
		egress = append(egress, &networkingv1.NetworkPolicyEgressRuleArgs{Ports: tls})
	}
	for _, also := range b.args.Source.egress() {
		egress = append(egress, &networkingv1.NetworkPolicyEgressRuleArgs{
			Ports: networkingv1.NetworkPolicyPortArray{port("TCP", also.port)},
			To: networkingv1.NetworkPolicyPeerArray{&networkingv1.NetworkPolicyPeerArgs{
				IpBlock: &networkingv1.IPBlockArgs{Cidr: pulumi.String(also.block)},
			}},
		})
	}
	policy, err := networkingv1.NewNetworkPolicy(b.ctx, b.children.Name(childEgress), &networkingv1.NetworkPolicyArgs{
		Metadata: b.metadata(b.args.serviceAccountName()),
		Spec: &networkingv1.NetworkPolicySpecArgs{
			PodSelector: &metav1.LabelSelectorArgs{MatchLabels: pulumi.ToStringMap(b.owner.Selector(refresherComponent))},
			PolicyTypes: pulumi.ToStringArray([]string{"Ingress", "Egress"}),
			Egress:      egress,
		},
	}, b.children.Options(childEgress)...)
	return []pulumi.Resource{policy}, err
}

func port(protocol string, number int) *networkingv1.NetworkPolicyPortArgs {
	return &networkingv1.NetworkPolicyPortArgs{Protocol: pulumi.String(protocol), Port: pulumi.Int(number)}
}

func everywhereBut(block string, except ...string) *networkingv1.NetworkPolicyPeerArgs {
	return &networkingv1.NetworkPolicyPeerArgs{IpBlock: &networkingv1.IPBlockArgs{
		Cidr: pulumi.String(block), Except: pulumi.ToStringArray(except),
	}}
}
