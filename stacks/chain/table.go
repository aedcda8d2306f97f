package chain

import (
	"waybill.example/waybill/stacks/config"
)

// picked are the keys that pick a customer's chain and its halves.
var picked = []string{"platform", "side", "azure.trust", "eks.pull", "eks.trust"}

// chainOf picks a customer's chain: the one place that asks for platform and trust.
// The schema refuses every word that is not here.
func chainOf(s *config.Settings) chain {
	switch s.Platform {
	case "aks":
		switch {
		case vendorIsOnAWS(s):
			return vendorRole{onAKS: true}
		case s.Azure.Trust == "cluster":
			return clusterIssuer{onAKS: true}
		}
		return entra{}
	case "eks":
		switch {
		case s.EKS.Pull == "nodeRole":
			return eksNodes{}
		case s.EKS.Trust == "podIdentity":
			return eksPodIdentity{}
		}
		return eksIRSA{}
	case "ecs":
		return ecsFargate{}
	case "kubernetes":
		switch {
		case vendorIsOnAWS(s):
			return vendorRole{}
		case s.Given["gke"]:
			return gkeNodes{}
		}
		return clusterIssuer{}
	}
	return nil
}

// vendorIsOnAWS says where the vendor's registry is, by what both halves read.
func vendorIsOnAWS(s *config.Settings) bool { return s.Given["aws"] && !s.Given["gcp"] }

// noChain says which keys belong to a vendor that no chain of the platform ends at,
// and what there is instead; empty for nothing.
func noChain(s *config.Settings) (key, wish string) {
	switch {
	case s.Platform == "aks" && vendorIsOnAWS(s) && s.Azure.Trust != "cluster":
		return "azure.trust", "is entra, and a vendor on AWS (ECR) trusts the cluster's own issuer: want cluster"
	case s.Platform == "kubernetes" && vendorIsOnAWS(s) && s.Given["gke"]:
		return "gke", "names nodes that pull, and a vendor on AWS (ECR) trusts no nodes of GKE: want none, a refresher pulls then"
	case s.Platform == "eks" && s.Given["gcp"] && !s.Given["aws"]:
		return "gcp", "names a vendor on Google Cloud, whose chain is that of any cluster: want platform kubernetes, with the cluster's issuer"
	case s.Platform == "ecs" && s.Given["gcp"] && !s.Given["aws"]:
		return "gcp", "names a vendor on Google Cloud, and there is no chain to it yet from platform ecs: want a vendor on AWS (aws)"
	}
	return "", ""
}

// halves says which halves of a chain a stack builds: the one place that asks for
// the side.
func halves(c *config.Customer) (customer, vendor bool) {
	return c.Side != "vendor", c.Side != "customer"
}

type platform struct {
	name   string
	chains []chain
}

// platforms are all chains by where the product runs; gke are nodes of GKE that pull
// with their own identity.
var platforms = []platform{
	{"aks", []chain{entra{}, clusterIssuer{onAKS: true}, vendorRole{onAKS: true}}},
	{"eks", []chain{eksIRSA{}, eksPodIdentity{}, eksNodes{}}},
	{"ecs", []chain{ecsFargate{}}},
	{"kubernetes", []chain{clusterIssuer{}, vendorRole{}}},
	{"gke", []chain{gkeNodes{}}},
}

// ReadBy names the platforms on whose chains a key of the configuration is read, on
// either side.
func ReadBy(key string) (readers []string) {
	for _, p := range platforms {
		for _, c := range p.chains {
			r := c.reads()
			if r.customer.And(r.vendor).And(r.ofVendor).And(r.ofCustomer).And(exchanged).Has(key) {
				readers = append(readers, p.name)
				break
			}
		}
	}
	return readers
}

// exchanged are the keys of two parties, which Plan.reads adds by the side.
var exchanged = config.Reads{Uses: []string{"exchange...", "suspended"}}
