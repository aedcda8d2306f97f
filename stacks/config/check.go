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
	if s.Azure.TenantID != "" && s.Azure.TenantID == s.Azure.SubscriptionID {
		problems.Add("azure.subscriptionId", "%q: is the tenant's ID: want the subscription's, `az account show --query id`", s.Azure.SubscriptionID)
	}
	s.checkNamespaces(problems)
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

// checkNamespaces refuses to make or take over what is Kubernetes' own
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/).
func (s *Settings) checkNamespaces(problems *Problems) {
	for name, e := range s.Environments {
		namespace := cmp.Or(e.Namespace.Name, s.Product.Name)
		if own := namespace == "default" || strings.HasPrefix(namespace, "kube-"); own && !e.Namespace.Existing {
			problems.Add("environments."+name+".namespace.name", "%q: is Kubernetes' own: want another, or existing: true beside it", namespace)
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
