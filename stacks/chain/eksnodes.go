package chain

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// eksNodes is the chain of a customer on EKS where the vendor accepts that every pod
// of a node may pull:
//
//	node's role → vendor's ECR → the product's pods
type eksNodes struct{ onAmazon }

func (eksNodes) reads() reads {
	return amazonReads(onClusters.And(onEKS).And(byIRSA).And(config.Reads{Needs: []string{"eks.nodeRoles"}, Uses: []string{"eks.nodeRoles..."}}))
}

func (eksNodes) check(s *config.Settings, problems *config.Problems) {
	oneEnvironment(s, "eks.pull", problems)
	for i, role := range s.EKS.NodeRoles {
		if accountOf(role) != s.AWS.Customer.Account {
			problems.Add(fmt.Sprintf("eks.nodeRoles[%d]", i), "%q: want one of aws.customer.account, %q", role, s.AWS.Customer.Account)
		}
	}
}

func (eksNodes) customer(s *config.Settings, _ *exchange.AccessGrant, _ exchange.Outputs) customer {
	var mode roleTrust = irsa{}
	if s.EKS.Trust == "podIdentity" {
		mode = podIdentity{}
	}
	return newClusters(s, newEKS(s, mode), nodePull{
		nodes: puller{roles: s.EKS.NodeRoles},
		path:  func(g *grant, _ config.Component) pulumi.StringInput { return g.repository },
	})
}
