package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill.example/waybill/stacks/schema"
)

// The configuration keys of the project.
const (
	namespaceKey     = "waybill"
	CustomerKey      = namespaceKey + ":customer"
	ProductConfigKey = namespaceKey + ":productConfig"
)

// Settings are a stack's configuration, to be used only where no problem is
// reported.
type Settings struct {
	Customer
	// Stack is the stack's name.
	Stack string
	// Given are the keys that the configuration has.
	Given Given
	// ProductConfig is the product's configuration file; nil where it has none.
	ProductConfig pulumi.StringInput
	from          source
}

// source is a stack's configuration, whoever reads it: the engine's, or that of a file.
type source struct {
	stack  string
	get    func(key string) (string, bool)
	secret func(key string) bool
}

// Load reads the configuration from the engine. The settings are nil where it
// cannot be read at all.
func Load(ctx *pulumi.Context, problems *Problems) *Settings {
	s := source{ctx.Stack(), ctx.GetConfig, ctx.IsConfigSecret}.settings(problems)
	if _, found := ctx.GetConfig(ProductConfigKey); found && s != nil {
		s.ProductConfig = config.New(ctx, namespaceKey).GetSecret("productConfig")
	}
	return s
}

// settings are what could be read, with its defaults, for the checks that follow,
// also where something of it is wrong; nil where nothing could be.
func (from source) settings(problems *Problems) *Settings {
	text, found := from.get(CustomerKey)
	if !found {
		problems.Add(CustomerKey, "is missing: want an object with slug, platform and product; docs/configuration.md has its keys")
		return nil
	}
	// One secure value makes the whole object secret, and none of it could be
	// shown in an error.
	if from.secret(CustomerKey) {
		problems.Add(CustomerKey, "holds a secret: want none in it; each secret is a top-level key, such as %s", ProductConfigKey)
		return nil
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		problems.Add(CustomerKey, "is no object: %s", err)
		return nil
	}
	findings, err := schema.Check(schema.Customer, document)
	if err != nil {
		problems.Add(CustomerKey, "%s", err)
		return nil
	}
	s := &Settings{Stack: from.stack, Given: given(document), from: from}
	texts := textsOf(document)
	err = decode(schema.Prune(document, findings), &s.Customer)
	if err == nil {
		s.checkValues(texts, problems)
	}
	for _, f := range findings {
		problems.Add(f.Key(), "%s", f.Text)
	}
	if s.Given["environments"] && s.Environments == nil {
		s.Environments = map[string]*Environment{} // wrong, and not the default one
	}
	if err != nil {
		// The schema found the shape wrong, and has said so.
		if len(findings) == 0 {
			problems.Add(CustomerKey, "%s", err)
		}
		return nil
	}
	for name, e := range s.Environments {
		e.Name = name
	}
	s.check(problems)
	s.setDefaults()
	return s
}

func decode(document any, customer *Customer) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, customer)
}

// CheckProductConfig checks the secret, once it is known which keys are read. What
// it holds is never shown.
func (s *Settings) CheckProductConfig(problems *Problems) {
	from := s.from
	set := fmt.Sprintf("`pulumi config set --secret %s -s %s < FILE`", ProductConfigKey, from.stack)
	text, found := from.get(ProductConfigKey)
	wanted := s.Product.ConfigPath != "" && !problems.cover("product.configPath")
	switch {
	case !found && !wanted:
	case !found:
		problems.Add(ProductConfigKey, "is missing, and product.configPath %q wants it: run %s", s.Product.ConfigPath, set)
	case !wanted:
		problems.Add(ProductConfigKey, "is set and product.configPath is not: want the path where the product reads it, in the customer's stack")
	case !from.secret(ProductConfigKey):
		problems.Add(ProductConfigKey, "is not a secret, and is to be seen in the stack file: run %s", set)
	case len(bytes.TrimSpace([]byte(text))) == 0:
		problems.Add(ProductConfigKey, "is empty: want the product's configuration file, run %s", set)
	case path.Ext(s.Product.ConfigPath) == ".json" && !json.Valid([]byte(text)):
		problems.Add(ProductConfigKey, "is no JSON, and product.configPath ends in .json (its contents are not shown)")
	}
}

// Given tells which dotted keys and items a document has, also those whose values
// are wrong.
type Given map[string]bool

func given(document any) Given {
	keys := Given{}
	walk(nil, document, func(key string, _ any) { keys[key] = true })
	return keys
}

// textsOf are a document's texts by their keys.
func textsOf(document any) map[string]string {
	texts := map[string]string{}
	walk(nil, document, func(key string, value any) {
		if text, is := value.(string); is {
			texts[key] = text
		}
	})
	return texts
}

// walk visits everything below a path of a document.
func walk(path []string, value any, visit func(key string, value any)) {
	if len(path) > 0 {
		visit(schema.Dotted(path), value)
	}
	switch container := value.(type) {
	case map[string]any:
		for key, inner := range container {
			walk(append(slices.Clone(path), key), inner, visit)
		}
	case []any:
		for i, inner := range container {
			walk(append(slices.Clone(path), fmt.Sprint(i)), inner, visit)
		}
	}
}

// Count is how many of an object's keys are given.
func (g Given) Count(object string, keys ...string) int {
	n := 0
	for _, key := range keys {
		if g[object+"."+key] {
			n++
		}
	}
	return n
}

// sorted are the keys in their order: an object stands before what is in it.
func (g Given) sorted() []string { return slices.Sorted(maps.Keys(g)) }
