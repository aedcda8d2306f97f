package tests_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docs/configuration.md lists the keys of the published schema, in its words.
func TestTheConfigurationPageListsEveryKey(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "stacks", "schema", "customer.schema.json"))
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	var schema node
	require.NoError(t, decoder.Decode(&schema))

	var page strings.Builder
	page.WriteString(configurationHead)
	for _, key := range order(t, text, "properties") {
		writeKeys(t, &page, &schema, key, schema.Properties[key], slices.Contains(schema.Required, key))
	}
	path := filepath.Join("..", "docs", "configuration.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, page.String(), string(got), "run `go test ./tests -update`")
}

const configurationHead = `# Configuration

One object, ` + "`waybill:customer`" + `, holds everything about a customer but secrets. Each secret is a top-level key of its own:
` + "`waybill:productConfig`" + ` is the product's configuration file, wanted exactly where ` + "`product.configPath`" + ` is set.

Everything is checked before anything is registered, and every problem is reported at once. Quote what looks like a number and is text,
above all tags: YAML turns an unquoted ` + "`1.10`" + ` into 1.1. Settings of providers (` + "`azure-native:…`, `gcp:…`, `kubernetes:…`, `aws:…`" + `) are refused,
because the program's explicit providers would ignore them.

This page is made from [the schema](../stacks/schema/customer.schema.json). Keys in **bold** are required where their object is given.

| key | want |
|---|---|
`

// node is as much of a JSON Schema as the page needs.
type node struct {
	Description string           `json:"description"`
	Ref         string           `json:"$ref"`
	Required    []string         `json:"required"`
	Properties  map[string]*node `json:"properties"`
	Items       *node            `json:"items"`
	// Patterns are the values of a map with names of its owner's choice.
	Patterns map[string]*node `json:"patternProperties"`
	Default  any              `json:"default"`
	Defs     map[string]*node `json:"$defs"`
	raw      json.RawMessage
}

func (n *node) UnmarshalJSON(text []byte) error {
	type plain node
	if err := json.Unmarshal(text, (*plain)(n)); err != nil {
		return err
	}
	n.raw = append(n.raw, text...)
	return nil
}

func writeKeys(t *testing.T, page *strings.Builder, root *node, key string, n *node, required bool) {
	t.Helper()
	description := n.Description
	if same, found := strings.CutPrefix(n.Ref, "#/properties/"); found {
		// The same as another key: said there, and not once more.
		same = strings.ReplaceAll(same, "/properties/", ".")
		if description == "" {
			description = "as `" + same + "`"
		}
		n = &node{}
	}
	if n.Ref != "" {
		behind := root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
		require.NotNil(t, behind, n.Ref)
		if description == "" {
			description = behind.Description
		}
		n = behind
	}
	require.NotEmpty(t, description, "%s has no description", key)
	if n.Default != nil && !strings.Contains(description, "default:") {
		description += fmt.Sprintf("; default: %v", n.Default)
	}
	shown := "`" + key + "`"
	if required {
		shown = "**" + shown + "**"
	}
	fmt.Fprintf(page, "| %s | %s |\n", shown, strings.ReplaceAll(description, "|", `\|`))
	inner, prefix := n, key+"."
	if n.Items != nil {
		inner, prefix = n.Items, key+"[]."
	}
	for _, named := range n.Patterns {
		inner, prefix = named, key+".NAME."
	}
	for _, name := range order(t, inner.raw, "properties") {
		writeKeys(t, page, root, prefix+name, inner.Properties[name], slices.Contains(inner.Required, name))
	}
}

// order gives the keys of an object inside a JSON text in their own order,
// which a map does not keep.
func order(t *testing.T, text []byte, object string) []string {
	t.Helper()
	var outer map[string]json.RawMessage
	if len(text) == 0 || json.Unmarshal(text, &outer) != nil || outer[object] == nil {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(outer[object])))
	_, err := decoder.Token()
	require.NoError(t, err)
	var keys []string
	for decoder.More() {
		key, err := decoder.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var value json.RawMessage
		require.NoError(t, decoder.Decode(&value))
	}
	return keys
}

func TestTheReadmeSpeaksOfWhatIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	readme := string(text)

	t.Run("its links lead somewhere", func(t *testing.T) {
		for _, match := range regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(readme, -1) {
			if strings.HasPrefix(match[1], "https://") || strings.HasPrefix(match[1], "examples/") {
				continue
			}
			_, err := os.Stat(filepath.Join("..", match[1]))
			assert.NoError(t, err)
		}
	})
	t.Run("its make commands are targets, and the targets are in it", func(t *testing.T) {
		makefile, err := os.ReadFile(filepath.Join("..", "Makefile"))
		require.NoError(t, err)
		documented := regexp.MustCompile(`(?m)^([a-z]+):.*## `).FindAllStringSubmatch(string(makefile), -1)
		require.NotEmpty(t, documented)
		targets := map[string]bool{}
		for _, match := range documented {
			targets[match[1]] = true
		}
		for _, match := range regexp.MustCompile("`make ([a-z]+)").FindAllStringSubmatch(readme, -1) {
			assert.True(t, targets[match[1]] || match[1] == "help", "make %s", match[1])
		}
		for _, target := range []string{"up", "preview", "down", "serve", "test", "lint"} {
			assert.True(t, strings.Contains(readme, "`make "+target), "make %s", target)
		}
	})
	t.Run("it names every component", func(t *testing.T) {
		for name := range contracts {
			assert.True(t, strings.Contains(readme, "`"+name+"`"), name)
		}
	})
}

func TestExamplesAreThoseOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	var named []string
	for _, match := range regexp.MustCompile(`\]\(examples/([^)#]+)`).FindAllStringSubmatch(string(readme), -1) {
		named = append(named, match[1])
	}
	var there []string
	files, err := filepath.Glob(filepath.Join("..", "examples", "Pulumi.*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		there = append(there, filepath.Base(file))
	}
	assert.Subset(t, named, there)
	assert.Subset(t, there, named)
}

// The modules are built with one set of SDKs, or the sandbox would check a
// program other than the one that is deployed.
func TestTheModulesUseTheSameSDKs(t *testing.T) {
	root := requirements(t, "..")
	for _, module := range []string{"sandbox", "fleet"} {
		for path, version := range requirements(t, filepath.Join("..", module)) {
			if strings.HasPrefix(path, "github.com/pulumi/") {
				assert.Equal(t, root[path], version, "%s of module %s", path, module)
			}
		}
	}
	cli := requirements(t, filepath.Join("..", "tools", "pulumi"))["github.com/pulumi/pulumi/pkg/v3"]
	assert.Equal(t, root["github.com/pulumi/pulumi/sdk/v3"], cli, "the CLI is at least as new as the SDK")
}

func requirements(t *testing.T, folder string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	versions := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^(?:require )?\s*([a-z][^\s]+) (v[^\s]+)`).FindAllStringSubmatch(string(text), -1) {
		versions[match[1]] = match[2]
	}
	require.NotEmpty(t, versions)
	return versions
}
