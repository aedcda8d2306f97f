package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"waybill.example/waybill/internal/closest"
)

// problems are what is wrong with a world, by the path of its key.
type problems []error

func (p *problems) report(format string, args ...any) {
	*p = append(*p, fmt.Errorf("  "+format, args...))
}

// checkKeys reports every key of a decoded value that its type does not have, with
// the key that was probably meant, and every one that is missing: a type has those
// that may be left out with omitempty or omitzero.
func checkKeys(path string, value any, of reflect.Type, unknown, missing *problems) {
	switch v := value.(type) {
	case []any:
		if of.Kind() == reflect.Slice && of != rawType {
			for i, item := range v {
				checkKeys(fmt.Sprintf("%s[%d]", path, i), item, of.Elem(), unknown, missing)
			}
		}
	case map[string]any:
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		known, required := keysOf(of)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := strings.TrimPrefix(path+"."+key, ".")
			switch field, found := known[key]; {
			case found:
				checkKeys(at, v[key], field, unknown, missing)
			case of.Kind() == reflect.Map:
				checkKeys(at, v[key], of.Elem(), unknown, missing)
			case of.Kind() == reflect.Struct:
				unknown.report("%s: want one of %s%s", at, strings.Join(slices.Sorted(maps.Keys(known)), ", "), meant(key, known))
			}
		}
		for _, key := range required {
			if isEmpty(v[key]) {
				missing.report("%s.%s: want a value", path, key)
			}
		}
	}
}

// oneOf wants one of some words; whether it may be left out is its type's to say.
func oneOf(key, value string, words []string, report func(format string, args ...any)) {
	if value != "" && !slices.Contains(words, value) {
		report("%s %q: want one of %q", key, value, words)
	}
}

func isEmpty(value any) bool {
	list, isList := value.([]any)
	return value == nil || value == "" || isList && len(list) == 0
}

var rawType = reflect.TypeFor[json.RawMessage]()

// keysOf are a struct's keys with the types of their values, and those that may not be
// left out; none of another type.
func keysOf(of reflect.Type) (known map[string]reflect.Type, required []string) {
	known = map[string]reflect.Type{}
	if of.Kind() == reflect.Struct {
		for i := range of.NumField() {
			key, may, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			known[key] = of.Field(i).Type
			if may == "" {
				required = append(required, key)
			}
		}
	}
	return known, required
}

// meant names the known keys that are nearest to one, at most two letters away.
func meant(key string, known map[string]reflect.Type) string {
	return closest.Meant("; ", closest.Words(slices.Sorted(maps.Keys(known)), 2, func(word string) int {
		return closest.Edits(strings.ToLower(key), strings.ToLower(word))
	}))
}
