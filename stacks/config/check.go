package config

import (
	"cmp"
	"fmt"
	"strings"
)

// check reports what no schema can say and what holds for every chain: keys that
// exclude or need each other.
func (s *Settings) check(problems *Problems) {
	for _, object := range []string{"exchange.request", "exchange.grant"} {
		s.ExactlyOne(problems, object, "file", "stack")
	}
	for _, name := range s.names() {
		if strings.Contains(name, "--") {
			problems.Add("environments."+name, "is no environment's name: want 2 to 12 of a-z, 0-9 and single hyphens, first a letter")
		}
		if name == "provider" {
			problems.Add("environments."+name, "is taken: want another name, the default environment's provider at Google ends in it")
		}
		s.AtMostOne(problems, "environments."+name+".product", "tag", "digest")
	}
	s.checkAzureIDs(problems)
	s.checkNamespaces(problems)
	s.checkClusters(problems)
	s.checkTags(problems)
	if s.Given["workload"] && s.Given["workloads"] {
		problems.Add("workload", "and workloads are both given: want one of them")
	}
	for i, w := range s.Workloads {
		for j, name := range w.Environments {
			if s.Environments[name] == nil && (name != DefaultEnvironment || len(s.Environments) > 0) {
				problems.Add(fmt.Sprintf("workloads[%d].environments[%d]", i, j), "%q: want one of the environments, %s", name, strings.Join(s.names(), ", "))
			}
		}
	}
}

// checkAzureIDs refuses one ID for two things.
func (s *Settings) checkAzureIDs(problems *Problems) {
	tenant, subscription := s.Azure.TenantID, s.Azure.SubscriptionID
	if tenant != "" && tenant == subscription {
		problems.Add("azure.subscriptionId", "%q: is the tenant's ID: want the subscription's, `az account show --query id`", subscription)
	}
	refuse := func(key, id, wish string) {
		switch id {
		case "":
		case tenant:
			problems.Add(key, "%q: is the tenant's ID: want %s", id, wish)
		case subscription:
			problems.Add(key, "%q: is the subscription's ID: want %s", id, wish)
		}
	}
	application := func(key string, a *Application) {
		if a != nil {
			refuse(key+".clientId", a.ClientID, "the application's, `az ad app list --display-name NAME --query [].appId`")
			refuse(key+".principalId", a.PrincipalID, "the service principal's object ID, `az ad sp show --id CLIENT-ID --query id`")
		}
	}
	application("azure.identity.application", s.Azure.Identity.Application)
	for i := range s.Azure.WorkloadIdentities.Applications {
		application(fmt.Sprintf("azure.workloadIdentities.applications[%d]", i), &s.Azure.WorkloadIdentities.Applications[i])
	}
	for name, e := range s.Environments {
		application("environments."+name+".identity.application", e.Identity.Application)
	}
}

// checkClusters refuses one namespace of one cluster in two environments, whatever their
// contexts are called: each would be the other's.
func (s *Settings) checkClusters(problems *Problems) {
	seen := map[string]*Environment{}
	for _, e := range s.Sorted() {
		namespace := cmp.Or(e.Namespace.Name, s.Product.Name)
		named := ""
		if e.Cluster.Name != "" {
			named = strings.ToLower(cmp.Or(e.Cluster.ResourceGroup, s.Azure.ResourceGroup)) + "/" + e.Cluster.Name // Azure minds no case
		}
		for _, cluster := range []string{e.Cluster.ID, e.Cluster.Issuer, named} {
			if cluster == "" {
				continue // an environment need not say each of them
			}
			if first := seen[cluster+" "+namespace]; first != nil && first.Cluster.Context != e.Cluster.Context {
				problems.Add("environments."+e.Name, "has the cluster and namespace %s of environments.%s: want another namespace or cluster", namespace, first.Name)
			}
			seen[cluster+" "+namespace] = e
		}
	}
}

// systemNamespaces begin the names of those that belong to the cluster: Kubernetes'
// own, OpenShift's and GKE's
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/,
// https://docs.openshift.com/container-platform/latest/applications/projects/working-with-projects.html).
var systemNamespaces = []struct{ name, prefix, owner string }{
	{"default", "kube-", "Kubernetes'"}, {"openshift", "openshift-", "OpenShift's"}, {"", "gke-managed-", "GKE's"},
}

// checkNamespaces refuses to make or take over what is the cluster's own.
func (s *Settings) checkNamespaces(problems *Problems) {
	for name, e := range s.Environments {
		namespace := cmp.Or(e.Namespace.Name, s.Product.Name)
		for _, system := range systemNamespaces {
			if own := namespace == system.name || strings.HasPrefix(namespace, system.prefix); own && namespace != "" && !e.Namespace.Existing {
				problems.Add("environments."+name+".namespace.name", "%q: is %s own: want another, or existing: true beside it", namespace, system.owner)
			}
		}
	}
}

// checkTags refuses the tag latest where the repository is known to keep published
// tags as they are: the second release could not be pushed.
func (s *Settings) checkTags(problems *Problems) {
	google, amazon := s.GCP.Repository, s.AWS.Vendor.Repository
	key, keeps := "gcp.repository.mutableTags", s.Given["gcp"] && !google.MutableTags && !google.Existing && google.Upstream == ""
	if s.Given["aws"] {
		key, keeps = "aws.vendor.repository.mutableTags", !amazon.MutableTags && !amazon.Existing
	}
	if !keeps || s.Side != "" && s.Side != "both" { // the other half's repository is its own matter
		return
	}
	refuse := func(at, tag string) {
		if tag == "latest" {
			problems.Add(at, "%q: moves with each release, and the repository keeps published tags as they are: want the release's own tag, or %s: true", tag, key)
		}
	}
	refuse("product.tag", s.Product.Tag)
	for name, e := range s.Environments {
		refuse("environments."+name+".product.tag", e.Product.Tag)
	}
}

// names are those of the environments, the default one first.
func (s *Settings) names() []string {
	var names []string
	for _, e := range s.Sorted() {
		names = append(names, e.Name)
	}
	return names
}

// ExactlyOne wants one of an object's keys, where the object is given.
func (s *Settings) ExactlyOne(problems *Problems, object string, keys ...string) {
	if n := s.Given.Count(object, keys...); s.Given[object] && n != 1 {
		problems.Add(object, "has %d of %s: want exactly one", n, strings.Join(keys, ", "))
	}
}

// AtMostOne wants no two of an object's keys.
func (s *Settings) AtMostOne(problems *Problems, object string, keys ...string) {
	if n := s.Given.Count(object, keys...); n > 1 {
		problems.Add(object, "has %d of %s: want at most one", n, strings.Join(keys, ", "))
	}
}
