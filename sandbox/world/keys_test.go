package world_test

import (
	"cmp"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

var update = flag.Bool("update", false, "write the table of docs/sandbox.md")

// A key that is not known is named by its path, with those that are.
func TestAnUnknownKeyIsNamedByItsPath(t *testing.T) {
	_, err := load(t, `
kubernetes:
  clusters:
    - {context: acme, isuer: "https://issuer.example", nodes: {taint: []}}
walk:
  environments: {default: {contxt: acme}}
  stacks: {acme-vendor: {side: vendor, waits: acme-customer}}
`)
	lines := strings.Split(err.Error(), "\n")[1:]
	assert.Equal(t, []string{
		`  kubernetes.clusters[0].isuer: want one of context, issuer, namespaces, network, nodes, objects, policies; "issuer", if that was meant`,
		`  kubernetes.clusters[0].nodes.taint: want one of labels, others, taints; "taints", if that was meant`,
		`  walk.environments.default.contxt: want one of alsoIn, context, namespace, release; "context", if that was meant`,
		`  walk.stacks.acme-vendor.waits: want one of side, waitsFor`,
	}, lines)
}

// docs/sandbox.md lists the keys of a world, in the words of this package's types.
func TestTheSandboxPageListsEveryKeyOfAWorld(t *testing.T) {
	const begin, end = "<!-- keys -->\n", "<!-- end of keys -->\n"
	path := filepath.Join("..", "..", "docs", "sandbox.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, begun := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	require.True(t, begun && ended)
	table := keyTable{words: words(t), at: map[reflect.Type]string{}}
	table.add(t, "", reflect.TypeFor[world.World]())
	want := before + begin + "\n| key | type | default | meaning |\n|---|---|---|---|\n" + table.rows.String() + "\n" + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
		return
	}
	assert.Equal(t, want, string(text), "run `go test -C sandbox ./world -run SandboxPage -update`")
}

// words are the comments on the types, as Type, and on their fields, as Type.Field.
func words(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	all := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			declared, isType := node.(*ast.GenDecl)
			if !isType || declared.Tok != token.TYPE {
				return true
			}
			spec := declared.Specs[0].(*ast.TypeSpec)
			all[spec.Name.Name] = declared.Doc.Text()
			if object, isStruct := spec.Type.(*ast.StructType); isStruct {
				for _, field := range object.Fields.List {
					for _, name := range field.Names {
						all[spec.Name.Name+"."+name.Name] = field.Doc.Text()
					}
				}
			}
			return false
		})
	}
	return all
}

type keyTable struct {
	words map[string]string
	// at is where a type's keys are in the table already.
	at   map[reflect.Type]string
	rows strings.Builder
}

// opening is what a Go comment begins with and a table leaves out.
var opening = regexp.MustCompile(`^[A-Z]\w+ (is|are|says?|holds) `)

// byDefault is what a comment says of an empty value.
var byDefault = regexp.MustCompile(`[;.] (empty|0|Empty) means (?:that )?`)

// plain are keys that say the same of whatever has them.
var plain = map[string]string{
	"name": "its name", "id": "its ID", "displayName": "its display name", "description": "its description",
	"labels": "its labels", "tags": "its tags", "region": "its Region", "location": "its location",
	"disabled": "true where it was switched off",
}

func (k *keyTable) add(t *testing.T, prefix string, of reflect.Type) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		key := prefix + name
		kind, inner, suffix := kindOf(field.Type)
		comment := k.words[of.Name()+"."+field.Name]
		if comment == "" && inner != nil {
			comment = k.words[inner.Name()]
		}
		comment, _, _ = strings.Cut(cmp.Or(comment, plain[name]), "\n\n")
		assert.NotEmpty(t, comment, "world.%s.%s: want a comment, which %s has in docs/sandbox.md", of.Name(), field.Name, key)
		meaning := strings.TrimSuffix(strings.Join(strings.Fields(opening.ReplaceAllString(comment, "")), " "), ".")
		value := map[string]string{"boolean": "false"}[kind]
		if at := byDefault.FindStringIndex(meaning); at != nil {
			meaning, value = meaning[:at[0]], meaning[at[1]:]
		}
		if same, known := k.at[inner]; known {
			meaning, inner = "as `"+same+"`", nil
		}
		k.rows.WriteString("| `" + key + suffix + "` | " + kind + " | " + value + " | " + meaning + " |\n")
		if inner != nil {
			k.at[inner] = key + suffix
			k.add(t, key+suffix+".", inner)
		}
	}
}

// kindOf is a type in a word, the struct of this package in it, and what a path has
// behind its key.
func kindOf(of reflect.Type) (word string, inner reflect.Type, suffix string) {
	switch {
	case of.Kind() == reflect.Struct:
		if of.PkgPath() == reflect.TypeFor[world.World]().PkgPath() {
			inner = of
		}
		return "object", inner, ""
	case of.Name() == "RawMessage":
		return "object", nil, ""
	case of.Kind() == reflect.Pointer:
		return kindOf(of.Elem())
	case of.Kind() == reflect.Slice:
		_, inner, _ = kindOf(of.Elem())
		return "list", inner, "[]"
	case of.Kind() == reflect.Map:
		_, inner, _ = kindOf(of.Elem())
		return "map", inner, ".NAME"
	case of.Kind() == reflect.Bool:
		return "boolean", nil, ""
	case of.Kind() == reflect.Int:
		return "number", nil, ""
	}
	return "string", nil, ""
}
