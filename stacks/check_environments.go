package stacks

import (
	"fmt"
	"slices"
	"strings"
)

// checkEnvironments reports what is wrong with where the product runs.
func (c *Customer) checkEnvironments(given map[string]bool, problems *problems) {
	if given["environments"] {
		for _, key := range []string{"kubernetes", "azure.cluster", "eks.cluster"} {
			if given[key] {
				problems.add(key, "and environments are both given: want %s inside each environment", key[strings.LastIndex(key, ".")+1:])
			}
		}
	}
	if c.Platform == platformECS || c.Platform == "" {
		return
	}
	seen := map[string]int{}
	for i, e := range c.environments() {
		at := c.placeOf(i)
		if at.environment != "" && !e.named() {
			problems.add(at.environment+"name", "%q: want another, this one is that of a stack without environments", e.Name)
		}
		if e.Product.Tag != "" && e.Product.Digest != "" {
			problems.add(at.environment+"product", "has tag and digest: want one of them")
		}
		subject := e.refresher()
		if e.named() {
			subject = e.Name + "::" + subject
		}
		if n := len(subject); c.kind() == kindCluster && c.Side != sideVendor && n > maxGoogleSubject {
			problems.add(at.environment+"kubernetes.namespace.name", "%q: makes a subject of %d characters with product and environment: want at most %d",
				e.Kubernetes.Namespace.Name, n, maxGoogleSubject)
		}
		c.checkCluster(at, e, given, problems)
		c.checkKubernetes(at, e.Kubernetes, given, problems)
		for _, same := range []string{"name " + e.Name, "context " + e.Kubernetes.Context + " and namespace " + e.Kubernetes.Namespace.Name} {
			if first, found := seen[same]; found && (e.Kubernetes.Context != "" || strings.HasPrefix(same, "name ")) {
				problems.add(fmt.Sprintf("environments[%d]", i), "has the %s of environments[%d]", same, first)
			}
			seen[same] = i
		}
	}
}

// maxGoogleSubject is how long google.subject may be (docs/facts.md §3).
const maxGoogleSubject = 127

// hasIdentities says whether a workload has a cloud identity.
func (c *Customer) hasIdentities() bool {
	return c.Workload.Identity || slices.ContainsFunc(c.Workloads, func(w Component) bool { return w.Identity })
}

// place is where the configuration describes an environment.
type place struct {
	// environment stands before the environment's keys, empty for the default one.
	environment string
	// cluster is the key of its AKS or EKS cluster.
	cluster string
}

func (c *Customer) placeOf(i int) place {
	if len(c.Environments) > 0 {
		key := fmt.Sprintf("environments[%d].", i)
		return place{key, key + "cluster"}
	}
	if c.Platform == platformEKS {
		return place{cluster: "eks.cluster"}
	}
	return place{cluster: "azure.cluster"}
}

// checkCluster reports what is wrong with the AKS or EKS cluster of an
// environment.
func (c *Customer) checkCluster(at place, e environment, given map[string]bool, problems *problems) {
	n := count(given, at.cluster, []string{"name", "issuer"})
	switch {
	case c.Platform == platformOther:
		if given[at.cluster] {
			problems.add(at.cluster, "belongs to aks and eks: want kubernetes.issuer")
		}
	case c.Side == sideVendor && c.kind() == kindCluster:
		if !given[at.cluster+".issuer"] || n > 1 {
			problems.add(at.cluster, "has no issuer, or more: want the customer's issuer alone, from an authenticated channel: the trust anchor")
		}
	case c.Side == sideVendor:
		if given[at.cluster] {
			problems.add(at.cluster, "belongs to the customer's side: want none here")
		}
	case n > 1 || n == 0 && (!c.nodesPull() || c.hasIdentities()):
		problems.add(at.cluster, "has %d of name, issuer: want exactly one", n)
	}
	if given[at.cluster+".issuer"] && given[at.cluster+".resourceGroup"] {
		problems.add(at.cluster+".resourceGroup", "%q: want it with a name only", e.Cluster.ResourceGroup)
	}
	if c.Platform == platformEKS && given[at.cluster+".resourceGroup"] {
		problems.add(at.cluster+".resourceGroup", "%q: belongs to aks: want none here", e.Cluster.ResourceGroup)
	}
	if issuer := e.Cluster.Issuer; c.Platform == platformAKS && issuer != "" && !strings.HasSuffix(issuer, "/") {
		problems.add(at.cluster+".issuer", "%q: want it with the slash at its end that AKS's tokens have", issuer)
	}
	if c.EKS.Trust == podIdentity && c.Side != sideVendor && !given[at.cluster+".name"] {
		problems.add(at.cluster+".name", "is missing: want the name, which EKS Pod Identity needs")
	}
}

// checkKubernetes reports what is wrong with an environment's kubernetes object.
func (c *Customer) checkKubernetes(at place, k Kubernetes, given map[string]bool, problems *problems) {
	key := at.environment + "kubernetes"
	if k.Namespace.WaivePodSecurity && !k.Namespace.Existing {
		problems.add(key+".namespace.waivePodSecurity", "true: want it for an existing namespace only; a created one enforces it")
	}
	if c.Platform != platformOther {
		for _, of := range []string{".issuer", ".keySet"} {
			if given[key+of] {
				problems.add(key+of, "belongs to platform kubernetes: want none here")
			}
		}
	} else if !given[key+".issuer"] && !given["gke"] {
		problems.add(key+".issuer", "is missing: want the cluster's OIDC issuer, exactly as in its tokens")
	}
	for _, of := range []string{".issuer", ".keySet", ".pullSecret", ".egressPorts"} {
		if given["gke"] && given[key+of] {
			problems.add(key+of, "and gke: want none, no refresher is there to need it")
		}
	}
	if c.Side == sideCustomer && given[key+".keySet"] {
		problems.add(key+".keySet", "belongs to the vendor's side, whose provider it is for: want none here")
	}
	if c.Side != sideVendor {
		if !given[key+".context"] {
			problems.add(key+".context", "is missing: want the kubeconfig context to use, never the current one")
		}
		return
	}
	for _, of := range []string{".context", ".namespace", ".pullSecret", ".egressPorts"} {
		if given[key+of] {
			problems.add(key+of, "belongs to the customer's side: want none here")
		}
	}
}
