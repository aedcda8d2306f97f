package tests_test

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/image"
	"waybill.example/waybill/stacks/chain"
	"waybill.example/waybill/tests/stackfile"
)

// docs/configuration.md lists the keys of the published schema, in its words.
func TestExampleTheConfigurationPageListsEveryKey(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "stacks", "schema", "customer.schema.json"))
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	var schema node
	require.NoError(t, decoder.Decode(&schema))

	var page strings.Builder
	page.WriteString(configurationHead)
	examples := customers(t)
	for _, key := range order(t, text, "properties") {
		writeKeys(t, &page, examples, &schema, key, schema.Properties[key], slices.Contains(schema.Required, key))
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

The object ` + "`waybill:customer`" + ` holds everything about a customer except secrets. Each secret is a separate top-level
key: ` + "`waybill:productConfig`" + ` is the product's configuration file, required if and only if ` + "`product.configPath`" + ` is
set.

The program checks the whole configuration before it registers anything, and reports every problem at once. Quote text
that looks like a number, especially tags: YAML turns an unquoted ` + "`1.10`" + ` into 1.1. Provider settings
(` + "`azure-native:…`, `gcp:…`, `kubernetes:…`, `aws:…`" + `) are refused, because the program's explicit providers would
ignore them.

This page is generated from [the schema](../stacks/schema/customer.schema.json) and the examples. Keys in **bold** are
required if their object is set. The column "on" names the platforms that read the key; ` + "`gke`" + ` means GKE nodes that
pull with their own service account. A key that the stack's platform, chain or side does not read is refused.

| key | type | default | example | on | meaning |
|---|---|---|---|---|---|
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
	Type     any              `json:"type"`
	Enum     []any            `json:"enum"`
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

// kind is a value's type in a word.
func (n *node) kind() string {
	switch {
	case len(n.Enum) > 0:
		if _, text := n.Enum[0].(string); !text {
			return "number"
		}
		return "word"
	case n.Patterns != nil:
		return "map"
	case n.Type == "array":
		return "list"
	case n.Type == nil:
		return "value"
	}
	return fmt.Sprint(n.Type)
}

// where are the platforms on which a key is read.
func where(key string) string {
	const platforms = 5
	if on := chain.ReadBy(key); len(on) < platforms {
		return strings.Join(on, ", ")
	}
	return "all"
}

// customers are the objects of the sandbox's stack and of the examples, in this order.
func customers(t *testing.T) (all []any) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "examples", "Pulumi.*.yaml"))
	require.NoError(t, err)
	for _, file := range append([]string{"Pulumi.dev.yaml"}, files...) {
		values, _ := stackfile.Load(t, "..", strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
		var customer any
		require.NoError(t, json.Unmarshal([]byte(values["waybill:customer"]), &customer))
		all = append(all, customer)
	}
	return all
}

// example is the key's first value in a customer's object; empty where none has it,
// or where it is no single value.
func example(customers []any, key string) string {
	for _, customer := range customers {
		if found := valueOf(customer, strings.Split(strings.ReplaceAll(key, "[]", ".NAME"), ".")); found != "" {
			return "`" + found + "`"
		}
	}
	return ""
}

// valueOf is a single value below a path, NAME for any name or item.
func valueOf(value any, path []string) string {
	const most = 48 // characters: more would make the table's other columns narrow
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if len(path) > 0 && (path[0] == "NAME" || path[0] == key) {
				if found := valueOf(v[key], path[1:]); found != "" {
					return found
				}
			}
		}
	case []any:
		for _, item := range v {
			if len(path) > 0 && path[0] == "NAME" {
				if found := valueOf(item, path[1:]); found != "" {
					return found
				}
			}
		}
	default:
		if text := strings.TrimSpace(fmt.Sprint(v)); len(path) == 0 && len(text) <= most && !strings.Contains(text, "\n") {
			return text
		}
	}
	return ""
}

func writeKeys(t *testing.T, page *strings.Builder, examples []any, root *node, key string, n *node, required bool) {
	t.Helper()
	description, typed := n.Description, n
	if same, found := strings.CutPrefix(n.Ref, "#/properties/"); found {
		// The same as another key: said there, and not once more.
		typed = root
		for _, part := range strings.Split(same, "/properties/") {
			typed = typed.Properties[part]
		}
		same = strings.ReplaceAll(same, "/properties/", ".")
		if description == "" {
			description = "as `" + same + "`"
		}
		n = &node{}
	}
	if behind, found := strings.CutPrefix(typed.Ref, "#/$defs/"); found {
		typed = root.Defs[behind]
		require.NotNil(t, typed, behind)
		if description == "" {
			description = typed.Description
		}
		if n.Ref != "" {
			n = typed
		}
	}
	require.NotEmpty(t, description, "%s has no description", key)
	description, value, _ := strings.Cut(description, "; default: ")
	if n.Default != nil && value == "" {
		value = fmt.Sprint(n.Default)
	}
	// What is said after the default belongs to the meaning.
	if before, after, found := strings.Cut(value, ". "); found {
		description, value = description+". "+after, before
	}
	shown := "`" + key + "`"
	if required {
		shown = "**" + shown + "**"
	}
	cells := []string{shown, typed.kind(), value, example(examples, key), where(key), description}
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
	}
	fmt.Fprintf(page, "| %s |\n", strings.Join(cells, " | "))
	inner, prefix := n, key+"."
	if n.Items != nil {
		inner, prefix = n.Items, key+"[]."
	}
	for _, named := range n.Patterns {
		inner, prefix = named, key+".NAME."
	}
	for _, name := range order(t, inner.raw, "properties") {
		writeKeys(t, page, examples, root, prefix+name, inner.Properties[name], slices.Contains(inner.Required, name))
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
}

