package kubernetes

import (
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	networkingv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/networking/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The metadata services that hand out the node's identity.
const (
	metadataV4 = "169.254.169.254/32"
	metadataV6 = "fd00:ec2::254/128"
)

// newRefresherPolicy lets nothing reach the refresher, and the refresher reach
// DNS and TLS anywhere but the node's metadata service, at 443 and at 6443, the
// port of API servers that no cloud manages: policies see it and not that of
// their Service. A policy cannot name hosts, so that is as close as it gets
// (docs/facts.md §8).
func newRefresherPolicy(b *pullSecretBuilder) (pulumi.Resource, error) {
	ports := b.args.EgressPorts
	if len(ports) == 0 {
		ports = []int{443, 6443}
	}
	tls := networkingv1.NetworkPolicyPortArray{}
	for _, number := range ports {
		tls = append(tls, port("TCP", number))
	}
	egress := networkingv1.NetworkPolicyEgressRuleArray{
		&networkingv1.NetworkPolicyEgressRuleArgs{
			Ports: networkingv1.NetworkPolicyPortArray{port("UDP", 53), port("TCP", 53)},
		},
		&networkingv1.NetworkPolicyEgressRuleArgs{
			Ports: tls,
			To: networkingv1.NetworkPolicyPeerArray{
				everywhereBut("0.0.0.0/0", metadataV4),
				everywhereBut("::/0", metadataV6),
			},
		},
	}
	for _, also := range b.args.Source.egress() {
		egress = append(egress, &networkingv1.NetworkPolicyEgressRuleArgs{
			Ports: networkingv1.NetworkPolicyPortArray{port("TCP", also.port)},
			To: networkingv1.NetworkPolicyPeerArray{&networkingv1.NetworkPolicyPeerArgs{
				IpBlock: &networkingv1.IPBlockArgs{Cidr: pulumi.String(also.block)},
			}},
		})
	}
	return networkingv1.NewNetworkPolicy(b.ctx, b.children.Name(childEgress), &networkingv1.NetworkPolicyArgs{
		Metadata: b.metadata(b.args.serviceAccountName()),
		Spec: &networkingv1.NetworkPolicySpecArgs{
			PodSelector: &metav1.LabelSelectorArgs{MatchLabels: pulumi.ToStringMap(b.owner.Selector(refresherComponent))},
			PolicyTypes: pulumi.ToStringArray([]string{"Ingress", "Egress"}),
			Egress:      egress,
		},
	}, b.children.Options(childEgress)...)
}

func port(protocol string, number int) *networkingv1.NetworkPolicyPortArgs {
	return &networkingv1.NetworkPolicyPortArgs{Protocol: pulumi.String(protocol), Port: pulumi.Int(number)}
}

func everywhereBut(block, except string) *networkingv1.NetworkPolicyPeerArgs {
	return &networkingv1.NetworkPolicyPeerArgs{IpBlock: &networkingv1.IPBlockArgs{
		Cidr: pulumi.String(block), Except: pulumi.ToStringArray([]string{except}),
	}}
}
