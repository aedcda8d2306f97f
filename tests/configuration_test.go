package tests_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/tests/stackfile"
)

// Each kind of wrong input is refused with one line that names the key, the
// value and the wish.
func TestWrongConfigurationIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(map[string]any)
		want string
	}{
		"missing":                       {set("gcp.project", nil), `gcp.project is missing: want the vendor's project ID`},
		"missing object":                {set("refresher", nil), `refresher is missing: want the program that keeps the pull secret fresh`},
		"unknown key":                   {set("azure.tenant", "x"), `azure.tenant is an unknown key: want one of cloud, identity, location`},
		"mistyped":                      {set("product.port", "8080"), `product.port "8080": want a number without quotes: the port that the product listens on`},
		"a list for an object":          {set("gcp", []any{}), `gcp a list: want an object with project, location: the vendor's Google Cloud side`},
		"unquoted number":               {set("product.tag", 1.1), `product.tag 1.1 is a number for YAML, which may have changed it: quote it`},
		"a key nearly right":            {set("azure.idntity", "x"), `; "identity", if that was meant`},
		"a word nearly right":           {set("platform", "esk"), `; "ecs", or "eks", if that was meant`},
		"a quoted boolean":              {set("pullSecretOnly", "yes"), `pullSecretOnly "yes": want true or false, without quotes: `},
		"a text for an object":          {set("environments.default.namespace", "bifrost"), `"bifrost": want an object: the product's namespace`},
		"unquoted number in a map":      {set("workload.env", map[string]any{"LEVEL": 3}), `workload.env.LEVEL 3 is a number for YAML, which may have changed it: quote it`},
		"unquoted boolean":              {set("workload.args", []any{true}), `workload.args[0] true is a boolean for YAML, which may have changed it: quote it`},
		"bad slug":                      {set("slug", "Acme_Corp"), `slug "Acme_Corp": want the customer's slug: 3 to 40 of a-z, 0-9 and single hyphens`},
		"slug with two hyphens":         {set("slug", "ac--me"), `slug "ac--me": want the customer's slug`},
		"bad GUID":                      {set("azure.tenantId", "3F2B9D54"), `azure.tenantId "3F2B9D54": want the customer's tenant ID, a lower-case GUID`},
		"too long":                      {set("environments.default.pullSecret", strings.Repeat("a", 45)), `: want the pull secret's name, a DNS subdomain of at most 44 characters`},
		"out of range":                  {set("product.port", 80), `product.port 80: want 1024 to 65535; below that a pod without privileges cannot listen`},
		"number out of range":           {set("gcp.generation", 100), `gcp.generation 100: want the pool's number, 1 to 99`},
		"unknown platform":              {set("platform", "nomad"), `platform "nomad": want where the product runs: aks`},
		"conflicting tag and digest":    {set("product.digest", "sha256:"+strings.Repeat("a", 64)), `product has 2 of tag, digest: want exactly one`},
		"neither tag nor digest":        {set("product.tag", nil), `product has 0 of tag, digest: want exactly one`},
		"cluster by name and by issuer": {set("environments.default.cluster.issuer", issuer), `environments.default.cluster has 2 of name, issuer: want exactly one`},
		"issuer without its slash":      {set("environments.default.cluster", map[string]any{"context": "c", "issuer": strings.TrimSuffix(issuer, "/")}), `environments.default.cluster.issuer "` + strings.TrimSuffix(issuer, "/") + `": want it with the slash at its end`},
		"issuer that is no https URL":   {set("environments.default.cluster", map[string]any{"context": "c", "issuer": "http://a.example/"}), `environments.default.cluster.issuer "http://a.example/": want the cluster's OIDC issuer`},
		"two identities":                {set("azure.identity", map[string]any{"name": "one", "existing": "two"}), `azure.identity has 2 of name, existing, application: want at most one`},
		"tags moved in a virtual one":   {set("gcp.repository", map[string]any{"upstream": "projects/hello-releases/locations/europe-west1/repositories/r", "mutableTags": true}), `gcp.repository.mutableTags true: want it without an upstream, whose tags these are`},
		"no replica":                    {set("workload.replicas", 0), `workload.replicas 0: want the number of pods or tasks, 1 to 1000`},
		"a token over its third":        {set("refresher.every", "30m"), `refresher.every 30m0s: want 5m to 20m0s`},
		"a key of another platform":     {set("aws", map[string]any{}), `aws belongs to another platform, chain or side: want none here`},
		"waived for its own namespace":  {set("environments.default.namespace.waivePodSecurity", true), `environments.default.namespace.waivePodSecurity true: want it for an existing namespace only`},
		"sovereign cloud's audience":    {all(set("azure.cloud", "china"), set("azure.location", "chinanorth3")), `azure.token.audience is missing`},
		"v1 tokens with nothing else":   {set("azure.token", map[string]any{"version": "v1"}), `azure.token is of version v1: want issuer`},
		"deadline over the period":      {set("refresher", map[string]any{"image": "a.example/b:1", "every": "5m", "deadline": "9m"}), `refresher.deadline 9m0s: want 1m to 10m, shorter than the time between two runs`},
		"an image that may change":      {set("refresher.image", "refresher"), `refresher.image "refresher": want HOST/PATH with a tag or a digest`},
		"latest":                        {set("refresher.image", "a.example/b:latest"), `refresher.image "a.example/b:latest": want a tag other than latest, or a digest`},
		"bad quantity":                  {set("workload.resources", map[string]any{"limits": map[string]any{"cpu": "fast"}}), `workload.resources.limits.cpu "fast": want a quantity`},
		"bad variable name":             {set("workload.env", map[string]any{"A B": "x"}), `workload.env.A B is no name here: want environment variables`},
		"writable twice":                {set("workload.writable", []any{map[string]any{"path": "/a"}, map[string]any{"path": "/a"}}), `workload.writable[1].path "/a": is there already`},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, "dev", c.edit)
			lines := refused(t, values, secrets)
			require.Len(t, lines, 1, "one problem is one line")
			assert.Contains(t, lines[0], c.want)
		})
	}
}

