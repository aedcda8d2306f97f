package stacks

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// The published schemas; the fragment of a document's is the kind of chain.
const (
	customerSchema = "customer.schema.json"
	requestSchema  = "access-request.schema.json"
	grantSchema    = "access-grant.schema.json"
	stackSchema    = "stack.schema.json"
)

//go:embed schema/*.json
var published embed.FS

// compiled are the schemas by location. One process may run the program of many
// stacks side by side.
var compiled struct {
	mutex   sync.Mutex
	schemas map[string]*jsonschema.Schema
}

// compileSchema makes a published schema, or the part of it that a fragment
// names, ready to check with.
func compileSchema(location string) (*jsonschema.Schema, error) {
	compiled.mutex.Lock()
	defer compiled.mutex.Unlock()
	if schema, found := compiled.schemas[location]; found {
		return schema, nil
	}
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{customerSchema, requestSchema, grantSchema, stackSchema} {
		text, err := published.ReadFile("schema/" + name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := compiler.AddResource(name, document); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	schema, err := compiler.Compile(location)
	if err != nil {
		return nil, err
	}
	if compiled.schemas == nil {
		compiled.schemas = map[string]*jsonschema.Schema{}
	}
	compiled.schemas[location] = schema
	return schema, nil
}

// finding is one thing that is wrong with a document: where, and what is said.
type finding struct {
	path []string
	text string
	// wrong is true where the value at path itself must not be used.
	wrong bool
}

// checkSchema reports everything that the schema finds wrong with a document.
func checkSchema(schema *jsonschema.Schema, document any) ([]finding, error) {
	err := schema.Validate(document)
	if err == nil {
		return nil, nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, err
	}
	var findings []finding
	for _, leaf := range leaves(invalid) {
		for _, f := range describe(schema, document, leaf) {
			// A value can be wrong in several ways; one line about it is enough.
			if !slices.ContainsFunc(findings, func(g finding) bool { return slices.Equal(g.path, f.path) }) {
				findings = append(findings, f)
			}
		}
	}
	slices.SortFunc(findings, func(a, b finding) int { return slices.Compare(a.path, b.path) })
	return outermost(findings), nil
}

// outermost drops what is said about the inside of a value that is wrong as a
// whole. The findings are sorted, so that a value stands before its inside.
func outermost(findings []finding) []finding {
	var kept []finding
	for _, f := range findings {
		inside := slices.ContainsFunc(kept, func(outer finding) bool {
			return outer.wrong && len(outer.path) > 0 && len(outer.path) < len(f.path) && slices.Equal(outer.path, f.path[:len(outer.path)])
		})
		if !inside {
			kept = append(kept, f)
		}
	}
	return kept
}

// leaves are the errors that name a cause and not only where to look for one.
func leaves(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range err.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

func describe(schema *jsonschema.Schema, document any, err *jsonschema.ValidationError) []finding {
	at := err.InstanceLocation
	below := func(key string) []string { return append(slices.Clone(at), key) }
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		var missing []finding
		for _, key := range k.Missing {
			missing = append(missing, finding{path: below(key), text: "is missing: want " + wish(schema, below(key))})
		}
		return missing
	case *kind.AdditionalProperties:
		var unknown []finding
		for _, key := range k.Properties {
			text := "is no name for " + wish(schema, at)
			if known := slices.Sorted(maps.Keys(resolve(schema, at).Properties)); len(known) > 0 {
				text = "is an unknown key: want one of " + strings.Join(known, ", ")
			}
			unknown = append(unknown, finding{path: below(key), wrong: true, text: text})
		}
		return unknown
	case *kind.FalseSchema:
		return []finding{{path: at, wrong: true, text: "belongs to another platform or to the other side: want none here"}}
	case *kind.Type:
		text := fmt.Sprintf("%s: want %s", quote(document, at), wish(schema, at))
		if slices.Contains(k.Want, "string") && (k.Got == "number" || k.Got == "integer" || k.Got == "boolean") {
			text = fmt.Sprintf("%s is a %s for YAML, which may have changed it: quote it; want %s", quote(document, at), k.Got, wish(schema, at))
		}
		return []finding{{path: at, wrong: true, text: text}}
	default:
		return []finding{{path: at, wrong: true, text: fmt.Sprintf("%s: want %s", quote(document, at), wish(schema, at))}}
	}
}

// resolve finds the schema of the value at a path, behind its references.
func resolve(schema *jsonschema.Schema, path []string) *jsonschema.Schema {
	for _, key := range path {
		schema = dereference(child(dereference(schema), key))
		if schema == nil {
			return &jsonschema.Schema{}
		}
	}
	return schema
}

// wish is the description of the value at a path: the one beside a reference
// before the one behind it.
func wish(schema *jsonschema.Schema, path []string) string {
	if len(path) > 0 {
		parent := resolve(schema, path[:len(path)-1])
		schema = child(parent, path[len(path)-1])
	}
	for ; schema != nil; schema = schema.Ref {
		if schema.Description != "" {
			return schema.Description
		}
	}
	return "another value"
}

func dereference(schema *jsonschema.Schema) *jsonschema.Schema {
	for schema != nil && schema.Ref != nil {
		schema = schema.Ref
	}
	return schema
}

func child(schema *jsonschema.Schema, key string) *jsonschema.Schema {
	if property, found := schema.Properties[key]; found {
		return property
	}
	if _, err := strconv.Atoi(key); err == nil && schema.Items2020 != nil {
		return schema.Items2020
	}
	for pattern, property := range schema.PatternProperties {
		if pattern.MatchString(key) {
			return property
		}
	}
	return nil
}

// quote shows the value at a path, shortened; what is no scalar is named only.
func quote(document any, path []string) string {
	value, _ := lookup(document, path)
	switch value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "a value"
	}
	const most = 80
	if shown := []rune(string(text)); len(shown) > most {
		return string(shown[:most]) + "…"
	}
	return string(text)
}

func lookup(document any, path []string) (any, bool) {
	for _, key := range path {
		switch container := document.(type) {
		case map[string]any:
			value, found := container[key]
			if !found {
				return nil, false
			}
			document = value
		case []any:
			index, err := strconv.Atoi(key)
			if err != nil || index >= len(container) {
				return nil, false
			}
			document = container[index]
		default:
			return nil, false
		}
	}
	return document, true
}

// prune sets what the schema found wrong to nothing, so that the rest can
// still be decoded and checked.
func prune(document any, findings []finding) any {
	for _, f := range findings {
		if !f.wrong || len(f.path) == 0 {
			continue
		}
		parent, found := lookup(document, f.path[:len(f.path)-1])
		key := f.path[len(f.path)-1]
		if !found {
			continue
		}
		switch container := parent.(type) {
		case map[string]any:
			delete(container, key)
		case []any:
			if index, err := strconv.Atoi(key); err == nil {
				container[index] = nil
			}
		}
	}
	return document
}

// dotted is a path as people write it: azure.cluster.name, workload.writable[0].
func dotted(path []string) string {
	var text strings.Builder
	for _, key := range path {
		if _, err := strconv.Atoi(key); err == nil {
			fmt.Fprintf(&text, "[%s]", key)
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('.')
		}
		text.WriteString(key)
	}
	if text.Len() == 0 {
		return "(the object)"
	}
	return text.String()
}
