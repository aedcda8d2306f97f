package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/awsapis"
	"waybill.example/waybill/sandbox/awsapis/podidentity"
	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/rehearsal"
)

// hasAWS says whether the world has AWS accounts. Without one nothing of AWS is
// opened, served or answered for.
func (s *Sandbox) hasAWS() bool { return len(s.world.AWS.Accounts) > 0 }

// openAWS opens what the accounts hold.
func (s *Sandbox) openAWS() (err error) {
	if s.hasAWS() {
		s.AWS, err = aws.Open(s.state.Path("aws"), s.world.AWS, time.Now, settling)
	}
	return err
}

// answerForAWS opens the endpoints of AWS and the agents that call them, and
// gives them their hosts on the network.
func (s *Sandbox) answerForAWS(ctx context.Context) error {
	if !s.hasAWS() {
		return nil
	}
	dir, err := s.state.Sub("aws")
	if err != nil {
		return err
	}
	if s.AWSAPIs, err = awsapis.New(awsapis.Config{
		Cloud: s.AWS, Accounts: s.world.AWS.Accounts, Dir: dir, Client: s.Network.Client(), Now: time.Now, ReachesAgent: s.reachesAgent,
	}); err != nil {
		return err
	}
	s.handle(s.AWSAPIs.Handler)
	return s.listenForPods(ctx)
}

// listenForPods opens the Pod Identity agent's address where a cluster has the
// add-on. Without the privilege the sandbox goes on: only pods that ask for an
// identity meet nobody there.
func (s *Sandbox) listenForPods(ctx context.Context) error {
	if !s.AWSAPIs.PodIdentity.Needed() {
		return nil
	}
	listener, err := s.AWSAPIs.PodIdentity.Listen(context.WithoutCancel(ctx))
	if errors.Is(err, podidentity.ErrPrivilege) {
		s.options.Progress(err.Error())
		return nil
	}
	s.podIdentity = listener
	return err
}

// reachesAgent says whether the network policies of a pod, on the cluster of an
// issuer, let it reach the Pod Identity agent on its node. EKS judges that as any
// other connection:
// https://aws-samples.github.io/sample-eks-nitro-sandbox/confidential/encrypted-image/deploy/egress-policy.yaml
func (s *Sandbox) reachesAgent(ctx context.Context, issuer, namespace, pod string) error {
	i := slices.IndexFunc(s.Clusters, func(c *controlplane.Cluster) bool { return c.Issuer() == issuer })
	if i < 0 {
		return fmt.Errorf("the world has no cluster (kubernetes.clusters) of issuer %s", issuer)
	}
	return s.policies[i].Agent(ctx, namespace, pod, netip.AddrPortFrom(netip.MustParseAddr(podidentity.Address), 80))
}

// amazon is AWS for the rehearsal; nil where the world has none.
func (s *Sandbox) amazon() *rehearsal.Amazon {
	if !s.hasAWS() {
		return nil
	}
	return &rehearsal.Amazon{Cloud: s.AWS, STS: s.AWSAPIs.STS, Tasks: s.AWSAPIs.ECS}
}
