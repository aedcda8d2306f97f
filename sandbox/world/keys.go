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

// unknown reports every key of a decoded value that its type does not have, by its
// path, with the key that was probably meant.
func unknown(path string, value any, of reflect.Type, report func(format string, args ...any)) {
	switch v := value.(type) {
	case []any:
		if of.Kind() == reflect.Slice && of != rawType {
			for i, item := range v {
				unknown(fmt.Sprintf("%s[%d]", path, i), item, of.Elem(), report)
			}
		}
	case map[string]any:
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		known := keysOf(of)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := strings.TrimPrefix(path+"."+key, ".")
			switch field, found := known[key]; {
			case found:
				unknown(at, v[key], field, report)
			case of.Kind() == reflect.Map:
				unknown(at, v[key], of.Elem(), report)
			case of.Kind() == reflect.Struct:
				report("%s: want one of %s%s", at, strings.Join(slices.Sorted(maps.Keys(known)), ", "), meant(key, known))
			}
		}
	}
}

var rawType = reflect.TypeFor[json.RawMessage]()

// keysOf are a struct's keys with the types of their values; none of another type.
func keysOf(of reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	if of.Kind() == reflect.Struct {
		for i := range of.NumField() {
			key, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			keys[key] = of.Field(i).Type
		}
	}
	return keys
}

// meant names the known keys that are nearest to one, at most two letters away.
func meant(key string, known map[string]reflect.Type) string {
	return closest.Meant("; ", closest.Words(slices.Sorted(maps.Keys(known)), 2, func(word string) int {
		return closest.Edits(strings.ToLower(key), strings.ToLower(word))
	}))
}
