package stacks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/kubernetes"
)

// The configuration keys of the project.
const (
	namespaceKey     = "waybill"
	customerKey      = namespaceKey + ":customer"
	productConfigKey = namespaceKey + ":productConfig"
)

// settings are a stack's configuration once it is known to be right.
type settings struct {
	Customer
	// productConfig is the product's configuration file; nil where it has none.
	productConfig pulumi.StringInput
	// received is what has come of the other party's documents.
	received exchanged
}

// configuration is a stack's, whoever reads it: the engine's, or that of a file.
type configuration struct {
	get    func(key string) (string, bool)
	secret func(key string) bool
}

// load reads and checks the whole configuration and reports every problem.
func load(ctx *pulumi.Context) (*settings, error) {
	var problems problems
	given := configuration{ctx.GetConfig, ctx.IsConfigSecret}
	s := given.settings(&problems)
	refuseProviderKeys(ctx, &problems)
	if err := problems.join(); err != nil {
		return nil, refusal(ctx, err)
	}
	if _, found := ctx.GetConfig(productConfigKey); found {
		s.productConfig = config.New(ctx, namespaceKey).GetSecret("productConfig")
	}
	return s, nil
}

// settings are what the configuration says, with its defaults; to be used only
// where it reports no problem.
func (given configuration) settings(problems *problems) *settings {
	customer := given.customer(problems)
	given.checkProductConfig(customer, problems)
	if customer == nil {
		return nil
	}
	customer.setDefaults()
	return &settings{Customer: *customer}
}

// refusal is the one error for a configuration with any number of problems.
func refusal(ctx *pulumi.Context, problems error) error {
	return fmt.Errorf("the configuration of stack %s is refused, and nothing is changed:\n%w", ctx.Stack(), problems)
}

// problems collects lines; each carries its key as its prefix.
type problems []error

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, fmt.Errorf("  %s %s", key, fmt.Sprintf(format, args...)))
}

func (p *problems) join() error { return errors.Join(*p...) }

// customer gives what could be read, for the checks that follow, also where
// something of it is wrong; nil where nothing could be.
func (given configuration) customer(problems *problems) *Customer {
	text, found := given.get(customerKey)
	if !found {
		problems.add(customerKey, "is missing: want an object, see schema/customer.schema.json and the examples")
		return nil
	}
	// One secure value makes the whole object secret, and none of it could be
	// shown in an error.
	if given.secret(customerKey) {
		problems.add(customerKey, "holds a secret: want none in it; each secret is a top-level key, such as %s", productConfigKey)
		return nil
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		problems.add(customerKey, "is no object: %s", err)
		return nil
	}
	schema, err := compileSchema(customerSchema)
	if err != nil {
		problems.add(customerKey, "%s", err)
		return nil
	}
	findings, err := checkSchema(schema, document)
	if err != nil {
		problems.add(customerKey, "%s", err)
		return nil
	}
	for _, f := range findings {
		problems.add(dotted(f.path), "%s", f.text)
	}
	present := presence(document)
	customer, err := decode(prune(document, findings))
	if err != nil {
		// The schema found the shape wrong, and has said so.
		if len(findings) == 0 {
			problems.add(customerKey, "%s", err)
		}
		return nil
	}
	customer.check(present, problems)
	return customer
}

// presence tells which dotted keys and items a document has, also those whose
// values are wrong.
func presence(document any) map[string]bool {
	given := map[string]bool{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		given[path] = true
		switch container := value.(type) {
		case map[string]any:
			for key, inner := range container {
				walk(strings.TrimPrefix(path+"."+key, "."), inner)
			}
		case []any:
			for i, inner := range container {
				walk(fmt.Sprintf("%s[%d]", path, i), inner)
			}
		}
	}
	walk("", document)
	return given
}

func decode(document any) (*Customer, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	customer := &Customer{}
	return customer, json.Unmarshal(text, customer)
}

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
	if c.Side == sideCustomer && given["gcp"] && !given["gke"] && !given["gcp.projectNumber"] {
		problems.add("gcp.projectNumber", "is missing: want the vendor's project number from an authenticated channel, the trust anchor")
	}
}

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
		subject := e.ownName() + "::" + kubernetesSubject(e.Kubernetes.Namespace.Name, c.Product.Name)
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

// kubernetesSubject is the refresher's ServiceAccount as its tokens name it.
func kubernetesSubject(namespace, product string) string {
	return "system:serviceaccount:" + namespace + ":" + kubernetes.RefresherServiceAccount(product)
}

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

// duration is a checked duration of the configuration, or its default.
func duration(text string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		return fallback
	}
	return d
}

func azureCloud(name string) azure.Cloud {
	for _, cloud := range azure.Clouds() {
		if cloud.Name == name {
			return cloud
		}
	}
	return azure.Public
}

// checkProductConfig checks the secret. What it holds is never shown.
func (given configuration) checkProductConfig(customer *Customer, problems *problems) {
	const set = "`pulumi config set --secret " + productConfigKey + " < FILE`"
	text, found := given.get(productConfigKey)
	wanted := customer != nil && customer.Product.ConfigPath != "" && customer.Side != sideVendor
	switch {
	case !found && !wanted:
	case !found:
		problems.add(productConfigKey, "is missing, and product.configPath %q wants it: run %s", customer.Product.ConfigPath, set)
	case customer != nil && customer.Side == sideVendor:
		problems.add(productConfigKey, "is set and side is vendor: want it in the customer's stack only")
	case customer != nil && !wanted:
		problems.add(productConfigKey, "is set and product.configPath is not: want the path where the product reads it")
	case !given.secret(productConfigKey):
		problems.add(productConfigKey, "is not a secret, and is to be seen in the stack file: run %s", set)
	case len(bytes.TrimSpace([]byte(text))) == 0:
		problems.add(productConfigKey, "is empty: want the product's configuration file, run %s", set)
	case wanted && path.Ext(customer.Product.ConfigPath) == ".json" && !json.Valid([]byte(text)):
		problems.add(productConfigKey, "is no JSON, and product.configPath ends in .json (its contents are not shown)")
	}
}
