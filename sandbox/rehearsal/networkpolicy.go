package rehearsal

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/network/policy"
	"waybill.example/waybill/sandbox/world"
)

// metadataServices give every process of a node the node's identity, over HTTP at
// port 80: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
// (fd00:ec2::254 is EC2's alone), https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service,
// https://cloud.google.com/compute/docs/metadata/querying-metadata (its HTTPS
// endpoint wants a certificate that pods do not have).
var metadataServices = []string{"169.254.169.254:80", "[fd00:ec2::254]:80"}

// networkCases try what the deployed network policies must not let the
// refresher's pod do, nor others to it.
func (c *chain) networkCases() []testCase {
	denied := regexp.MustCompile(`^network policy .* allows nothing `)
	return []testCase{
		{"the refresher's pod at the metadata address", hopKubernetes, denied, c.atMetadata},
		{"another pod at the refresher's pod", hopKubernetes, denied, func(ctx context.Context) error {
			network, pod := c.refreshersNetwork()
			return deniedOr(network.Neighbour(ctx, pod, c.deployment.Spec.Template.Labels, 443), pod, "let the product's pods reach it")
		}},
	}
}

// atMetadata is refused only where every address is.
func (c *chain) atMetadata(ctx context.Context) (err error) {
	network, pod := c.refreshersNetwork()
	for _, address := range metadataServices {
		to := netip.MustParseAddrPort(address)
		err = deniedOr(network.Address(ctx, pod, "the metadata service", to), pod, "let it reach the metadata service at "+address)
		var by *refused
		if !errors.As(err, &by) {
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

// refreshersNetwork is that of its cluster, and a pod as its Jobs make them.
func (c *chain) refreshersNetwork() (*policy.Cluster, *corev1.Pod) {
	of := c.World.Kubernetes.Clusters
	i := slices.IndexFunc(of, func(w world.Cluster) bool { return w.Context == c.cluster.Context() })
	template := c.cronJob.Spec.JobTemplate.Spec.Template
	return policy.ForCluster(c.cluster.admin, of[i].Network, func(string) {}), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: c.cronJob.Name, Labels: template.Labels}, Spec: template.Spec,
	}
}
