package chain

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// eksPodIdentity is the chain of a customer on EKS whose refresher becomes a role by
// EKS Pod Identity:
//
//	refresher's ServiceAccount token → the node's agent → IAM role
//	    → vendor's ECR → pull secret → the product's pods
type eksPodIdentity struct{ onAmazon }

func (eksPodIdentity) reads() reads {
	return amazonReads(onClusters.And(withRefresher).And(onEKS).And(config.Reads{Uses: []string{"eks.ipFamily"}}))
}

func (eksPodIdentity) customer(s *config.Settings, granted *exchange.AccessGrant, _ exchange.Outputs) customer {
	cloud := newEKS(s, podIdentity{ipv6: s.EKS.IPFamily == "ipv6"}, true)
	return newClusters(s, cloud, &rolePull{s: s, eks: cloud, granted: granted})
}

// podIdentity is the trust in EKS, which vouches for a cluster's pods.
type podIdentity struct {
	// ipv6 is the cluster's IP family.
	ipv6 bool
}

// trust names the cluster. Its ARN is empty for a Region that no partition knows,
// which the component refuses.
func (podIdentity) trust(s *config.Settings, e *config.Environment, _ string) aws.Trust {
	site := s.AWS.Customer
	partition, err := aws.PartitionOf(site.Region)
	if err != nil {
		return aws.PodIdentity{}
	}
	return aws.PodIdentity{ClusterARN: fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", partition.Name, site.Region, site.Account, e.Cluster.Name)}
}

func (podIdentity) needsIssuer() bool { return false }

func (podIdentity) annotation(pulumi.StringInput) kubernetes.Identity { return nil }

func (t podIdentity) source(role kubernetes.ECRRole) kubernetes.TokenSource {
	return kubernetes.PodIdentitySource{ECRRole: role, IPv6: t.ipv6}
}
