package stacks

import (
	"slices"

	"waybill.example/waybill/components/kubernetes"
)

// defaultEnvironment is the one of a customer that configures none: its name
// stands in documents, and not in the names of resources.
const defaultEnvironment = "default"

// environment is one of the customer's, with what it takes from the rest of the
// configuration filled in.
type environment struct {
	Environment
	// product is what runs here.
	product Product
}

// environments are the customer's, once its defaults are set.
func (c *Customer) environments() []environment {
	given := c.Environments
	if len(given) == 0 {
		only := Environment{Name: defaultEnvironment, Kubernetes: c.Kubernetes, Cluster: c.Azure.Cluster}
		if c.Platform == platformEKS {
			only.Cluster = c.EKS.Cluster
		}
		given = []Environment{only}
	}
	all := make([]environment, len(given))
	for i, e := range given {
		all[i] = environment{Environment: e, product: c.Product}
		orElse(&all[i].Cluster.ResourceGroup, c.Azure.ResourceGroup)
		orElse(&all[i].Kubernetes.Namespace.Name, c.Product.Name)
		orElse(&all[i].Kubernetes.PullSecret, kubernetes.DefaultSecretName)
		if e.Product.Tag != "" || e.Product.Digest != "" {
			all[i].product.Tag, all[i].product.Digest = e.Product.Tag, e.Product.Digest
		}
	}
	return all
}

// named says whether the environment is one of the configuration's.
func (e environment) named() bool { return e.Name != defaultEnvironment }

// suffix ends the names of what is the environment's.
func (e environment) suffix() string {
	if e.named() {
		return "-" + e.Name
	}
	return ""
}

// ownName is the environment's name, and nothing for the default one.
func (e environment) ownName() string {
	if e.named() {
		return e.Name
	}
	return ""
}

// claim is a ServiceAccount as its cluster's tokens name it.
func claim(namespace, account string) string {
	return "system:serviceaccount:" + namespace + ":" + account
}

// refresher is the environment's refresher as its tokens name it.
func (e environment) refresher() string {
	return claim(e.Kubernetes.Namespace.Name, kubernetes.RefresherServiceAccount(e.product.Name))
}

// issuer is the cluster's as the configuration gives it, empty where it is to
// be looked up.
func (e environment) issuer() string {
	if e.Cluster.Issuer != "" {
		return e.Cluster.Issuer
	}
	return e.Kubernetes.Issuer
}

// workloadsOf are the components that run in an environment.
func (c *Customer) workloadsOf(e environment) []Component {
	var all []Component
	for _, w := range c.Workloads {
		if len(w.Environments) == 0 || slices.Contains(w.Environments, e.Name) {
			all = append(all, w)
		}
	}
	return all
}

// resourceName is the name of a component's Deployment in the stack.
func (w Component) resourceName(e environment) string {
	name := "workload" + e.suffix()
	if w.Component != "" {
		name += "-" + w.Component
	}
	return name
}
