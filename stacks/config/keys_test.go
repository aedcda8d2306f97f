package config

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks/schema"
)

// A key that the schema has and the Go types have not would be taken and ignored;
// the other way round nobody could set it.
func TestSchemaAndTypesNameTheSameKeys(t *testing.T) {
	compiled, err := schema.Compile(schema.Customer)
	require.NoError(t, err)
	published, read := map[string]string{}, map[string]string{}
	collectSchema(compiled, "", published)
	collectType(reflect.TypeFor[Customer](), "", read)
	for key := range read { // a map in Go whose keys the schema lists
		if of, isMap := strings.CutSuffix(key, ".*"); isMap {
			maps.DeleteFunc(published, func(name, _ string) bool {
				rest, below := strings.CutPrefix(name, of+".")
				return below && name != key && !strings.Contains(rest, ".")
			})
			published[key] = cmp.Or(published[key], read[key])
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(published)), slices.Sorted(maps.Keys(read)))
	assert.Equal(t, published, read, "and give them the same form")
	assert.Greater(t, len(read), 150)
}

// collectSchema lists the keys of a schema with the form of their values; * is any
// name of a map, or any item of a list.
func collectSchema(s *jsonschema.Schema, at string, into map[string]string) {
	for s.Ref != nil {
		s = s.Ref
	}
	below := func(key string, inner *jsonschema.Schema) {
		collectSchema(inner, strings.TrimPrefix(at+"."+key, "."), into)
	}
	form := "text"
	switch {
	case s.Types != nil && slices.Contains(s.Types.ToStrings(), "object"):
		form = "object"
	case s.Types != nil && slices.Contains(s.Types.ToStrings(), "array"):
		form = "list"
	case s.Types != nil && slices.Contains(s.Types.ToStrings(), "integer"), numbers(s):
		form = "number"
	case s.Types != nil && slices.Contains(s.Types.ToStrings(), "boolean"):
		form = "boolean"
	}
	if at != "" {
		into[at] = form
	}
	for key, property := range s.Properties {
		below(key, property)
	}
	for _, property := range s.PatternProperties {
		below("*", property)
	}
	if s.Items2020 != nil {
		below("*", s.Items2020)
	}
}

// numbers says whether a schema takes certain numbers only.
func numbers(s *jsonschema.Schema) bool {
	_, constant := any(nil), false
	if s.Const != nil {
		_, constant = (*s.Const).(json.Number)
	}
	return constant || s.Enum != nil && len(s.Enum.Values) > 0 && func() bool { _, is := s.Enum.Values[0].(json.Number); return is }()
}

// collectType is collectSchema for a Go type.
func collectType(t reflect.Type, at string, into map[string]string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	add := func(form string) {
		if at != "" {
			into[at] = form
		}
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		add("object")
	case t.Kind() == reflect.Struct:
		add("object")
		for field := range structFields(t) {
			name := strings.Split(field.Tag.Get("json"), ",")[0]
			switch {
			case name == "-":
			case field.Anonymous && name == "":
				inner := map[string]string{}
				collectType(field.Type, "", inner)
				for key, form := range inner {
					into[strings.TrimPrefix(at+"."+key, ".")] = form
				}
			default:
				collectType(field.Type, strings.TrimPrefix(at+"."+name, "."), into)
			}
		}
	case t.Kind() == reflect.Map:
		add("object")
		collectType(t.Elem(), at+".*", into)
	case t.Kind() == reflect.Slice:
		add("list")
		collectType(t.Elem(), at+".*", into)
	case t.Kind() == reflect.Int:
		add("number")
	case t.Kind() == reflect.Bool:
		add("boolean")
	default:
		add("text")
	}
}

func structFields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
