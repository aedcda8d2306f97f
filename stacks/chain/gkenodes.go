package chain

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// gkeNodes is the chain of a customer on GKE where the vendor accepts that every pod
// of a node may pull:
//
//	node's service account → Artifact Registry → the product's pods
type gkeNodes struct{}

func (gkeNodes) reads() reads {
	return reads{
		customer:   onClusters.And(imagesByPath).And(config.Reads{Needs: []string{"gke.project", "gke.nodeServiceAccounts"}, Uses: []string{"gke..."}}),
		vendor:     grantsOnGoogle,
		ofVendor:   vendorOnGoogle,
		ofCustomer: config.Reads{Needs: []string{"gke.project"}, Uses: []string{"environments.*"}},
	}
}

func (gkeNodes) check(s *config.Settings, problems *config.Problems) {
	for i, email := range s.GKE.NodeServiceAccounts {
		if s.GKE.Project != "" && !strings.HasSuffix(email, "@"+accountDomain(s.GKE.Project)) {
			problems.Add(fmt.Sprintf("gke.nodeServiceAccounts[%d]", i), "%q: want one of gke.project, %q", email, s.GKE.Project)
		}
	}
	oneEnvironment(s, "gke", problems)
}

// oneEnvironment refuses several environments where nodes pull: every one of them
// could read for all.
func oneEnvironment(s *config.Settings, key string, problems *config.Problems) {
	if len(s.Environments) > 1 {
		problems.Add(key, "and several environments: want a stack for each environment whose nodes pull")
	}
}

func (gkeNodes) rules(s *config.Settings) exchange.Rules {
	return exchange.Rules{
		Request: "nodes", Grant: "nodes", Early: true,
		CheckRequest: func(r *exchange.AccessRequest, d *exchange.Delivery) {
			d.Anchored("project", r.Project, "gke.project", s.GKE.Project)
			for i, e := range r.Environments {
				for j, email := range e.NodeServiceAccounts {
					if !strings.HasSuffix(email, "@"+accountDomain(s.GKE.Project)) {
						d.Disagrees(fmt.Sprintf("environments[%d].nodeServiceAccounts[%d]", i, j), email, "gke.project", s.GKE.Project)
					}
				}
			}
		},
		CheckGrant: checkGoogleGrant(s),
	}
}

func (gkeNodes) early(*config.Settings) error { return nil }

func (gkeNodes) describe(s *config.Settings, r *exchange.AccessRequest) { r.Project = s.GKE.Project }

func (gkeNodes) customer(s *config.Settings, _ *exchange.AccessGrant, _ exchange.Outputs) customer {
	return newClusters(s, configuredIssuers{}, nodePull{nodes: puller{nodes: s.GKE.NodeServiceAccounts}, path: googleImage})
}

func (gkeNodes) vendor(s *config.Settings) vendor { return &artifactRegistry{s: s} }

// nodePull is how nodes pull by themselves, for every pod on them: nothing is
// registered for it on the customer's side.
type nodePull struct {
	nodes puller
	path  func(g *grant, w config.Component) pulumi.StringInput
}

func (nodePull) check(*config.Problems) {}

func (nodePull) validate(*config.Environment, *config.Problems) {}

func (p nodePull) puller(*config.Environment) puller { return p.nodes }

func (p nodePull) identify(*pulumi.Context, *config.Environment) (puller, error) { return p.nodes, nil }

func (nodePull) source(*config.Environment, puller, *grant) kubernetes.TokenSource { return nil }

func (p nodePull) image(g *grant, w config.Component) pulumi.StringInput { return p.path(g, w) }
