package stacks

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// check reports what no schema can say: keys that exclude or need each other.
func (c *Customer) check(given map[string]bool, problems *problems) {
	exactlyOne := func(object string, keys ...string) {
		if n := count(given, object, keys); given[object] && n != 1 {
			problems.add(object, "has %d of %s: want exactly one", n, strings.Join(keys, ", "))
		}
	}
	if c.Side != sideVendor || given["product.tag"] {
		exactlyOne("product", "tag", "digest")
	}
	for _, document := range []string{"exchange.request", "exchange.grant"} {
		exactlyOne(document, "file", "stack")
	}
	c.checkIdentities(given, problems)
	if n := count(given, "azure.workloadIdentities", []string{"name", "existing", "applications"}); n > 1 {
		problems.add("azure.workloadIdentities", "has %d of name, existing, applications: want at most one", n)
	}
	c.checkEnvironments(given, problems)
	c.checkAWS(given, problems)
	c.checkPlatform(given, problems)
	if cloud := azureCloud(c.Azure.Cloud); cloud.TokenAudience == "" && !given["azure.token.audience"] && c.Azure.Trust != clusterTrust {
		problems.add("azure.token.audience", "is missing: want the audience of %s's tokens, which is not documented: read aud of one", cloud.Name)
	}
	if c.Azure.Token.Version == "v1" && (c.Azure.Token.Issuer == "" || c.Azure.Token.Audience == "" || c.Azure.Token.Scope == "") {
		problems.add("azure.token", "is of version v1: want issuer (https://sts.windows.net/TENANT/), audience and scope of the application as well")
	}
	if r := c.GCP.Repository; (r.Mode == "virtual") != given["gcp.repository.upstream"] {
		problems.add("gcp.repository", "has mode %q and upstream %q: want an upstream with mode virtual, and with no other", r.Mode, r.Upstream)
	}
	if duration(c.Refresher.Deadline, 4*time.Minute) >= duration(c.Refresher.Every, 15*time.Minute) {
		problems.add("refresher.deadline", "%q: want less than the time between two runs, %q", c.Refresher.Deadline, c.Refresher.Every)
	}
	c.checkWorkloads(given, problems)
}

// checkIdentities reports identities that are two things, or that two
// environments share: they could become one another.
func (c *Customer) checkIdentities(given map[string]bool, problems *problems) {
	atMostOne := func(key string) {
		if n := count(given, key, []string{"name", "existing", "application"}); n > 1 {
			problems.add(key, "has %d of name, existing, application: want at most one", n)
		}
	}
	atMostOne("azure.identity")
	seen := map[string]int{}
	for i, e := range c.Environments {
		key := fmt.Sprintf("environments[%d].identity", i)
		atMostOne(key)
		if given[key] && (c.Platform != platformAKS || c.Azure.Trust == clusterTrust || c.Side == sideVendor) {
			problems.add(key, "belongs to the customer's side of a chain through Entra: want none here")
		}
		identity := c.identityOf(environment{Environment: e})
		name := orElseText(identity.Existing, identity.Name)
		if identity.Application != nil {
			name = identity.Application.ClientID
		}
		if first, shared := seen[name]; shared && name != "" && c.kind() == kindEntra && c.Side != sideVendor && e.Name != c.Environments[first].Name {
			problems.add(key, "is %s, as environments[%d]'s: want one of its own, or each could become the other", name, first)
		}
		seen[name] = i
	}
	c.checkWorkloadIdentities(problems)
}

// checkWorkloadIdentities keeps the refresher's identities to the refreshers:
// the product's pods would become what the vendor trusts.
func (c *Customer) checkWorkloadIdentities(problems *problems) {
	refreshers := map[string]bool{}
	for _, e := range c.environments() {
		identity := c.identityOf(e)
		refreshers[orElseText(identity.Existing, identity.Name)] = true
		if identity.Application != nil {
			refreshers[identity.Application.ClientID] = true
		}
	}
	for i, name := range c.Azure.WorkloadIdentities.Existing {
		if refreshers[name] {
			problems.add(fmt.Sprintf("azure.workloadIdentities.existing[%d]", i), "%q: is the refresher's: want another, workloads would become it", name)
		}
	}
	for i, application := range c.Azure.WorkloadIdentities.Applications {
		if refreshers[application.ClientID] {
			problems.add(fmt.Sprintf("azure.workloadIdentities.applications[%d]", i), "%q: is the refresher's: want another, workloads would become it", application.ClientID)
		}
	}
}

// checkPlatform reports what does not fit the platform or the kind of trust.
func (c *Customer) checkPlatform(given map[string]bool, problems *problems) {
	if c.Azure.Trust == clusterTrust {
		for _, key := range []string{"azure.identity", "azure.token"} {
			if given[key] {
				problems.add(key, "and azure.trust cluster: want none, Entra is no part of the chain")
			}
		}
	}
	if c.Platform == platformOther && c.Side != sideVendor && given["gke"] == given["refresher"] {
		problems.add("refresher", "and gke: want one of them, a refresher or nodes that pull")
	}
	for i, email := range c.GKE.NodeServiceAccounts {
		if !strings.HasSuffix(email, "@"+accountDomain(c.GKE.Project)) {
			problems.add(fmt.Sprintf("gke.nodeServiceAccounts[%d]", i), "%q: want one of gke.project, %q", email, c.GKE.Project)
		}
	}
	if c.Platform == platformOther && given["gke"] && given["environments"] {
		problems.add("gke", "and environments: want a stack for each environment whose nodes pull")
	}
	if given["gke"] && given["gcp.projectNumber"] {
		problems.add("gcp.projectNumber", "and gke: want none, an access grant to nodes has no number")
	}
	if given["azure.workloadIdentities"] && !c.hasIdentities() {
		problems.add("azure.workloadIdentities", "and no workload with identity: want both, or neither")
	}
	if c.Side == sideCustomer && given["gcp"] && !given["gke"] && !given["gcp.projectNumber"] {
		problems.add("gcp.projectNumber", "is missing: want the vendor's project number from an authenticated channel, the trust anchor")
	}
}

