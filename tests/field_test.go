package tests_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
)

const (
	devTenant = "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"
	one, two  = "1b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7", "2b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b8"
)

// object sets an object of one key; its key may have dots.
func object(path, key string, value any) func(map[string]any) {
	return set(path, map[string]any{key: value})
}

func proxied(key string, value any) func(map[string]any) {
	return set("environments.default.proxy", map[string]any{"https": "http://proxy.example:3128", key: value})
}

// regions takes both sides to Regions of one partition.
func regions(vendor, customer string) func(map[string]any) {
	return all(set("aws.vendor.region", vendor), set("aws.customer.region", customer))
}

// What is odd and legal is taken: each name and number by its cloud's own grammar.
func TestExampleOddAndLegalIsTaken(t *testing.T) {
	rsa := `{"kty":"RSA","alg":"RS256","use":"sig","kid":"a","n":"` + modulus + `","e":"AQAB"}`
	ec := `{"kty":"EC","alg":"ES256","kid":"b","crv":"P-256","x":"` + pointX + `","y":"` + pointY + `"}`
	token := func(of map[string]any) func(map[string]any) { return set("azure.token", of) }
	for name, c := range map[string]struct {
		stack string
		edit  func(map[string]any)
	}{
		"a cluster's own tenant":  {"dev", byIssuer("https://westeurope.oic.prod-aks.azure.com/" + one + "/" + two + "/")},
		"half a CPU":              {"dev", limits(nil, map[string]any{"cpu": ".5"})},
		"a CPU with its point":    {"dev", limits(nil, map[string]any{"cpu": "1."})},
		"a CPU with an exponent":  {"dev", limits(nil, map[string]any{"cpu": "1e0"})},
		"bytes with an exponent":  {"wayne", limits(map[string]any{"memory": "1e9"}, map[string]any{"memory": "1e9"})},
		"thousandths of bytes":    {"wayne", limits(nil, map[string]any{"memory": "128974848000m"})},
		"a half of Gi":            {"wayne", set("workload.writable", []any{map[string]any{"path": "/data/a..b", "size": "1.5Gi"}})},
		"huge pages":              {"wayne", limits(map[string]any{"hugepages-2Mi": "64Mi"}, map[string]any{"hugepages-2Mi": "64Mi"})},
		"shared memory":           {"dev", set("workload.writable", []any{map[string]any{"path": "/dev/shm", "size": "64Mi"}, map[string]any{"path": "/etc/nginx/conf.d"}})},
		"a path with a query":     {"dev", set("product.healthPath", "/health?full=1&x=y")},
		"a queue's label":         {"wayne", object("workload.labels", "kueue.x-k8s.io/queue-name", "q")},
		"an eviction's word":      {"wayne", object("workload.annotations", "cluster-autoscaler.kubernetes.io/safe-to-evict", "true")},
		"every node's label":      {"wayne", object("workload.nodeSelector", "node-role.kubernetes.io/infra", "")},
		"a proxy's forms":         {"wayne", proxied("no", []any{"*.corp", ".corp", "10.0.0.0/8", "fd00::/8", "fd00::1", "[fd00::1]:443", "host:8443", "my_host.corp"})},
		"a proxy by IPv6":         {"wayne", set("environments.default.proxy", map[string]any{"https": "http://[2001:db8::1]:3128"})},
		"a bundle of Windows'":    {"wayne", proxied("authority", strings.ReplaceAll("# Corp\n"+authority+"# Issuing\n"+authority, "\n", "\r\n"))},
		"a deadline in seconds":   {"wayne", set("refresher.deadline", "150s")},
		"a deadline in both":      {"wayne", set("refresher.deadline", "2m30s")},
		"propagation in minutes":  {"wayne", set("refresher.propagation", "5m")},
		"names of secrets":        {"wayne", set("workload.env", map[string]any{"PASSWORD_FILE": "/run/p", "DB_PASSWORD": "$(PGPASS)", "USE_PASSWORD": "true", "SECRET_NAME": "tls", "URL": "postgres://app:$(PGPASS)@db/x"})},
		"EKS, a hyphen at last":   {"initech", set("environments.default.cluster.name", "prod-")},
		"EKS, a name of 100":      {"initech", set("environments.default.cluster.name", strings.Repeat("a", 100))},
		"a context of OpenShift":  {"wayne", set("environments.default.cluster.context", "bifrost/api-prod-example-com:6443/kube:admin")},
		"a domain's GKE":          {"wayne", byIssuer("https://container.googleapis.com/v1/projects/example.com:proj-one/locations/europe-west1/clusters/c")},
		"an IPv6 issuer's keys":   {"wayne", set("environments.default.cluster", map[string]any{"context": "c", "issuer": "https://[fd00::1]:6443", "keySet": `{"keys":[` + rsa + "," + ec + `]}`})},
		"a domain's project":      {"wayne", all(set("gcp.project", "example.com:bifrost"), set("gcp.repository", map[string]any{"upstream": "projects/example.com:releases/locations/europe-west1/repositories/r"}))},
		"a domain's nodes":        {"hanso", all(set("gke.project", "hanso.example:platform"), set("gke.nodeServiceAccounts", []any{"gke-nodes@platform.hanso.example.iam.gserviceaccount.com"}))},
		"a label of other script": {"wayne", object("tags", "équipe", "größe")},
		"GovCloud":                {"stark", all(unbalanced, regions("us-gov-west-1", "us-gov-east-1"), object("ecs.secrets", "A", "arn:aws-us-gov:secretsmanager:us-gov-east-1:423456789012:secret:db-AbCdEf"))},
		"China, by its issuer":    {"initech", all(regions("cn-north-1", "cn-north-1"), byIssuer("https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0A"))},
		"a Region of this year":   {"stark", all(unbalanced, regions("ap-southeast-6", "ap-east-2"))},
		"a role of SSO":           {"hooli", set("eks.nodeRoles", []any{"arn:aws:iam::323456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Ops_0123456789abcdef"})},
		"Azure's government": {"dev", all(set("azure.cloud", "usgovernment"), set("azure.location", "usgovvirginia"), token(map[string]any{"audience": one}),
			byIssuer("https://usgovvirginia.oic.prod-aks.azure.us/"+devTenant+"/"+two+"/"))},
		"tokens of v1": {"dev", token(map[string]any{"version": "v1", "issuer": "https://sts.windows.net/" + devTenant + "/", "audience": "api://bifrost", "scope": "api://bifrost/.default"})},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runStack(t, c.stack, nil, c.edit)
			assert.NoError(t, err)
		})
	}
}

