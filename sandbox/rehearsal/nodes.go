package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"waybill.example/waybill/sandbox/world"
)

// nodes is a chain in which the cluster's nodes on GKE pull as their own service
// account: every pod of a node may pull, and no refresher runs.
type nodes struct {
	*chain
	// account is the email of the service account of the cluster's nodes; requestedAccount
	// and requestedProject are what the access request says.
	account, requestedAccount, requestedProject string
}

func (n *nodes) find(ctx context.Context, _ document) error {
	project := ""
	for _, p := range n.World.GCP.Projects {
		for _, cluster := range p.GKEClusters {
			if cluster.Context == n.cluster.Context() {
				n.account, project = cluster.NodeServiceAccount, p.ID
			}
		}
	}
	switch {
	case n.account != "" && (n.requestedAccount != n.account || n.requestedProject != project):
		return fmt.Errorf("rehearsal: the output accessRequest is for %s of project %s: want the nodes' service account, %s of project %s",
			n.requestedAccount, n.requestedProject, n.account, project)
	case n.account == "":
		return fmt.Errorf("rehearsal: no GKE cluster of the world has the context %s (gcp.projects[].gkeClusters)", n.cluster.Context())
	}
	return n.findNodePulled(ctx)
}

func (c *chain) gkeClusters() []world.GKECluster {
	var all []world.GKECluster
	for _, project := range c.World.GCP.Projects {
		all = append(all, project.GKEClusters...)
	}
	return all
}

// walk lets the kubelet pull.
func (n *nodes) walk(ctx context.Context, report func(Hop)) error {
	since := n.Record.mark()
	hop, err := n.pull(ctx, nil)
	if err != nil {
		return err
	}
	report(n.pulledBy(hop, since, func(a answer) bool {
		principal, err := n.Google.Tokens.Open(a.shown)
		return err == nil && principal.Email == n.account
	}))
	return nil
}

func (n *nodes) attempt(ctx context.Context) error { return n.pullAs(ctx, n.account, "", "") }

// intrusions are none: the vendor tells nodes apart by their service accounts,
// and each of them may read the one repository.
func (n *nodes) intrusions(way) []testCase { return nil }

// cases bring somebody else than the node, or ask for something else.
func (n *nodes) cases() ([]testCase, error) {
	other, err := n.anotherAccount()
	if err != nil {
		return nil, err
	}
	image, err := n.neighboursImage()
	if err != nil {
		return nil, err
	}
	as := func(account, image, do string) func(context.Context) error {
		return func(ctx context.Context) error { return n.pullAs(ctx, account, image, do) }
	}
	return append([]testCase{
		{"another service account", hopRegistry, registryRead, as(other, "", "")},
		{"no reader role", hopRegistry, registryRead, func(ctx context.Context) error {
			return n.withoutReader(ctx, n.account, func() error { return n.pullAs(ctx, n.account, "", "") })
		}},
		{"another customer's repository", hopRegistry, registryRead, as(n.account, image, "")},
		{"a push", hopRegistry, registryPush, as(n.account, "", doPush)},
		{"a deletion", hopRegistry, registryDelete, as(n.account, "", doDelete)},
	}, append(n.readerCases(), n.productCases()...)...), nil
}

// anotherAccount is a service account of the world that may not read.
func (n *nodes) anotherAccount() (string, error) {
	for _, project := range n.World.GCP.Projects {
		for _, account := range project.ServiceAccounts {
			email := account.Email(project.ID)
			pulls := slices.ContainsFunc(n.gkeClusters(), func(c world.GKECluster) bool { return c.NodeServiceAccount == email })
			if !pulls && account.ID != project.Pusher {
				return email, nil
			}
		}
	}
	return "", errors.New("rehearsal: the world needs another service account (gcp.projects[].serviceAccounts) than those that may read")
}
