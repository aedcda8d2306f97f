// Package schema holds the published JSON Schemas of the configuration, of stack
// files and of the two parties' documents. It reports a document's problems in the
// words of the schemas' descriptions.
package schema

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/internal/closest"
)

// The published schemas. A document's has a definition for each kind: add
// #/$defs/KIND.
const (
	Customer = "customer.schema.json"
	Request  = "access-request.schema.json"
	Grant    = "access-grant.schema.json"
	Stack    = "stack.schema.json"
)

//go:embed *.json
var published embed.FS

// base makes URLs of the schemas' names. The library would resolve a bare name
// against the working directory, whose name may be no URL.
const base = "embedded:///"

// compiled are the schemas by location. One process may run the program of many
// stacks side by side.
var compiled struct {
	mutex   sync.Mutex
	schemas map[string]*jsonschema.Schema
}

// Compile makes a published schema, or the part of it that a fragment names,
// ready to check with.
func Compile(location string) (*jsonschema.Schema, error) {
	compiled.mutex.Lock()
	defer compiled.mutex.Unlock()
	if schema, found := compiled.schemas[location]; found {
		return schema, nil
	}
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{Customer, Request, Grant, Stack} {
		text, err := published.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := compiler.AddResource(base+name, document); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	schema, err := compiler.Compile(base + location)
	if err != nil {
		return nil, err
	}
	if compiled.schemas == nil {
		compiled.schemas = map[string]*jsonschema.Schema{}
	}
	compiled.schemas[location] = schema
	return schema, nil
}

// Finding is one thing that is wrong with a document: where, and what is said.
type Finding struct {
	Path []string
	Text string
	// Wrong is true where the value at Path itself must not be used.
	Wrong bool
	// Unknown is true where the schema does not know the key.
	Unknown bool
}

// Key is the finding's path as people write it.
func (f Finding) Key() string { return Dotted(f.Path) }

// Check reports everything that the schema at the location finds wrong with a
// document.
func Check(location string, document any) ([]Finding, error) {
	schema, err := Compile(location)
	if err != nil {
		return nil, err
	}
	err = schema.Validate(document)
	if err == nil {
		return nil, nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, err
	}
	var findings []Finding
	for _, leaf := range leaves(invalid) {
		for _, f := range describe(schema, document, leaf) {
			// A value can be wrong in several ways; one line about it is enough.
			if !slices.ContainsFunc(findings, func(g Finding) bool { return slices.Equal(g.Path, f.Path) }) {
				findings = append(findings, f)
			}
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return slices.Compare(a.Path, b.Path) })
	return outermost(findings), nil
}

// outermost drops what is said about the inside of a value that is wrong as a
// whole. The findings are sorted, so that a value stands before its inside.
func outermost(findings []Finding) []Finding {
	var kept []Finding
	for _, f := range findings {
		inside := slices.ContainsFunc(kept, func(outer Finding) bool {
			return outer.Wrong && len(outer.Path) > 0 && len(outer.Path) < len(f.Path) && slices.Equal(outer.Path, f.Path[:len(outer.Path)])
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

func describe(schema *jsonschema.Schema, document any, err *jsonschema.ValidationError) []Finding {
	at := err.InstanceLocation
	below := func(key string) []string { return append(slices.Clone(at), key) }
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		var missing []Finding
		for _, key := range k.Missing {
			missing = append(missing, Finding{Path: below(key), Text: "is missing: want " + wish(schema, below(key))})
		}
		return missing
	case *kind.AdditionalProperties:
		var unknown []Finding
		for _, key := range k.Properties {
			text := "is no name here: want " + wish(schema, at)
			if known := slices.Sorted(maps.Keys(resolve(schema, at).Properties)); len(known) > 0 {
				text = "is an unknown key: want one of " + strings.Join(known, ", ") + nearest(key, known)
			}
			unknown = append(unknown, Finding{Path: below(key), Wrong: true, Unknown: true, Text: text})
		}
		return unknown
	case *kind.Type:
		text := fmt.Sprintf("%s: want %s: %s", quote(document, at), form(resolve(schema, at), k.Want), wish(schema, at))
		if slices.Contains(k.Want, "string") && (k.Got == "number" || k.Got == "integer" || k.Got == "boolean") {
			text = fmt.Sprintf("%s is a %s: put it in quotes; want %s", quote(document, at), k.Got, wish(schema, at))
			if strings.HasPrefix(schema.Location, base+Customer) || strings.HasPrefix(schema.Location, base+Stack) {
				text = fmt.Sprintf("%s is a %s for YAML, which may have changed it: quote it; want %s", quote(document, at), k.Got, wish(schema, at))
			}
		}
		return []Finding{{Path: at, Wrong: true, Text: text}}
	case *kind.UniqueItems:
		text := fmt.Sprintf("a list: want %s, each once; the items %d and %d are the same", wish(schema, at), k.Duplicates[0], k.Duplicates[1])
		return []Finding{{Path: at, Wrong: true, Text: text}}
	default:
		return []Finding{{Path: at, Wrong: true, Text: fmt.Sprintf("%s: want %s%s", quote(document, at), wish(schema, at), meant(schema, document, at))}}
	}
}

// form is how a value of a type is written, an object's with the keys that it must have.
func form(of *jsonschema.Schema, types []string) string {
	switch {
	case slices.Contains(types, "object") && len(of.Required) > 0:
		return "an object with " + strings.Join(of.Required, ", ")
	case slices.Contains(types, "object"):
		return "an object"
	case slices.Contains(types, "array"):
		return "a list"
	case slices.Contains(types, "boolean"):
		return "true or false, without quotes"
	case slices.Contains(types, "string"):
		return "a text"
	}
	return "a number without quotes"
}

// nearest names those of the known words that differ from a text by two letters at
// most, of a short one by two thirds.
func nearest(text string, known []string) string {
	near := closest.Words(known, min(2, len(text)*2/3), func(word string) int {
		return closest.Edits(strings.ToLower(text), strings.ToLower(word))
	})
	return closest.Meant("; ", near)
}

// rewritings are what people write for a text that is taken, with the words for what
// was meant. The first that makes it right is named.
var rewritings = []struct {
	words string
	of    func(text string) string
}{
	{"without the spaces around it", strings.TrimSpace},
	{"in lower case", func(text string) string { return strings.ToLower(strings.TrimSpace(text)) }},
	{"without the slash at its end", func(text string) string { return strings.TrimRight(text, "/") }},
	{"its path alone", func(text string) string {
		if parsed, err := url.Parse(text); err == nil && parsed.Host != "" {
			return parsed.RequestURI()
		}
		return text
	}},
	{"with a slash at its end", func(text string) string { return text + "/" }},
	{"with a slash in front", func(text string) string { return "/" + text }},
	{"between slashes", func(text string) string { return "/" + text + "/" }},
	{"with http:// in front", func(text string) string { return "http://" + text }},
	{"with https:// in front", func(text string) string { return "https://" + strings.TrimPrefix(text, "http://") }},
	{"its digits alone", func(text string) string {
		if strings.Trim(text, "0123456789- ") != "" {
			return text
		}
		return strings.NewReplacer("-", "", " ", "").Replace(text)
	}},
	{"the part before the @", func(text string) string { return strings.Split(text, "@")[0] }},
	{"its last part alone", func(text string) string { return text[strings.LastIndex(text, "/")+1:] }},
}

// meant says what a text would have to be that is right but for its form, or is
// nearly one of the words that may stand there; nothing for any other.
func meant(schema *jsonschema.Schema, document any, at []string) string {
	value, _ := lookup(document, at)
	text, is := value.(string)
	if !is {
		return ""
	}
	of := resolve(schema, at)
	for _, r := range rewritings {
		if right := r.of(text); right != text && of.Validate(right) == nil {
			return fmt.Sprintf("; %s: %q", r.words, right)
		}
	}
	if words, plain := check.Foreign(text); words != "" && of.Validate(plain) == nil {
		return "; " + words
	}
	if of.Enum == nil {
		return ""
	}
	var words []string
	for _, value := range of.Enum.Values {
		if word, is := value.(string); is {
			words = append(words, word)
		}
	}
	return nearest(text, words)
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

// Wish is the description of the value at a path of the schema at a location;
// * stands for any key of a map.
func Wish(location string, path []string) string {
	schema, err := Compile(location)
	if err != nil {
		return "another value"
	}
	return wish(schema, path)
}

// At is the value at a path of a document; nil where there is none.
func At(document any, path []string) any {
	value, _ := lookup(document, path)
	return value
}

// Prune sets what the schema found wrong to nothing, so that the rest can
// still be decoded and checked.
func Prune(document any, findings []Finding) any {
	for _, f := range findings {
		if !f.Wrong || len(f.Path) == 0 {
			continue
		}
		parent, found := lookup(document, f.Path[:len(f.Path)-1])
		key := f.Path[len(f.Path)-1]
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

// Dotted is a path as people write it: azure.cluster.name, workload.writable[0].
func Dotted(path []string) string {
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
