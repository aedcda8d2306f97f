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
		ofCustomer: config.Reads{Needs: []string{"gke.project"}, Uses: []string{"gke.projectNumber", "environments.*"}},
	}
}

func (gkeNodes) check(s *config.Settings, problems *config.Problems) {
	for i, email := range s.GKE.NodeServiceAccounts {
		at := fmt.Sprintf("gke.nodeServiceAccounts[%d]", i)
		switch key, anchor := nodeAnchor(s, email); {
		case anchored(s, email), anchor == "" && key == "gke.project": // that it is missing is said
		case anchor == "":
			problems.Add(at, "%q: is named by the project's number: want %s beside it, the number from an authenticated channel", email, key)
		default:
			problems.Add(at, "%q: want one of %s, %q", email, key, anchor)
		}
	}
	oneEnvironment(s, "gke", problems)
}

// defaultAccount ends the email of Compute Engine's default service account, which
// the project's number begins.
const defaultAccount = "-compute@developer.gserviceaccount.com"

// nodeAnchor is what a node's service account must be of: the project by its ID, or
// for the default account by its number.
func nodeAnchor(s *config.Settings, email string) (key, anchor string) {
	if strings.HasSuffix(email, defaultAccount) {
		return "gke.projectNumber", s.GKE.ProjectNumber
	}
	return "gke.project", s.GKE.Project
}

// anchored says whether a node's service account is of the configured project.
func anchored(s *config.Settings, email string) bool {
	if number, is := strings.CutSuffix(email, defaultAccount); is {
		return number == s.GKE.ProjectNumber
	}
	return strings.HasSuffix(email, "@"+accountDomain(s.GKE.Project))
}

// oneEnvironment refuses several environments where nodes pull: every one of them
// could read for all.
func oneEnvironment(s *config.Settings, key string, problems *config.Problems) {
	if len(s.Environments) > 1 {
		problems.Add(key, "and several environments: want a stack with a slug of its own for each environment whose nodes pull")
	}
}

func (gkeNodes) rules(s *config.Settings) exchange.Rules {
	return exchange.Rules{
		Request: "nodes", Grant: "nodes", Early: true,
		CheckRequest: func(r *exchange.AccessRequest, d *exchange.Delivery) {
			d.Anchored("project", r.Project, "gke.project", s.GKE.Project)
			for i, e := range r.Environments {
				for j, email := range e.NodeServiceAccounts {
					at := fmt.Sprintf("environments[%d].nodeServiceAccounts[%d]", i, j)
					switch key, anchor := nodeAnchor(s, email); {
					case anchored(s, email):
					case anchor == "":
						d.Add("%s %q: is named by the project's number: want %s in the configuration, its trust anchor", at, email, key)
					default:
						d.Disagrees(at, email, key, anchor)
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
