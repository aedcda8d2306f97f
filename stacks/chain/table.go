package chain

import "waybill.example/waybill/stacks/config"

// chainOf picks a customer's chain: the one place that asks for platform and trust.
// The schema refuses every word that is not here.
func chainOf(c *config.Customer) chain {
	switch c.Platform {
	case "aks":
		if c.Azure.Trust == "cluster" {
			return clusterIssuer{onAKS: true}
		}
		return entra{}
	case "eks":
		switch {
		case c.EKS.Pull == "nodeRole":
			return eksNodes{}
		case c.EKS.Trust == "podIdentity":
			return eksPodIdentity{}
		}
		return eksIRSA{}
	case "ecs":
		return ecsFargate{}
	case "kubernetes":
		if c.GKE.Project != "" {
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
