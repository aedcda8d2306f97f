package chain

import "waybill.example/waybill/stacks/config"

// picked are the keys that pick a customer's chain and its halves.
var picked = []string{"platform", "side", "azure.trust", "eks.pull", "eks.trust"}

// chainOf picks a customer's chain: the one place that asks for platform and trust.
// The schema refuses every word that is not here.
func chainOf(s *config.Settings) chain {
	switch s.Platform {
	case "aks":
		if s.Azure.Trust == "cluster" {
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
		if s.Given["gke"] {
			return gkeNodes{}
		}
		return clusterIssuer{}
	}
	return nil
}

// halves says which halves of a chain a stack builds: the one place that asks for
// the side.
func halves(c *config.Customer) (customer, vendor bool) {
	return c.Side != "vendor", c.Side != "customer"
}