// google.subject has at most 127 bytes; without environments nothing stands
// before the ServiceAccount.
func TestExampleASubjectMayBeAsLongAsGoogleTakesIt(t *testing.T) {
	const product = "pppppppppppppppppppppppppppppppppppppppp"
	room := 127 - len("system:serviceaccount::"+product+"-refresher")
	named := func(length int) func(map[string]any) {
		return func(c map[string]any) {
			set("product.name", product)(c)
			set("environments.default.namespace", map[string]any{"name": strings.Repeat("n", length)})(c)
		}
	}
	_, err := runStack(t, "wayne", nil, named(room))
	require.NoError(t, err)
	values, secrets := loadStack(t, "wayne", named(room+1))
	assert.Contains(t, refused(t, values, secrets)[0], "makes a subject of 128 bytes: want at most 127")
}

// What belongs to one side, to one kind of trust or to one environment is
// refused elsewhere.
func TestExampleWrongConfigurationOfAPartyIsNamed(t *testing.T) {
	environment := func(context string) any {
		return map[string]any{"cluster": map[string]any{"name": "c", "context": context}}
	}
	environments := func(all map[string]any) func(map[string]any) { return set("environments", all) }
	const elsewhere = `belongs to another platform, chain or side: want none here`
	vendorsCluster := func(issuer string) func(map[string]any) {
		return func(c map[string]any) {
			set("side", "vendor")(c)
			set("product", map[string]any{"name": "deepintshield"})(c)
			set("refresher", nil)(c)
			set("azure", map[string]any{"trust": "cluster"})(c)
			set("environments.default.cluster", map[string]any{"issuer": issuer})(c)
			if issuer == "" {
				set("environments.default.cluster", map[string]any{})(c)
			}
		}
	}
	for name, c := range map[string]struct {
		stack string
		edit  func(map[string]any)
		want  string
	}{
		"a side that is none":                 {"dev", set("side", "theirs"), `side "theirs": want the half of the chain that this stack builds`},
		"an exchange with oneself":            {"dev", set("exchange", map[string]any{}), `exchange ` + elsewhere},
		"the vendor's cluster":                {"soylent-vendor", environments(map[string]any{"default": environment("x")}), `environments.default.cluster ` + elsewhere},
		"the vendor's refresher":              {"soylent-vendor", set("refresher", map[string]any{"image": "a.example/b:1"}), `refresher ` + elsewhere},
		"the vendor's tag":                    {"soylent-vendor", set("product.tag", "1"), `product.tag ` + elsewhere},
		"the vendor's subscription":           {"soylent-vendor", set("azure.subscriptionId", "8c1d7e02-90ab-4f36-b1c5-2e4f6a8b0c11"), `azure.subscriptionId ` + elsewhere},
		"the vendor's grant":                  {"soylent-vendor", set("exchange.grant", map[string]any{"file": "x"}), `exchange.grant ` + elsewhere},
		"no tenant to hold a request to":      {"soylent-vendor", set("azure.tenantId", nil), `azure.tenantId is missing: want the customer's tenant ID`},
		"no issuer to hold a request to":      {"cyberdyne", vendorsCluster(""), `environments.default.cluster.issuer is missing: want the cluster's OIDC issuer`},
		"a vendor's anchor without its slash": {"cyberdyne", vendorsCluster("https://x.example/y"), `environments.default.cluster.issuer "https://x.example/y": want it with the slash at its end`},
		"the customer's repository":           {"soylent-customer", set("gcp.repository", map[string]any{"name": "x"}), `gcp.repository ` + elsewhere},
		"no number to hold a grant to":        {"soylent-customer", set("gcp.projectNumber", nil), `gcp.projectNumber is missing: want the vendor's project number`},
		"a number of one's own":               {"dev", set("gcp.projectNumber", "402817365910"), `gcp.projectNumber ` + elsewhere},
		"a document from two places":          {"soylent-vendor", set("exchange.request.file", "x"), `exchange.request has 2 of file, stack: want exactly one`},
		"a document from nowhere":             {"soylent-vendor", set("exchange.request", map[string]any{}), `exchange.request has 0 of file, stack: want exactly one`},
		"a stack by its last name":            {"soylent-vendor", set("exchange.request.stack", "soylent-customer"), `exchange.request.stack "soylent-customer": want the customer's stack, ORGANIZATION/PROJECT/STACK`},
		"an identity beside the cluster's":    {"cyberdyne", set("azure.identity", map[string]any{"name": "one"}), `azure.identity ` + elsewhere},
		"no issuer":                           {"wayne", set("environments.default.cluster.issuer", nil), `environments.default.cluster.issuer is missing: want the cluster's OIDC issuer`},
		"an issuer without TLS":               {"wayne", set("environments.default.cluster.issuer", "http://x.example"), `environments.default.cluster.issuer "http://x.example": want the cluster's OIDC issuer`},
		"an issuer with a user":               {"wayne", set("environments.default.cluster.issuer", "https://a@x.example"), `environments.default.cluster.issuer "https://a@x.example": want the cluster's OIDC issuer`},
		"a cluster's name without a cloud":    {"wayne", set("environments.default.cluster.name", "c"), `environments.default.cluster.name ` + elsewhere},
		"a key set that is none":              {"wayne", set("environments.default.cluster.keySet", `{"keys":[]}`), `environments.default.cluster.keySet holds 0 keys: want 1 to 8`},
		"a key set that nobody reads":         {"dev", set("environments.default.cluster.keySet", "{}"), `environments.default.cluster.keySet ` + elsewhere},
		"neither refresher nor nodes":         {"wayne", set("refresher", nil), `refresher is missing: want the program that keeps the pull secret fresh`},
		"both refresher and nodes":            {"hanso", set("refresher", map[string]any{"image": "a.example/b:1"}), `refresher ` + elsewhere},
		"no nodes":                            {"hanso", set("gke.nodeServiceAccounts", nil), `gke.nodeServiceAccounts is missing: want the emails of the nodes' service accounts`},
		"one namespace twice":                 {"dev", environments(map[string]any{"prod": environment("p"), "test": environment("p")}), `environments.test has the context p and namespace hello of environments.prod`},
		"an environment without a context":    {"dev", environments(map[string]any{"prod": map[string]any{"cluster": map[string]any{"name": "c"}}}), `environments.prod.cluster.context is missing: want the kubeconfig context`},
		"an environment without a cluster":    {"dev", environments(map[string]any{"prod": map[string]any{"cluster": map[string]any{"context": "p"}}}), `environments.prod.cluster has 0 of name, issuer: want exactly one`},
		"a long environment":                  {"dev", environments(map[string]any{"production-eu": environment("p")}), `environments.production-eu is no name here: want where the product runs, by the environment's name (2 to 12`},
		"an environment with two hyphens":     {"dev", environments(map[string]any{"a--b": environment("p")}), `environments.a--b is no environment's name: want 2 to 12`},
		"environments as a list":              {"dev", set("environments", []any{environment("p")}), `environments a list: want an object: where the product runs, by the environment's name`},
		"an environment that is empty":        {"dev", environments(map[string]any{"prod": nil}), `environments.prod null: want an object: where the product runs: cluster, namespace`},
		"protection of somebody else's": {"globex", set("environments.default.namespace.protect", true),
			`environments.default.namespace.protect and existing: want no protection of somebody else's namespace`},
		"a workload and workloads":            {"tyrell", set("workload", map[string]any{"replicas": 1}), `workload and workloads are both given`},
		"an identity on any Kubernetes":       {"wayne", set("workload.identity", true), `workload.identity ` + elsewhere},
		"an identity that may do nothing":     {"initech", set("workload.identity", true), `workload.policies and identity: want both on EKS, or neither`},
		"a policy on Azure":                   {"dev", set("workload.policies", map[string]any{"x": map[string]any{}}), `workload.policies ` + elsewhere},
		"one component twice":                 {"tyrell", set("workloads", []any{map[string]any{"component": "web"}, map[string]any{"component": "web"}}), `workloads[1].component "web": with the environment it makes the same names as workloads[0]`},
		"one identity for two environments":   {"tyrell", set("azure.identity", map[string]any{"existing": "shared"}), `environments.prod.identity is shared, as environments.dev.identity: want one of its own`},
		"an environment's identity elsewhere": {"wayne", set("environments.default.identity", map[string]any{"name": "one"}), `environments.default.identity ` + elsewhere},
		"a provider for several roles": {"initech", func(c map[string]any) {
			set("eks.oidcProvider", map[string]any{"existing": false})(c)
			set("workload", map[string]any{"identity": true, "policies": map[string]any{"x": map[string]any{"Version": "2012-10-17"}}})(c)
		}, `eks.oidcProvider.existing false: want it where one role needs the provider`},
		"an identity without a cluster": {"hooli", func(c map[string]any) {
			set("environments.default.cluster.name", nil)(c)
			set("workload", map[string]any{"identity": true, "policies": map[string]any{"x": map[string]any{"Version": "2012-10-17"}}})(c)
		}, `environments.default.cluster has 0 of name, issuer: want exactly one`},
		"the refresher's identity for workloads": {"tyrell", func(c map[string]any) {
			set("environments.prod.identity", map[string]any{"existing": "shared"})(c)
			set("azure.workloadIdentities", map[string]any{"existing": []any{"shared", "other"}})(c)
		}, `azure.workloadIdentities.existing[0] "shared": is the refresher's`},
		"the refresher's identity by a derived name": {"dev", func(c map[string]any) {
			set("azure.identity", map[string]any{"name": "Hello-Workloads-1"})(c)
			set("workload", map[string]any{"identity": true})(c)
		}, `azure.workloadIdentities.name "hello-workloads-1": is the refresher's`},
		"gke without a project":     {"hanso", set("gke.project", nil), `gke.project is missing: want the customer's project ID`},
		"one identity twice":        {"tyrell", set("azure.workloadIdentities", map[string]any{"existing": []any{"aaa", "aaa"}}), `azure.workloadIdentities.existing a list: want the names`},
		"nodes of another project":  {"hanso", set("gke.nodeServiceAccounts", []any{"gke-nodes@other-platform.iam.gserviceaccount.com"}), `gke.nodeServiceAccounts[0] "gke-nodes@other-platform.iam.gserviceaccount.com": want one of gke.project`},
		"nodes of two environments": {"hanso", set("environments.test", map[string]any{"cluster": map[string]any{"context": "t"}}), `gke and several environments: want a stack with a slug of its own for each`},
		"a long subject": {"wayne", func(c map[string]any) {
			set("product.name", strings.Repeat("p", 40))(c)
			set("environments.default.namespace", map[string]any{"name": strings.Repeat("n", 63)})(c)
		}, `environments.default.namespace.name makes a subject of`},
		"a pull secret that nobody fills": {"hanso", set("environments.default.pullSecret", "x"), `environments.default.pullSecret ` + elsewhere},
		"a key set on the customer's side": {"wayne", func(c map[string]any) {
			set("side", "customer")(c)
			set("gcp.projectNumber", "731904826550")(c)
			set("environments.default.cluster.keySet", "{}")(c)
		}, `environments.default.cluster.keySet ` + elsewhere},
		"a group on EKS":                   {"initech", set("environments.default.cluster.resourceGroup", "g"), `environments.default.cluster.resourceGroup ` + elsewhere},
		"identities for no workload":       {"dev", set("azure.workloadIdentities", map[string]any{"name": "one"}), `azure.workloadIdentities and no workload with identity`},
		"an environment that is none":      {"tyrell", set("workloads", []any{map[string]any{"component": "web"}, map[string]any{"component": "api", "environments": []any{"test"}}}), `workloads[1].environments[0] "test": want one of the environments, dev, prod, staging`},
		"an environment without workloads": {"tyrell", set("workloads", []any{map[string]any{"component": "web", "environments": []any{"prod", "dev"}}}), `environments.staging runs no workload`},
		"the refresher's component":        {"tyrell", set("workloads", []any{map[string]any{"component": "refresher"}}), `workloads[0].component "refresher": want another name`},
		"a version of tomorrow":            {"dev", set("version", 2), `version 2: want the version of the configuration format: 1`},
		"two hyphens in a product":         {"dev", set("product.name", "my--app"), `product.name "my--app": want the product's name`},
		"a tag that Google does not take":  {"dev", set("tags", map[string]any{"Cost Center": "7"}), `tags["Cost Center"] "7": want a key of 1 to 63 of a-z, 0-9, _ and -`},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, c.stack, c.edit)
			lines := refused(t, values, secrets)
			assert.Contains(t, lines[0], c.want)
			for _, line := range lines[1:] {
				assert.Contains(t, line, c.want[strings.LastIndex(c.want, ":")+1:], "one problem is one line, for each place that has it")
			}
		})
	}
}

