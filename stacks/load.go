package stacks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill.example/waybill/components/azure"
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
}

// load reads and checks the whole configuration and reports every problem.
func load(ctx *pulumi.Context) (*settings, error) {
	var problems problems
	customer := loadCustomer(ctx, &problems)
	productConfig := loadProductConfig(ctx, customer, &problems)
	refuseProviderKeys(ctx, &problems)
	if err := problems.join(); err != nil {
		return nil, refusal(ctx, err)
	}
	customer.setDefaults()
	return &settings{Customer: *customer, productConfig: productConfig}, nil
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

// loadCustomer gives what could be read, for the checks that follow, also
// where something of it is wrong; nil where nothing could be.
func loadCustomer(ctx *pulumi.Context, problems *problems) *Customer {
	text, found := ctx.GetConfig(customerKey)
	if !found {
		problems.add(customerKey, "is missing: want an object, see schema/customer.schema.json and the examples")
		return nil
	}
	// One secure value makes the whole object secret, and none of it could be
	// shown in an error.
	if ctx.IsConfigSecret(customerKey) {
		problems.add(customerKey, "holds a secret: want none in it; each secret is a top-level key, such as %s", productConfigKey)
		return nil
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		problems.add(customerKey, "is no object: %s", err)
		return nil
	}
	schema, err := compileSchema()
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
	given := presence(document)
	customer, err := decode(prune(document, findings))
	if err != nil {
		// The schema found the shape wrong, and has said so.
		if len(findings) == 0 {
			problems.add(customerKey, "%s", err)
		}
		return nil
	}
	customer.check(given, problems)
	return customer
}

// presence tells which dotted keys of objects a document has, also those whose
// values are wrong.
func presence(document any) map[string]bool {
	given := map[string]bool{}
	var walk func(prefix string, value any)
	walk = func(prefix string, value any) {
		object, _ := value.(map[string]any)
		for key, inner := range object {
			given[prefix+key] = true
			walk(prefix+key+".", inner)
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
	exactlyOne("product", "tag", "digest")
	exactlyOne("azure.cluster", "name", "issuer")
	if given["azure.cluster.issuer"] && given["azure.cluster.resourceGroup"] {
		problems.add("azure.cluster.resourceGroup", "%q: want it with a name only", c.Azure.Cluster.ResourceGroup)
	}
	if n := count(given, "azure.identity", []string{"name", "existing", "application"}); n > 1 {
		problems.add("azure.identity", "has %d of name, existing, application: want at most one", n)
	}
	exactlyOne("eks.cluster", "name", "issuer")
	c.checkAWS(given, problems)
	if cloud := azureCloud(c.Azure.Cloud); cloud.TokenAudience == "" && !given["azure.token.audience"] {
		problems.add("azure.token.audience", "is missing: want the audience of %s's tokens, which is not documented: read aud of one", cloud.Name)
	}
	if c.Azure.Token.Version == "v1" && (c.Azure.Token.Issuer == "" || c.Azure.Token.Audience == "" || c.Azure.Token.Scope == "") {
		problems.add("azure.token", "is of version v1: want issuer (https://sts.windows.net/TENANT/), audience and scope of the application as well")
	}
	if r := c.GCP.Repository; (r.Mode == "virtual") != given["gcp.repository.upstream"] {
		problems.add("gcp.repository", "has mode %q and upstream %q: want an upstream with mode virtual, and with no other", r.Mode, r.Upstream)
	}
	if n := c.Kubernetes.Namespace; n.WaivePodSecurity && !n.Existing {
		problems.add("kubernetes.namespace.waivePodSecurity", "true: want it for an existing namespace only; a created one enforces it")
	}
	if duration(c.Refresher.Deadline, 4*time.Minute) >= duration(c.Refresher.Every, 15*time.Minute) {
		problems.add("refresher.deadline", "%q: want less than the time between two runs, %q", c.Refresher.Deadline, c.Refresher.Every)
	}
	for i, mount := range c.Workload.Writable {
		for j, earlier := range c.Workload.Writable[:i] {
			if mount.Path != "" && mount.Path == earlier.Path {
				problems.add(fmt.Sprintf("workload.writable[%d].path", i), "%q: is workload.writable[%d]'s already", mount.Path, j)
			}
		}
	}
	probes := c.Workload.Liveness != (Probe{}) || c.Workload.Readiness != (Probe{})
	if probes && c.Product.HealthPath == "" {
		problems.add("workload", "has probes and product.healthPath is missing: want the path that they ask")
	}
}

// checkAWS is check for the platforms on AWS.
func (c *Customer) checkAWS(given map[string]bool, problems *problems) {
	if c.Platform != "eks" && c.Platform != "ecs" {
		return
	}
	if given["product.image"] {
		problems.add("product.image", "%q: want none, an ECR repository is one image", c.Product.Image)
	}
	if c.Platform == "ecs" {
		if given["product.configPath"] {
			problems.add("product.configPath", "%q: want none on ECS, which mounts no file; use ecs.secrets", c.Product.ConfigPath)
		}
		return
	}
	nodeRole := c.EKS.Pull == nodeRoleMode
	if nodeRole != given["eks.nodeRoles"] {
		problems.add("eks", "has pull %q and nodeRoles %q: want nodeRoles with pull nodeRole, and with nothing else", c.EKS.Pull, c.EKS.NodeRoles)
	}
	if nodeRole == given["refresher"] {
		problems.add("refresher", "and eks.pull %q: want a refresher with pull pullSecret, and with nothing else", c.EKS.Pull)
	}
	if c.EKS.Trust == podIdentity && !given["eks.cluster.name"] {
		problems.add("eks.cluster.name", "is missing: want the name, which EKS Pod Identity needs")
	}
	if c.EKS.Trust == podIdentity && c.EKS.CreateProvider {
		problems.add("eks.createProvider", "true: want it with trust irsa only")
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

// loadProductConfig reads the secret. What it holds is never shown.
func loadProductConfig(ctx *pulumi.Context, customer *Customer, problems *problems) pulumi.StringInput {
	const set = "`pulumi config set --secret " + productConfigKey + " < FILE`"
	text, found := ctx.GetConfig(productConfigKey)
	wanted := customer != nil && customer.Product.ConfigPath != ""
	switch {
	case !found && !wanted:
		return nil
	case !found:
		problems.add(productConfigKey, "is missing, and product.configPath %q wants it: run %s", customer.Product.ConfigPath, set)
	case customer != nil && !wanted:
		problems.add(productConfigKey, "is set and product.configPath is not: want the path where the product reads it")
	case !ctx.IsConfigSecret(productConfigKey):
		problems.add(productConfigKey, "is not a secret, and is to be seen in the stack file: run %s", set)
	case len(bytes.TrimSpace([]byte(text))) == 0:
		problems.add(productConfigKey, "is empty: want the product's configuration file, run %s", set)
	case wanted && path.Ext(customer.Product.ConfigPath) == ".json" && !json.Valid([]byte(text)):
		problems.add(productConfigKey, "is no JSON, and product.configPath ends in .json (its contents are not shown)")
	}
	return config.New(ctx, namespaceKey).GetSecret("productConfig")
}