// checkWorkloads reports what is wrong with how the product runs.
func (c *Customer) checkWorkloads(given map[string]bool, problems *problems) {
	if given["workload"] && given["workloads"] {
		problems.add("workload", "and workloads are both given: want one of them")
	}
	if len(c.Workloads) == 0 {
		c.checkWorkload("workload", Component{HealthPath: c.Product.HealthPath, Workload: c.Workload}, problems)
	}
	for i, e := range c.environments() {
		if len(c.Workloads) > 0 && len(c.workloadsOf(e)) == 0 {
			problems.add(fmt.Sprintf("environments[%d]", i), "%q: runs no workload: want one at least, on whose image a token is tried", e.Name)
		}
	}
	names := map[string]string{}
	for i, w := range c.Workloads {
		key := fmt.Sprintf("workloads[%d]", i)
		if w.HealthPath == "" {
			w.HealthPath = c.Product.HealthPath
		}
		c.checkWorkload(key, w, problems)
		if c.Platform == platformEKS && w.Image != "" {
			problems.add(key+".image", "%q: want none, an ECR repository is one image", w.Image)
		}
		for j, name := range w.Environments {
			if !slices.ContainsFunc(c.environments(), func(e environment) bool { return e.Name == name }) {
				problems.add(fmt.Sprintf("%s.environments[%d]", key, j), "%q: want the name of an environment", name)
			}
		}
		for _, e := range c.environments() {
			name := w.resourceName(e)
			if other, taken := names[name]; taken {
				problems.add(key+".component", "%q: with the environment it makes the same names as %s", w.Component, other)
			}
			names[name] = key
		}
	}
}

func (c *Customer) checkWorkload(key string, w Component, problems *problems) {
	for i, mount := range w.Writable {
		for j, earlier := range w.Writable[:i] {
			if mount.Path != "" && mount.Path == earlier.Path {
				problems.add(fmt.Sprintf("%s.writable[%d].path", key, i), "%q: is %s.writable[%d]'s already", mount.Path, key, j)
			}
		}
	}
	if probes := w.Liveness != (Probe{}) || w.Readiness != (Probe{}); probes && w.HealthPath == "" {
		problems.add(key, "has probes and product.healthPath is missing: want the path that they ask")
	}
	switch {
	case w.Identity && c.Platform == platformOther:
		problems.add(key+".identity", "true: want it on aks and eks only")
	case w.Identity && c.Platform == platformECS:
		problems.add(key+".identity", "true: want policies alone on ECS, where every task has a role")
	case c.Platform == platformEKS && w.Identity == (len(w.Policies) == 0):
		problems.add(key+".policies", "and identity: want both on EKS, or neither")
	case len(w.Policies) > 0 && (c.Platform == platformAKS || c.Platform == platformOther):
		problems.add(key+".policies", "belong to AWS: want none here")
	}
	if c.Platform == platformECS && len(w.Selector) > 0 {
		problems.add(key+".selector", "belongs to Kubernetes: want none here")
	}
}

// checkAWS is check for the platforms on AWS.
func (c *Customer) checkAWS(given map[string]bool, problems *problems) {
	if c.Platform != platformEKS && c.Platform != platformECS {
		return
	}
	if given["product.image"] {
		problems.add("product.image", "%q: want none, an ECR repository is one image", c.Product.Image)
	}
	if c.Platform == platformECS {
		if given["product.configPath"] {
			problems.add("product.configPath", "%q: want none on ECS, which mounts no file; use ecs.secrets", c.Product.ConfigPath)
		}
		return
	}
	if c.Side == sideVendor {
		return
	}
	nodeRole := c.EKS.Pull == nodeRoleMode
	if nodeRole != given["eks.nodeRoles"] {
		problems.add("eks", "has pull %q and nodeRoles %q: want nodeRoles with pull nodeRole, and with nothing else", c.EKS.Pull, c.EKS.NodeRoles)
	}
	if nodeRole == given["refresher"] {
		problems.add("refresher", "and eks.pull %q: want a refresher with pull pullSecret, and with nothing else", c.EKS.Pull)
	}
	if nodeRole && given["environments"] {
		problems.add("eks.pull", "nodeRole and environments: want a stack for each environment whose nodes pull")
	}
	if c.EKS.Trust == podIdentity && c.EKS.CreateProvider {
		problems.add("eks.createProvider", "true: want it with trust irsa only")
	}
	if c.EKS.CreateProvider && (len(c.Environments) > 1 || c.hasIdentities()) {
		problems.add("eks.createProvider", "true: want it where one role needs the provider; an account has one for each issuer, so make it beforehand for several")
	}
}

func count(given map[string]bool, object string, keys []string) int {
	n := 0
	for _, key := range keys {
		if given[object+"."+key] {
			n++
		}
	}
	return n
}