// What the schema, the program and the components find is said at once.
func TestExampleProblemsOfEveryKindAreNamedTogether(t *testing.T) {
	values, secrets := loadStack(t, "dev", all(
		set("product.port", "8080"), set("azure.subscriptionId", devTenant),
		set("workload.resources", map[string]any{"requests": map[string]any{"cpu": "2"}, "limits": map[string]any{"cpu": "1"}}),
	))
	lines := refused(t, values, secrets)
	require.Len(t, lines, 3, lines)
	for i, want := range []string{`product.port "8080"`, "azure.subscriptionId", `workload.resources.requests.cpu "2"`} {
		assert.Contains(t, lines[i], want)
	}
}

// On AWS the same holds.
func TestExampleWrongConfigurationOnAWSIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		stack string
		edit  func(map[string]any)
		want  string
	}{
		"an account as a number":       {"initech", set("aws.customer.account", 123456789012), `aws.customer.account 123456789012 is a number for YAML, which may have changed it: quote it`},
		"a bad Region":                 {"initech", set("aws.vendor.region", "europe"), `aws.vendor.region "europe": is no AWS Region: want one such as eu-central-1`},
		"no vendor":                    {"initech", set("aws.vendor", nil), `aws.vendor is missing: want the vendor's registry`},
		"another platform's key":       {"initech", set("gcp", map[string]any{}), `gcp belongs to another platform, chain or side: want none here`},
		"a cluster with two names":     {"initech", set("environments.default.cluster.issuer", "https://oidc.eks.eu-central-1.amazonaws.com/id/AB"), `environments.default.cluster has 2 of name, issuer: want exactly one`},
		"a node role of nobody's":      {"hooli", set("eks.nodeRoles", []any{"arn:aws:iam::999999999999:role/node"}), `eks.nodeRoles[0] "arn:aws:iam::999999999999:role/node": want one of aws.customer.account`},
		"a role that nothing becomes":  {"hooli", set("eks.role", map[string]any{"path": "/x/"}), `eks.role is for a role that a ServiceAccount becomes, and there is none`},
		"protection of nothing":        {"initech", set("eks.oidcProvider", map[string]any{"protect": true}), `eks.oidcProvider.protect true: want it with existing false only`},
		"a policy that is none":        {"stark", set("workload.policies", map[string]any{"bucket": map[string]any{"a": 1}}), `workload.policies.bucket.document is no policy`},
		"node roles without the mode":  {"initech", set("eks.nodeRoles", []any{"arn:aws:iam::123456789012:role/node"}), `eks.nodeRoles belongs to another platform, chain or side`},
		"a wildcard in a node role":    {"hooli", set("eks.nodeRoles", []any{"arn:aws:iam::323456789012:role/*"}), `eks.nodeRoles[0] "arn:aws:iam::323456789012:role/*": want a role's ARN without wildcards`},
		"a refresher for the node":     {"hooli", set("refresher", map[string]any{"image": "a.example/b:1"}), `refresher belongs to another platform, chain or side`},
		"no refresher":                 {"initech", set("refresher", nil), `refresher is missing: want the program that keeps the pull secret fresh`},
		"Pod Identity without a name":  {"umbrella", set("environments.default.cluster", map[string]any{"context": "c", "issuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/AB"}), `environments.default.cluster.name is missing`},
		"an image inside a repository": {"stark", set("product.image", "a/b"), `product.image belongs to another platform, chain or side`},
		"a file on ECS":                {"stark", set("product.configPath", "/etc/app.json"), `product.configPath belongs to another platform, chain or side`},
		"a size that Fargate has not":  {"stark", set("ecs.memory", 5000), `ecs.memory of cpu 512 and memory 5000: want one of`},
		"a bad subnet":                 {"stark", set("ecs.subnets", []any{"net-1"}), `ecs.subnets[0] "net-1": want an ID such as subnet-`},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, c.stack, c.edit)
			text := strings.Join(refused(t, values, secrets), "\n")
			assert.Contains(t, text, c.want)
		})
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	values, secrets := loadStack(t, "dev",
		set("slug", "X"), set("product.tag", 1.10), set("azure.tenantId", "none"), set("gcp.project", nil),
		set("environments.default.contxt", "typo"), set("product.port", 70000), set("environments.default.cluster.issuer", issuer),
		set("product.configPath", "/etc/app.json"))
	values["gcp:project"] = "ignored"
	lines := refused(t, values, secrets)
	for _, key := range []string{"slug", "product.tag", "azure.tenantId", "gcp.project", "environments.default.contxt", "product.port", "environments.default.cluster", "waybill:productConfig", "gcp:project"} {
		count := 0
		for _, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), key+" ") {
				count++
			}
		}
		assert.Equal(t, 1, count, "lines about %s in\n%s", key, strings.Join(lines, "\n"))
	}
}