// pages are the project's own, by their paths from the root.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{filepath.Join("refresher", "README.md")}
	for _, pattern := range []string{"*.md", filepath.Join("docs", "*.md")} {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		for _, path := range found {
			path, err := filepath.Rel("..", path)
			require.NoError(t, err)
			all = append(all, path)
		}
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// goFiles are the Go files below a folder, tests left out.
func goFiles(t *testing.T, root string) []string { return filesOf(t, root, false) }

// testFiles are the tests below a folder.
func testFiles(t *testing.T, root string) []string { return filesOf(t, root, true) }

func filesOf(t *testing.T, root string, tests bool) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if hidden := strings.HasPrefix(entry.Name(), ".") && path != root; entry.IsDir() && hidden {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && strings.HasSuffix(path, "_test.go") == tests {
			files = append(files, path)
		}
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// A link leads to a file, and to a heading of it where it names one. Those to the
// examples lead nowhere where a vendor has deleted these.
func TestPagesLinkToWhatIsThere(t *testing.T) {
	_, err := os.Stat(filepath.Join("..", "examples"))
	examples := err == nil
	code, link := regexp.MustCompile("`[^`]*`"), regexp.MustCompile(`\]\(([^)#]*)#?([^)]*)\)`)
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, filepath.Join("..", page)), ""), -1) {
			path := filepath.Join(filepath.Dir(page), match[1])
			if match[1] == "" {
				path = page
			}
			if strings.HasPrefix(match[1], "https://") || !examples && strings.HasPrefix(path, "examples") {
				continue
			}
			_, err := os.Stat(filepath.Join("..", path))
			require.NoError(t, err, "a link in %s", page)
			if match[2] != "" {
				assert.Contains(t, headings(read(t, filepath.Join("..", path))), match[2], "a link in %s", page)
			}
		}
	}
}