// What a cloud or a cluster would refuse, or what would do something else than was
// meant, is refused with the likely right value.
func TestExampleWrongAndPlausibleIsNamed(t *testing.T) {
	writable := func(path string) func(map[string]any) {
		return set("workload.writable", []any{map[string]any{"path": path}})
	}
	application := func(client, principal string) func(map[string]any) {
		return set("azure.identity", map[string]any{"application": map[string]any{"clientId": client, "principalId": principal}})
	}
	keySet := func(key string) func(map[string]any) {
		return set("environments.default.cluster.keySet", `{"keys":[`+key+`]}`)
	}
	secretOf := func(arn string) func(map[string]any) { return object("ecs.secrets", "A", arn) }
	const pem = "environments.default.proxy.authority "
	mistakes := map[string]mistake{
		// The likely right value, whatever the key.
		"a resource's ID":          {"dev", set("azure.identity.existing", "/subscriptions/a/resourcegroups/b/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x-pull"), `azure.identity.existing "/subscriptions/a/resourcegroups/b/providers/Microsoft.ManagedIdentity/userAssig…: want the name of a user-assigned identity of azure.resourceGroup; its last part alone: "x-pull"`, set("azure.identity.existing", "x-pull")},
		"an ARN for a name":        {"stark", set("ecs.cluster", "arn:aws:ecs:us-east-1:423456789012:cluster/stark-apps"), `ecs.cluster "arn:aws:ecs:us-east-1:423456789012:cluster/stark-apps": want the ECS cluster's name; its last part alone: "stark-apps"`, set("ecs.cluster", "stark-apps")},
		"an account as shown":      {"initech", set("aws.vendor.account", "2109-8765-4321"), `aws.vendor.account "2109-8765-4321": want the vendor's AWS account, 12 digits, quoted; its digits alone: "210987654321"`, set("aws.vendor.account", "210987654321")},
		"an email for an ID":       {"wayne", set("gcp.serviceAccount", "bifrost-pull@bifrost-images.iam.gserviceaccount.com"), `gcp.serviceAccount "bifrost-pull@bifrost-images.iam.gserviceaccount.com": want the service account's ID, 6 to 30 of a-z, 0-9 and hyphens, first a letter; default: SLUG--PRODUCT-pull; the part before the @: "bifrost-pull"`, set("gcp.serviceAccount", "bifrost-pull")},
		"a context with a space":   {"dev", set("environments.default.cluster.context", "prod "), `environments.default.cluster.context "prod ": want the kubeconfig context of the cluster; the current context is never used; without the spaces around it: "prod"`, set("environments.default.cluster.context", "prod")},
		"a slash at the end":       {"initech", set("aws.vendor.repository", map[string]any{"name": "team/x/"}), `aws.vendor.repository.name "team/x/": want the repository's name, 2 to 256 of a-z, 0-9 and ._-/, with letters and digits first, last and around the other characters; default: SLUG/PRODUCT; without the slash at its end: "team/x"`, nil},
		"an image with a slash":    {"dev", set("product.image", "team/app/"), `product.image "team/app/": want a path of at most 255 characters, parts of a-z and 0-9 with ., _, __ or hyphens inside and / between, such as "team/app"`, set("product.image", "team/app")},
		"a path of one's own":      {"initech", set("eks.role.path", "waybill"), `eks.role.path "waybill": want the role's path, which starts and ends with a slash; between slashes: "/waybill/"`, set("eks.role.path", "/waybill/")},
		"a health URL":             {"hanso", set("product.healthPath", "http://localhost:8080/health"), `product.healthPath "http://localhost:8080/health": want the path that answers liveness and readiness probes, starting with /; on ecs the container asks it with curl, which the image must contain, unless ecs.health.command is set; its path alone: "/health"`, nil},
		"a proxy without a scheme": {"wayne", set("environments.default.proxy", map[string]any{"https": "proxy.example:3128"}), `environments.default.proxy.https "proxy.example:3128": want the proxy's URL with its port: http://HOST:PORT, or https://HOST:PORT if the proxy itself speaks TLS; no user and no password; default: direct connections; with http:// in front: "http://proxy.example:3128"`, nil},
		"a letter of Cyrillic":     {"wayne", set("gcp.project", "b\u0456frost-images"), "gcp.project \"b\u0456frost-images\": want the vendor's project ID, not its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last a letter or digit; '\u0456' in it is U+0456, which may look like another letter", nil},
		"a space without a width":  {"wayne", set("gcp.project", "bifrost-images\u200b"), "gcp.project \"bifrost-images\u200b\": want the vendor's project ID, not its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last a letter or digit; it holds U+200B, which is not to be seen", nil},
		"a place in Cyrillic":      {"wayne", location("\u0435urope-west1"), `gcp.location "\u0435urope-west1": is no location of Artifact Registry: want "europe-west1", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, nil},
		"one subnet twice":         {"stark", set("ecs.subnets", []any{"subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60718"}), `ecs.subnets a list: want the IDs of the tasks' subnets, each once; the items 0 and 1 are the same`, nil},

		// Names that belong to somebody else.
		"OpenShift's namespace":  {"wayne", set("environments.default.namespace.name", "openshift-images"), `environments.default.namespace.name "openshift-images": is OpenShift's own: want another, or existing: true beside it`, nil},
		"GKE's namespace":        {"wayne", set("environments.default.namespace.name", "gke-managed-x"), `environments.default.namespace.name "gke-managed-x": is GKE's own: want another, or existing: true beside it`, nil},
		"Kubernetes' label":      {"wayne", object("workload.labels", "kubernetes.io/tier", "x"), `workload.labels["kubernetes.io/tier"] "x": want a key outside kubernetes.io and k8s.io, which are reserved for Kubernetes' own`, object("workload.labels", "example.com/tier", "x")},
		"a domain below it":      {"wayne", object("labels", "topology.k8s.io/zone", "x"), `labels["topology.k8s.io/zone"] "x": want a key outside kubernetes.io and k8s.io, which are reserved for Kubernetes' own`, nil},
		"a prefix of two dots":   {"wayne", object("workload.labels", "a..b/x", "x"), `workload.labels["a..b/x"] "x": want a key of at most 63 letters, digits and ._-, with a DNS name and a slash before it where it has a prefix`, nil},
		"a label with a space":   {"wayne", object("workload.labels", "a b", "x"), `workload.labels.a b is no name here: want labels of the pods in addition to waybill's own: KEY or DOMAIN/KEY, where KEY is at most 63 letters, digits and ._-`, nil},
		"the cluster's priority": {"wayne", set("workload.priorityClass", "system-node-critical"), `workload.priorityClass "system-node-critical": is for the cluster's own components, which it would evict: want a class of the customer's`, nil},
		"the refresher's":        {"wayne", set("refresher.priorityClass", "system-cluster-critical"), `refresher.priorityClass "system-cluster-critical": is for the cluster's own components, which it would evict: want a class of the customer's`, nil},
		"Google's label":         {"wayne", object("tags", "goog-team", "x"), `tags["goog-team"] "x": want a key that does not start with goog-`, object("tags", "google", "x")},
		"tags by their case":     {"initech", set("tags", map[string]any{"Team": "a", "team": "b"}), `tags["team"] "b": want one of it and "Team", which differ in their case alone`, nil},
		"Google's pool":          {"wayne", set("gcp.pool", "gcp-pool"), `gcp.pool "gcp-pool": want the workload identity pool's ID, 4 to 32 of a-z, 0-9 and hyphens, without the prefix gcp-, for a pool that was made by hand or that must keep its ID when the trust changes; default: derived from slug, product and trust`, nil},
		"roles by their case":    {"stark", all(set("ecs.executionRole.name", "Stark"), set("ecs.taskRole.name", "stark")), `ecs.taskRole.name "stark": is the execution role's: want two roles`, nil},
		"the API server's":       {"dev", env("KUBERNETES_SERVICE_HOST", "10.0.0.1"), `workload.env.KUBERNETES_SERVICE_HOST "10.0.0.1": is set by Kubernetes, for every client of the API server: want none here`, nil},
		"the agent's":            {"stark", env("ECS_AGENT_URI", "http://x"), `workload.env.ECS_AGENT_URI "http://x": is set by the platform, which says there where the product's credentials are: want none here`, nil},
		"the webhook's":          {"dev", all(env("AZURE_CLIENT_ID", one), set("workload.identity", true)), `workload.env.AZURE_CLIENT_ID "` + one + `": is set by the platform, which says there where the product's credentials are: want none here`, env("AZURE_CLIENT_ID", one)},

		// Paths in the container.
		"the kernel's":     {"dev", writable("/proc/x"), `workload.writable[0].path "/proc/x": want another path, those in /proc, /sys and /dev are the kernel's`, nil},
		"the programs'":    {"dev", writable("/usr"), `workload.writable[0].path "/usr": want a folder in it, since an empty one would hide what the image has there`, writable("/usr/share/app")},
		"the kubelet's":    {"acme", all(set("product.configPath", "/etc/hosts"), set("workload.writable", nil)), `product.configPath "/etc/hosts": want another path, something else is mounted there in every pod`, nil},
		"with a colon":     {"dev", writable("/data:x"), `workload.writable[0].path "/data:x": want an absolute path of a folder other than /`, nil},
		"with two periods": {"dev", writable("/data/../etc"), `workload.writable[0].path "/data/../etc": want an absolute path of a folder other than /`, writable("/data/a..b")},
		"over a space":     {"wayne", set("workload.spreadOver", []any{"a b"}), `workload.spreadOver[0] "a b": want a node label's key, such as topology.kubernetes.io/zone`, nil},

		// The proxy and its authority.
		"a port of no TCP":       {"wayne", set("environments.default.proxy", map[string]any{"https": "http://proxy.example:99999"}), `environments.default.proxy.https "http://proxy.example:99999": want http://HOST:PORT, or https://HOST:PORT if the proxy itself speaks TLS, and a port of 1 to 65535`, nil},
		"a proxy's password":     {"wayne", set("environments.default.proxy", map[string]any{"https": "http://u:hunter2/3@proxy.example:3128"}), `environments.default.proxy.https holds a user or a password: want http://HOST:PORT without them, such as that of a proxy that knows the cluster by its addresses`, nil},
		"a part of an address":   {"wayne", proxied("no", []any{"10.0.0"}), `environments.default.proxy.no[0] "10.0.0": want a host, a domain such as .example.com, an address or a block`, proxied("no", []any{"10.0.0.0/24"})},
		"no certificate":         {"wayne", proxied("authority", authority+"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), pem + `holds no certificate in its PEM block 2, CERTIFICATE: want certificates alone`, nil},
		"a bundle that is short": {"wayne", proxied("authority", authority+authority[:200]), pem + `has 2 PEM blocks that begin, and 1 that are whole: want each with its end and nothing cut off`, nil},
		"a ConfigMap's key":      {"wayne", set("environments.default.proxy", map[string]any{"authorityConfigMap": map[string]any{"name": "a", "key": ".."}}), `environments.default.proxy.authorityConfigMap and the key "..": want one that a ConfigMap may have, not . and none that starts with ..`, nil},

		// IDs that are another's, or of another cloud.
		"an issuer's cloud":      {"dev", byIssuer("https://usgovvirginia.oic.prod-aks.azure.us/" + devTenant + "/" + two + "/"), `environments.default.cluster.issuer "https://usgovvirginia.oic.prod-aks.azure.us/` + devTenant + "/" + two + `/": is of a cluster in the Azure cloud usgovernment: want azure.cloud: usgovernment, or a cluster in public`, nil},
		"a region's cloud":       {"dev", set("azure.location", "chinanorth2"), `azure.location "chinanorth2": is of another cloud than azure.cloud, public: want one of its regions, such as australiacentral`, nil},
		"a tenant for a client":  {"dev", application(devTenant, two), "azure.identity.application.clientId \"" + devTenant + "\": is the tenant's ID: want the application's, `az ad app list --display-name NAME --query [].appId`", application(one, two)},
		"the subscription's":     {"dev", application(one, "8c1d7e02-90ab-4f36-b1c5-2e4f6a8b0c11"), "azure.identity.application.principalId \"8c1d7e02-90ab-4f36-b1c5-2e4f6a8b0c11\": is the subscription's ID: want the service principal's object ID, `az ad sp show --id CLIENT-ID --query id`", nil},
		"no GUID":                {"dev", set("azure.tenantId", "00000000-0000-0000-0000-000000000000"), `azure.tenantId "00000000-0000-0000-0000-000000000000": stands for none: want a GUID of Azure's`, nil},
		"the exchange's URI":     {"dev", set("azure.token", map[string]any{"audience": "api://AzureADTokenExchange"}), `azure.token.audience "api://AzureADTokenExchange": is the audience of the tokens that Entra takes: want that of those it gives, the GUID in their aud`, nil},
		"another tenant's":       {"dev", set("azure.token", map[string]any{"issuer": "https://login.microsoftonline.com/" + one + "/v2.0"}), `azure.token.issuer "https://login.microsoftonline.com/` + one + `/v2.0": want one of the tenant ` + devTenant, nil},
		"v1's issuer":            {"dev", set("azure.token", map[string]any{"issuer": "https://sts.windows.net/" + devTenant + "/"}), `azure.token.issuer "https://sts.windows.net/` + devTenant + `/": is the other version's, tokens of v2 have an issuer that ends in /v2.0 and tokens of v1 one that does not: want v2's`, nil},
		"AKS's length":           {"dev", set("environments.default.cluster.name", strings.Repeat("a", 64)), `environments.default.cluster.name "` + strings.Repeat("a", 64) + `": want the name of a cluster on AKS, 1 to 63 letters, digits, _ and -, a letter or digit first and last`, nil},
		"a host for a name":      {"initech", set("aws.vendor.repository", map[string]any{"name": "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/x"}), `aws.vendor.repository.name "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/x": begins with the registry's host: want the name alone, "team/x"`, nil},
		"a host for a path":      {"wayne", set("product.image", "europe-west1-docker.pkg.dev/p/r/app"), `product.image "europe-west1-docker.pkg.dev/p/r/app": begins with a registry's host: want the image's path in the customer's repository, such as "app"`, set("product.image", "app")},
		"a parameter's JSON":     {"stark", secretOf("arn:aws:ssm:us-east-1:423456789012:parameter/db:user::"), `ecs.secrets["A"] is a parameter with something after its name: want its ARN alone; only secrets of Secrets Manager have JSON keys, stages and versions`, nil},
		"a secret's Region":      {"stark", secretOf("arn:aws:secretsmanager:us-est-1:423456789012:secret:db-AbCdEf"), `ecs.secrets.A names a Region, "us-est-1": is no AWS Region: want "us-east-1", or "us-west-1", if that was meant; aws.customer.newRegion: true takes one newer than 2026-11-27`, nil},
		"one cluster, two names": {"wayne", set("environments.dr", map[string]any{"cluster": map[string]any{"context": "dr", "issuer": "https://kubernetes.wayne.example/rack-1"}}), `environments.dr has the cluster and namespace bifrost of environments.default: want another namespace or cluster`, set("environments.dr", map[string]any{"cluster": map[string]any{"context": "dr", "issuer": "https://kubernetes.wayne.example/rack-2"}})},

		// Keys.
		"1024 bits":        {"wayne", keySet(`{"kty":"RSA","alg":"RS256","n":"` + modulus[:172] + `","e":"AQAB"}`), `environments.default.cluster.keySet keys[0].n has 1032 bits: want 2048 at the least, as RS256 asks`, nil},
		"an exponent of 1": {"wayne", keySet(`{"kty":"RSA","alg":"RS256","n":"` + modulus + `","e":"AQ"}`), `environments.default.cluster.keySet keys[0].e is 1: want an odd number from 3, such as AQAB`, nil},
		"off the curve":    {"wayne", keySet(`{"kty":"EC","alg":"ES256","crv":"P-256","x":"` + pointX + `","y":"` + pointX + `"}`), `environments.default.cluster.keySet keys[0].x and .y are no point of P-256: want both whole, 32 bytes each`, nil},
		"another document": {"wayne", set("environments.default.cluster.keySet", `{"issuer":"https://a.example"}`), `environments.default.cluster.keySet has no "keys": want the document of the issuer's jwks_uri, {"keys": [...]}`, nil},
		"an issuer's port": {"wayne", byIssuer("https://a.example:99999"), `environments.default.cluster.issuer "https://a.example:99999": want a port of 1 to 65535, or none`, nil},
		"a deadline of 11": {"wayne", set("refresher.deadline", "11m"), `refresher.deadline 11m0s: want 1m to 10m, shorter than the time between two runs`, nil},
		"too long to wait": {"wayne", set("refresher.propagation", "11m"), `refresher.propagation 11m0s: want 0s to 10m`, nil},
	}
	for name, variable := range map[string][2]string{
		"GitHub":   {"X", "ghp_" + strings.Repeat("a", 36)},
		"GitLab":   {"X", "glpat-" + strings.Repeat("a", 20)},
		"Slack":    {"X", "xoxb-123456789012-1234567890123-" + strings.Repeat("a", 24)},
		"Stripe":   {"X", "sk_live_" + strings.Repeat("a", 24)},
		"npm":      {"X", "npm_" + strings.Repeat("a", 36)},
		"a JWT":    {"X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"},
		"a URL":    {"X", "postgres://app:hunter2@db.example/x"},
		"a bus":    {"X", "Endpoint=sb://x.example/;SharedAccessKeyName=a;SharedAccessKey=" + strings.Repeat("A", 43) + "="},
		"a SAS":    {"X", "https://x.example/c?sv=2022-11-02&sp=r&sig=abcdefghijklmnopqrstuvwxyz%2F"},
		"an app's": {"X", "abc8Q~" + strings.Repeat("a", 34)},
		"a name":   {"DB_PASSWORD", "hunter2"},
		"camels":   {"dbPassword", "hunter2"},
		"an API":   {"MY_API_KEY", "abc123"},
	} {
		mistakes["a secret of "+name] = mistake{"wayne", env(variable[0], variable[1]), "workload.env." + variable[0] + " " + inTheClear, nil}
	}
	tried(t, mistakes)
}

// A partial ARN whose name ends in a word of six letters looks like a full one: the
// policy names both, or the task would not start.
func TestExampleASecretCalledSoIsReadable(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:423456789012:secret:db-secret"
	r, err := runStack(t, "stark", nil, object("ecs.secrets", "A", arn))
	require.NoError(t, err)
	assert.Contains(t, r.Named("service-execution-policy").Text("policy"), fmt.Sprintf(`[%q,%q]`, arn, arn+"-??????"))
}

// Editors of every system, and YAML's own ways to say a value, change nothing.
func TestAStackFileMayBeWrittenAsYAMLIs(t *testing.T) {
	const file = `config:
  waybill:customer:
    slug: wayne
    platform: kubernetes
    product: {name: bifrost, tag: "1.4.2", port: 8080}
    environments:
      default:
        cluster: {context: c, issuer: "https://kubernetes.wayne.example"}
        proxy: {https: "http://p.example:3128", no: [.corp.example]}
    gcp: {project: bifrost-images, location: europe-west1}
    refresher:
      image: registry.waybill.example/waybill/refresher:0.1.0
      tolerations: &all [{key: a, operator: Exists}]
    workload: {tolerations: *all, labels: &own {a: b}}
    labels: {<<: *own, c: d}
`
	project, err := os.ReadFile("../Pulumi.yaml")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"as it is": file, "CRLF": strings.ReplaceAll(file, "\n", "\r\n"), "BOM": "\ufeff" + file,
		"a number in parts": strings.Replace(file, "8080", "8_080", 1), "in hexadecimal": strings.Replace(file, "8080", "0x1F90", 1),
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(folder, "Pulumi.yaml"), project, 0o600))
			path := filepath.Join(folder, "Pulumi.wayne.yaml")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			assert.NoError(t, stacks.Validate(path))
		})
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "Pulumi.yaml"), project, 0o600))
	path := filepath.Join(folder, "Pulumi.wayne.yaml")
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll([]byte(file), []byte(`"1.4.2"`), []byte("2026-10-01")), 0o600))
	assert.ErrorContains(t, stacks.Validate(path), "product.tag")
}

// The line for a secret never holds it.
func TestExampleNoSecretIsRepeated(t *testing.T) {
	for _, edit := range []func(map[string]any){
		env("X", "postgres://app:hunter2@db.example/x"), env("DB_PASSWORD", "hunter2"),
		set("environments.default.proxy", map[string]any{"https": "http://u:hunter2/3@proxy.example:3128"}),
	} {
		values, secrets := loadStack(t, "wayne", edit)
		text, err := json.Marshal(refused(t, values, secrets))
		require.NoError(t, err)
		assert.NotContains(t, string(text), "hunter2")
	}
}