// refused runs the program, which must register nothing, and gives the lines
// of its error below the first.
func refused(t *testing.T, values map[string]string, secrets []string) []string {
	t.Helper()
	var messages []string
	for _, preview := range []bool{false, true} {
		r := newRecorder(values, secrets)
		r.Preview = preview
		err := r.Run(stacks.Run)
		require.Error(t, err)
		for _, registration := range r.All() {
			assert.True(t, registration.Read, "nothing is registered: %s", registration.Name)
		}
		messages = append(messages, err.Error())
	}
	assert.Equal(t, messages[0], messages[1], "previews refuse the same")
	_, text, found := strings.Cut(messages[0], "nothing is changed:\n")
	require.True(t, found, messages[0])
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestExampleSecretsOfTheConfiguration(t *testing.T) {
	const hidden = "hidden-value-4711"
	for name, c := range map[string]struct {
		stack string
		edit  func(values map[string]string) (secrets []string)
		want  string
	}{
		"missing": {"acme", func(v map[string]string) []string { delete(v, "waybill:productConfig"); return nil }, `waybill:productConfig is missing, and product.configPath "/app/data/config.json" wants it`},
		"empty": {"acme", func(v map[string]string) []string {
			v["waybill:productConfig"] = " \n"
			return []string{"waybill:productConfig"}
		}, `waybill:productConfig is empty`},
		"in the clear": {"acme", func(v map[string]string) []string {
			v["waybill:productConfig"] = `{"key": "` + hidden + `"}`
			return nil
		}, `waybill:productConfig is not a secret`},
		"no JSON": {"acme", func(v map[string]string) []string {
			v["waybill:productConfig"] = hidden
			return []string{"waybill:productConfig"}
		}, `waybill:productConfig is no JSON`},
		"without a path": {"dev", func(v map[string]string) []string {
			v["waybill:productConfig"] = hidden
			return []string{"waybill:productConfig"}
		}, `waybill:productConfig is set and product.configPath is not`},
		"inside the object": {"acme", func(v map[string]string) []string {
			v["waybill:customer"] = strings.Replace(v["waybill:customer"], "acme", hidden, 1)
			delete(v, "waybill:productConfig")
			return []string{"waybill:customer"}
		}, `waybill:customer holds a secret: want none in it`},
	} {
		t.Run(name, func(t *testing.T) {
			values, _ := loadStack(t, c.stack)
			secrets := c.edit(values)
			lines := refused(t, values, secrets)
			require.Len(t, lines, 1)
			assert.Contains(t, lines[0], c.want)
			assert.NotContains(t, lines[0], hidden)
		})
	}
}

func TestTheObjectItselfIsChecked(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"missing":      {"", "waybill:customer is missing"},
		"no JSON":      {"{", "waybill:customer is no object"},
		"not a map":    {`"acme"`, `(the object) "acme": want an object`},
		"an empty one": {`{}`, "slug is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			values := map[string]string{}
			if c.text != "" {
				values["waybill:customer"] = c.text
			}
			assert.Contains(t, strings.Join(refused(t, values, nil), "\n"), c.want)
		})
	}
}