// headings are a page's, as links name them.
func headings(page string) []string {
	var all []string
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

// A walk of docs/architecture.md passes functions that are in their files, as many
// as it says.
func TestTheWalksOfTheArchitecturePageAreTheCodes(t *testing.T) {
	_, walks, found := strings.Cut(read(t, filepath.Join("..", "docs", "architecture.md")), "\n## Walk: ")
	require.True(t, found)
	row := regexp.MustCompile("(?m)^\\| `([^`]+\\.go)` \\| ([^|]+) \\|")
	for _, walk := range strings.Split(walks, "\n## Walk: ") {
		files, functions := 0, 0
		for _, match := range row.FindAllStringSubmatch(walk, -1) {
			files++
			code := read(t, filepath.Join("..", match[1]))
			for _, name := range strings.Split(match[2], ", ") {
				functions++
				assert.Regexp(t, `(?m)^func (\([^)]+\) )?`+strings.Trim(name, "`")+`\(`, code, match[1])
			}
		}
		assert.Positive(t, files)
		assert.Contains(t, walk, fmt.Sprintf("That is %d functions in %d files.", functions, files))
	}
}

// Nothing below imports what is above it (docs/architecture.md).
func TestImportsGoOneWay(t *testing.T) {
	const module = "waybill.example/waybill/"
	for folder, allowed := range map[string][]string{
		"components/internal": {"components/check", "components/child", "components/internal"},
		"components/check":    {}, "components/child": {}, "components/image": {},
		"components/subject": {"components/check", "components/internal"},
		"components":         {"components"},
		"internal/steps":     {}, "internal/closest": {},
		"stacks/schema":    {"internal/closest.", "components/check."},
		"stacks/config":    {"internal/closest", "stacks/schema", "components"},
		"stacks/reference": {},
		"stacks/exchange":  {"stacks/schema", "stacks/config", "stacks/reference"},
		"stacks/chain":     {"stacks/schema", "stacks/config", "stacks/exchange", "components"},
		"stacks/record":    {"stacks/config", "stacks/exchange", "components"},
		"stacks/manifests": {"stacks/config", "stacks/exchange.", "stacks/record"},
		"refresher":        {"refresher"},
		"sandbox":          {"sandbox", "stacks.", "internal/steps.", "internal/closest."},
		"fleet":            {"fleet", "stacks.", "internal/steps."},
	} {
		for _, file := range goFiles(t, filepath.Join("..", folder)) {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range parsed.Imports {
				path, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
				if !ours {
					continue
				}
				assert.True(t, slices.ContainsFunc(allowed, func(above string) bool {
					only, exact := strings.CutSuffix(above, ".") // the package, and none below it
					return path == only || !exact && strings.HasPrefix(path, above+"/")
				}), "%s imports %s", file, path)
			}
		}
	}
}

// The code names sections and rows of docs/facts.md.
func TestFactsAreWhereTheCodeSaysTheyAre(t *testing.T) {
	facts := read(t, filepath.Join("..", "docs", "facts.md"))
	rows := "(?:,? (?:rows?|number) [0-9]+)?"
	reference := regexp.MustCompile(`docs/facts\.md[\s/]*(§[0-9]+` + rows + `(?:(?:,| and)[\s/]*§[0-9]+` + rows + `)*)`)
	one := regexp.MustCompile(`§([0-9]+)(?:,? (?:rows?|number) ([0-9]+))?`)
	references := 0
	for _, file := range goFiles(t, "..") {
		code := read(t, file)
		named := reference.FindAllStringSubmatch(code, -1)
		for _, match := range named {
			for _, place := range one.FindAllStringSubmatch(match[1], -1) {
				references++
				assert.True(t, strings.Contains(facts, "\n## "+place[1]+". "), "%s: docs/facts.md has no §%s", file, place[1])
				if place[2] != "" {
					assert.Equal(t, "1", place[1], "%s: no other section has numbered rows", file)
					assert.True(t, strings.Contains(facts, "\n| "+place[2]+" | "), "%s: docs/facts.md has no row %s", file, place[2])
				}
			}
		}
	}
	assert.Greater(t, references, 100)
}

func TestExamplesAreThoseOfTheirPage(t *testing.T) {
	var named []string
	for _, match := range regexp.MustCompile(`\]\(\.\./examples/([^)#]+)`).FindAllStringSubmatch(read(t, filepath.Join("..", "docs", "examples.md")), -1) {
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

// A runbook names the tests that make its situation.
func TestTheRunbooksTestsAreThere(t *testing.T) {
	var code strings.Builder
	for _, folder := range []string{"sandbox", filepath.Join("fleet", "cmd", "fleet")} {
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			code.WriteString(read(t, file))
		}
	}
	page := read(t, filepath.Join("..", "docs", "runbooks.md"))
	lines := regexp.MustCompile(`(?ms)^Tests?: (.+?)\.?\n\n`).FindAllStringSubmatch(page, -1)
	require.Len(t, lines, strings.Count(page, "\n## ")-2, "every runbook but the two that are none")
	for _, line := range lines {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line[1], -1) {
			if strings.HasPrefix(name[1], "make ") {
				continue
			}
			want := "func " + name[1] + "("
			if !strings.HasPrefix(name[1], "Test") {
				want = `t.Run("` + strings.Join(strings.Fields(name[1]), " ") + `"`
			}
			assert.Contains(t, code.String(), want, line[0])
		}
	}
}

// What an operator reads about an image that nobody pushed is the same on every
// platform: the refresher, a program of its own, says it in the words of the package
// image.
func TestAMissingImageIsSaidInOneWording(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "refresher", "internal", "cli", "termination.go"))
	require.NoError(t, err)
	digest := "sha256:" + strings.Repeat("0a", 32)
	for _, c := range []struct {
		reference image.Reference
		from, to  string
	}{
		{image.Reference{Host: "registry.example", Path: "acme/shop", Tag: "1.0"}, "YOUR-IMAGE", "registry.example/acme/shop:1.0"},
		{image.Reference{Host: "registry.example", Path: "acme/shop", Digest: digest}, "YOUR-IMAGE@" + digest, "registry.example/acme/shop:ANY-TAG"},
	} {
		words := strings.NewReplacer(c.reference.String()+" yet", "%s yet", "crane copy "+c.from+" "+c.to, `crane copy %s %s`).Replace(c.reference.Missing("acme"))
		said, again, found := strings.Cut(words, "; then ")
		require.True(t, found, words)
		assert.Contains(t, string(text), strings.ReplaceAll(said, `"`, `\"`))
		assert.Contains(t, string(text), `"; then `+strings.Replace(again, " -s acme", "", 1)+`"`, "no pod knows the stack's name")
	}
	for _, part := range []string{`"YOUR-IMAGE@"+digest`, `path+":ANY-TAG"`} {
		assert.Contains(t, string(text), part)
	}
}
