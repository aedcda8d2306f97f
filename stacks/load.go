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