// Settings of providers that explicit providers would ignore mislead.
func TestProviderKeysOfTheStackFileAreRefused(t *testing.T) {
	for _, key := range []string{"aws:region", "azure-native:location", "azure-native:clientSecret", "gcp:project", "gcp:credentials", "kubernetes:context", "kubernetes:kubeconfig"} {
		values, secrets := loadStack(t, "dev")
		values[key] = "value-of-it"
		lines := refused(t, values, secrets)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], key+" is set, and the explicit providers ignore it")
		assert.NotContains(t, lines[0], "value-of-it")
	}
}

func TestExampleARefusedLookUpRegistersNothingButProviders(t *testing.T) {
	for name, c := range map[string]struct {
		stack string
		token string
		fail  func() (resource.PropertyMap, error)
		want  string
	}{
		"a cluster that is not there": {"dev", "", func() (resource.PropertyMap, error) { return nil, fmt.Errorf("ResourceNotFound") },
			`environments.default.cluster.name "example-cluster" in group "example-apps"`},
		"a cluster without an issuer": {"dev", "", func() (resource.PropertyMap, error) { return cluster("")(nil) },
			"`az aks update --resource-group example-apps --name example-cluster --enable-oidc-issuer`"},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, c.stack)
			r := newRecorder(values, secrets)
			r.Functions["azure-native:containerservice:getManagedCluster"] = func(resource.PropertyMap) (resource.PropertyMap, error) { return c.fail() }
			err := r.Run(stacks.Run)
			require.ErrorContains(t, err, c.want)
			assert.Empty(t, beyondProviders(r))
		})
	}
	t.Run("a namespace that does not enforce restricted", func(t *testing.T) {
		values, secrets := loadStack(t, "globex")
		r := newRecorder(values, secrets)
		r.Reads["kubernetes:core/v1:Namespace"] = namespace(map[string]any{"pod-security.kubernetes.io/enforce": "baseline"})
		err := r.Run(stacks.Run)
		require.ErrorContains(t, err, "`kubectl label namespace security-tools pod-security.kubernetes.io/enforce=restricted`")
		assert.Empty(t, beyondProviders(r))
	})
	t.Run("another cluster than the pinned one", func(t *testing.T) {
		const pinned, there = "0b9a1f8e-3c4d-4e5f-8a6b-7c8d9e0f1a2b", "5d4c3b2a-1f0e-4d9c-8b7a-6f5e4d3c2b1a"
		values, secrets := loadStack(t, "dev", set("environments.default.cluster.id", pinned))
		system := func(uid string) func(string) (resource.PropertyMap, error) {
			return func(id string) (resource.PropertyMap, error) {
				assert.Equal(t, "kube-system", id)
				return resource.NewPropertyMapFromMap(map[string]any{"metadata": map[string]any{"name": id, "uid": uid}}), nil
			}
		}
		for _, preview := range []bool{false, true} {
			r := newRecorder(values, secrets)
			r.Preview = preview
			r.Reads["kubernetes:core/v1:Namespace"] = system(there)
			require.ErrorContains(t, r.Run(stacks.Run), `environments.default.cluster.id "`+pinned+`": the context reaches another cluster, `+there+
				": want another context or, where the cluster was replaced, that ID and `pulumi up --refresh -s test`")
			assert.Empty(t, beyondProviders(r))
		}
		r := newRecorder(values, secrets)
		r.Reads["kubernetes:core/v1:Namespace"] = system(pinned)
		require.NoError(t, r.Run(stacks.Run))
		// Whoever is suspended may have a cluster that is out of reach.
		values, secrets = loadStack(t, "dev", set("environments.default.cluster.id", pinned), set("suspended", true))
		r = newRecorder(values, secrets)
		r.Reads["kubernetes:core/v1:Namespace"] = func(string) (resource.PropertyMap, error) { return nil, errors.New("unreachable") }
		require.NoError(t, r.Run(stacks.Run))
		values, secrets = loadStack(t, "globex", set("environments.default.pullSecretAlsoIn", []any{"batch"}), set("suspended", true))
		r = newRecorder(values, secrets)
		r.Reads["kubernetes:core/v1:Namespace"] = func(string) (resource.PropertyMap, error) { return nil, errors.New("unreachable") }
		require.NoError(t, r.Run(stacks.Run))
		assert.Empty(t, r.Of("Namespace"), "the existing one is not made")
	})
	t.Run("an identity that is not there", func(t *testing.T) {
		values, secrets := loadStack(t, "globex")
		r := newRecorder(values, secrets)
		r.Functions["azure-native:managedidentity:getUserAssignedIdentity"] = func(resource.PropertyMap) (resource.PropertyMap, error) {
			return nil, fmt.Errorf("ResourceNotFound")
		}
		require.ErrorContains(t, r.Run(stacks.Run), `azure.identity.existing "globex-image-pull" of group "globex-platform"`)
		assert.Empty(t, beyondProviders(r))
	})
	t.Run("unless it is waived", func(t *testing.T) {
		values, secrets := loadStack(t, "globex", set("environments.default.namespace.waivePodSecurity", true))
		r := newRecorder(values, secrets)
		r.Reads["kubernetes:core/v1:Namespace"] = namespace(nil)
		require.NoError(t, r.Run(stacks.Run))
	})
}

