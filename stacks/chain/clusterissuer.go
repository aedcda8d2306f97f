package chain

import (
	"cmp"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// clusterIssuer is the chain of a cluster whose own issuer the vendor's Google side
// trusts, on AKS or on any other Kubernetes:
//
//	refresher's ServiceAccount token → GCP workload identity pool
//	    → service account → Artifact Registry → pull secret → the product's pods
type clusterIssuer struct{ onAKS bool }

func (c clusterIssuer) reads() reads {
	r := reads{
		customer: onClusters.And(imagesByPath).And(withRefresher),
		vendor:   grantsOnGoogle.And(grantsToWorkloads).And(config.Reads{Uses: []string{"environments.*.cluster.keySet"}}),
		ofVendor: vendorOnGoogle.And(vendorsPool),
		// The issuer is the trust anchor, from an authenticated channel.
		ofCustomer: config.Reads{Needs: []string{"environments.*.cluster.issuer"}},
	}
	if c.onAKS {
		r.customer = r.customer.And(onAKS)
		r.ofCustomer.Uses = []string{"azure.trust"}
		return r
	}
	r.customer = r.customer.And(config.Reads{Needs: []string{"environments.*.cluster.issuer"}})
	return r
}

func (c clusterIssuer) check(s *config.Settings, problems *config.Problems) {
	for _, e := range s.Sorted() {
		trust := c.trust(s, e, puller{})
		if err := trust.CheckSubject(e.Own()); err != nil {
			problems.Add(e.Key("namespace.name"), "%s", err)
		}
	}
}

func (c clusterIssuer) rules(s *config.Settings) exchange.Rules {
	return exchange.Rules{
		Request: "cluster", Grant: "google", GrantNames: true, Early: !c.onAKS, // there an issuer may be looked up
		CheckRequest: checkIssuers(s),
		CheckGrant:   checkPoolGrant(s),
	}
}

// checkIssuers holds the issuers of a customer's request to the trust anchors.
func checkIssuers(s *config.Settings) func(*exchange.AccessRequest, *exchange.Delivery) {
	return func(r *exchange.AccessRequest, d *exchange.Delivery) {
		for i, e := range r.Environments {
			if configured := s.Environments[e.Name]; configured != nil {
				d.Anchored(fmt.Sprintf("environments[%d].issuer", i), e.Issuer, configured.Key("cluster.issuer"), configured.Cluster.Issuer)
			}
		}
	}
}

func (clusterIssuer) early(s *config.Settings) error {
	for _, e := range s.Sorted() {
		if e.Cluster.Issuer == "" {
			return fmt.Errorf("%s: is looked up in an update only: want the issuer here, or `pulumi up -s %s` and its output %s",
				e.Key("cluster.issuer"), s.Stack, exchange.RequestName)
		}
	}
	return nil
}

func (clusterIssuer) describe(*config.Settings, *exchange.AccessRequest) {}

func (c clusterIssuer) customer(s *config.Settings, _ *exchange.AccessGrant, last exchange.Outputs) customer {
	if c.onAKS {
		cloud := newAKS(s, last)
		return newClusters(s, cloud, &clusterPull{s: s, cloud: cloud})
	}
	return newClusters(s, configuredIssuers{}, &clusterPull{s: s, cloud: configuredIssuers{}})
}

func (c clusterIssuer) vendor(s *config.Settings) vendor {
	return &artifactRegistry{s: s, readers: &readers{
		trust: func(e *config.Environment, who puller) gcp.Trust { return c.trust(s, e, who) },
		keys: func(e *config.Environment) config.Keys {
			return config.Keys{
				"issuer": e.Key("cluster.issuer"), "keySet": e.Key("cluster.keySet"), "namespace": e.Key("namespace.name"), "serviceAccount": "product.name",
			}
		},
		later: func(e *config.Environment, who puller) []string {
			if cmp.Or(who.issuer, e.Cluster.Issuer) != "" {
				return nil
			}
			return []string{"issuer"}
		},
	}}
}

func (clusterIssuer) trust(s *config.Settings, e *config.Environment, who puller) gcp.ClusterTrust {
	account := who.account
	if account.Name == "" {
		account = refresherOf(s, e)
	}
	return gcp.ClusterTrust{
		Issuer: cmp.Or(who.issuer, e.Cluster.Issuer), KeySet: e.Cluster.KeySet, Namespace: account.Namespace, ServiceAccount: account.Name,
	}
}

// clusterPull lets an environment's refresher walk with its own token.
type clusterPull struct {
	s     *config.Settings
	cloud cloud
}

func (*clusterPull) check(*config.Problems) {}

func (*clusterPull) validate(*config.Environment, *config.Problems) {}

func (p *clusterPull) puller(e *config.Environment) puller {
	return puller{issuer: p.cloud.issuer(e), account: refresherOf(p.s, e)}
}

func (p *clusterPull) identify(_ *pulumi.Context, e *config.Environment) (puller, error) {
	return p.puller(e), nil
}

func (p *clusterPull) source(e *config.Environment, _ puller, g *grant) kubernetes.TokenSource {
	return kubernetes.ClusterSource{GoogleIdentifiers: g.identifiers(e)}
}

func (*clusterPull) image(g *grant, w config.Component) pulumi.StringInput { return googleImage(g, w) }

// configuredIssuers is a cluster's cloud of which nothing is known but the issuer.
type configuredIssuers struct{}

func (configuredIssuers) issuer(e *config.Environment) string { return e.Cluster.Issuer }

func (configuredIssuers) check(*config.Problems) {}

func (configuredIssuers) validate(*config.Problems) {}

func (configuredIssuers) connect(*pulumi.Context) error { return nil }

func (configuredIssuers) find(*pulumi.Context, *config.Environment) error { return nil }

func (configuredIssuers) identities(*pulumi.Context) (map[string]cloudIdentity, error) {
	return nil, nil
}
