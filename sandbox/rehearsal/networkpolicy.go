package rehearsal

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/network/policy"
)

// metadataServices give every process of a node the node's identity, over HTTP at
// port 80: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
// (fd00:ec2::254 is EC2's alone), https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service,
// https://cloud.google.com/compute/docs/metadata/querying-metadata (its HTTPS
// endpoint wants a certificate that pods do not have). Azure's WireServer gives a node its
// settings, with their secrets:
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
var metadataServices = []destination{
	{"the metadata service", "169.254.169.254:80"}, {"the metadata service", "[fd00:ec2::254]:80"}, {"Azure's WireServer", "168.63.129.16:80"},
	{"Azure's WireServer", "168.63.129.16:32526"},
}

// needless are a node's own services, which no refresher needs
// (https://kubernetes.io/docs/reference/networking/ports-and-protocols/).
var needless = []destination{{"a kubelet", "10.0.0.4:10250"}, {"etcd", "10.0.0.4:2379"}, {"a node's SSH", "10.0.0.4:22"}}

// withoutTLS is any public host at port 80.
var withoutTLS = destination{"a host without TLS", "203.0.113.80:80"}

// destination is a name with an address and a port.
type destination struct{ name, address string }

// networkCases try what the deployed network policies must not let the
// refresher's pod do, nor others to it.
func (c *chain) networkCases() []testCase {
	denied := regexp.MustCompile(`^network policy .* allows nothing `)
	return []testCase{
		{"the refresher's pod at the metadata address", hopKubernetes, denied, func(ctx context.Context) error {
			return c.at(ctx, metadataServices)
		}},
		{"the refresher's pod at a port that it does not need", hopKubernetes, denied, func(ctx context.Context) error {
			if c.ofWorld().Network.PlainHTTP { // which it needs
				if err := c.at(ctx, []destination{withoutTLS}); isRefused(err) {
					return allowed("it does not reach " + withoutTLS.name + ", which it needs (kubernetes.clusters[].network.plainHttp)")
				} else if !isAllowed(err) {
					return err
				}
				return c.at(ctx, needless)
			}
			return c.at(ctx, append(slices.Clone(needless), withoutTLS))
		}},
		{"another pod at the refresher's pod", hopKubernetes, denied, func(ctx context.Context) error {
			pod := c.refresherPod()
			return deniedOr(c.network().Neighbour(ctx, pod, c.deployment.Spec.Template.Labels, 443), pod, "let the product's pods reach it")
		}},
	}
}

// at is refused only where every destination is.
func (c *chain) at(ctx context.Context, all []destination) (err error) {
	network, pod := c.network(), c.refresherPod()
	for _, to := range all {
		err = deniedOr(network.Address(ctx, pod, to.name, netip.MustParseAddrPort(to.address)), pod, "let it reach "+to.name+" at "+to.address)
		if !isRefused(err) {
			return err
		}
	}
	return err
}

// deniedOr takes a denial of the policies for a refusal, and says what they let
// the pod do, or others do to it, where they deny nothing.
func deniedOr(err error, pod *corev1.Pod, does string) error {
	var denied *policy.Denied
	switch {
	case errors.As(err, &denied):
		return &refused{hopKubernetes, denied.Error()}
	case err == nil:
		return allowed("the network policies of pod " + pod.Namespace + "/" + pod.Name + " " + does)
	}
	return err
}

// network is that of the chain's cluster.
func (c *chain) network() *policy.Cluster {
	return policy.ForCluster(c.cluster.admin, c.ofWorld().Network, func(string) {})
}

// refresherPod is a pod as the refresher's Jobs make them.
func (c *chain) refresherPod() *corev1.Pod {
	return podOfTemplate(c.namespace, c.cronJob.Name, c.cronJob.Spec.JobTemplate.Spec.Template)
}