// The published schema takes every stack file as an editor reads it, and names
// every key that the program reads.
func TestThePublishedSchemaTakesEveryStackFile(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile(filepath.Join("..", "stacks", "schema", "stack.schema.json"))
	require.NoError(t, err)
	for _, name := range stackfile.Names(t, "..") {
		path := stackfile.Path(t, "..", name)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		published, err := filepath.Rel(filepath.Dir(path), filepath.Join("..", "stacks", "schema", "stack.schema.json"))
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(text), "# yaml-language-server: $schema="+filepath.ToSlash(published)+"\n"), "%s names its schema for editors", name)
		values, secrets := stackfile.Load(t, "..", name)
		config := map[string]any{}
		for key, value := range values {
			if slices.Contains(secrets, key) {
				config[key] = map[string]any{"secure": "ciphertext"}
				continue
			}
			config[key], err = jsonschema.UnmarshalJSON(strings.NewReader(value))
			require.NoError(t, err)
		}
		assert.NoError(t, schema.Validate(map[string]any{"config": config}), name)
	}
}

// Whoever finds a problem, the line names the configuration's key and never a
// component's argument.
func TestEveryLineNamesAKeyOfTheConfiguration(t *testing.T) {
	known := regexp.MustCompile(`^  (version|slug|side|platform|product|exchange|environments|azure|gcp|aws|eks|ecs|gke|refresher|workloads?|tags|labels|adopt|waybill:productConfig)\b`)
	refusals := 0
	for _, name := range stackfile.Names(t, "..") {
		values, secrets := loadStack(t, name)
		var customer map[string]any
		require.NoError(t, json.Unmarshal([]byte(values["waybill:customer"]), &customer))
		for _, path := range leaves("", customer) {
			for _, value := range []any{
				strings.Repeat("a", 70), "A b", "*", "30m", 0, 4097, []any{"a", "a"}, map[string]any{"a": "b"}, nil,
			} {
				edited := maps.Clone(values)
				edited["waybill:customer"] = change(t, values["waybill:customer"], path, value)
				err := newRecorder(edited, secrets).Run(examples(t))
				if err == nil || !strings.Contains(err.Error(), "nothing is changed:\n") {
					continue // accepted, or a look-up's
				}
				refusals++
				_, text, _ := strings.Cut(err.Error(), "nothing is changed:\n")
				for line := range strings.Lines(text) {
					if line = strings.TrimRight(line, "\n"); line != "" {
						assert.Regexp(t, known, line, "%s: %s = %v", name, path, value)
					}
				}
			}
		}
	}
	assert.Greater(t, refusals, 1000)
}
