package provider

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// checkObject compares an object with the struct that describes it and returns
// every problem: unknown properties, missing required ones, and values of a
// wrong kind, at any depth. Unknown values are accepted for every kind.
func checkObject(path string, object resource.PropertyMap, shape reflect.Type, required []string) []plugin.CheckFailure {
	fields := fieldsOf(shape)
	var failures []plugin.CheckFailure
	report := func(property, format string, args ...any) {
		failures = append(failures, plugin.CheckFailure{
			Property: resource.PropertyKey(property),
			Reason:   fmt.Sprintf(format, args...),
		})
	}
	for _, key := range object.StableKeys() {
		name := string(key)
		if isMark(key) {
			continue
		}
		field, known := fields[name]
		if !known {
			report(join(path, name), "unknown property %q: want one of %s",
				join(path, name), strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			continue
		}
		failures = append(failures, checkValue(join(path, name), object[key], field)...)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !isRequired(fields[name]) && !slices.Contains(required, name) {
			continue
		}
		if value, given := object[resource.PropertyKey(name)]; !given || bare(value).IsNull() {
			report(join(path, name), "missing required property %q", join(path, name))
		}
	}
	return failures
}

func checkValue(path string, value resource.PropertyValue, shape reflect.Type) []plugin.CheckFailure {
	for shape.Kind() == reflect.Pointer {
		shape = shape.Elem()
	}
	value = bare(value)
	if value.IsNull() || value.IsComputed() || value.IsOutput() || shape.Kind() == reflect.Interface {
		return nil
	}
	wrong := func(want string) []plugin.CheckFailure {
		return []plugin.CheckFailure{{
			Property: resource.PropertyKey(path),
			Reason:   fmt.Sprintf("%q: want %s, got %s", path, want, value.TypeString()),
		}}
	}
	var failures []plugin.CheckFailure
	switch shape.Kind() {
	case reflect.String:
		if !value.IsString() {
			return wrong("a string")
		}
	case reflect.Bool:
		if !value.IsBool() {
			return wrong("a boolean")
		}
	case reflect.Int:
		if !value.IsNumber() || value.NumberValue() != math.Trunc(value.NumberValue()) {
			return wrong("a whole number")
		}
	case reflect.Float64:
		if !value.IsNumber() {
			return wrong("a number")
		}
	case reflect.Slice:
		if !value.IsArray() {
			return wrong("a list")
		}
		for i, element := range value.ArrayValue() {
			failures = append(failures, checkValue(fmt.Sprintf("%s[%d]", path, i), element, shape.Elem())...)
		}
	case reflect.Map:
		if !value.IsObject() {
			return wrong("a map")
		}
		for _, key := range value.ObjectValue().StableKeys() {
			failures = append(failures, checkValue(fmt.Sprintf("%s[%q]", path, string(key)), value.ObjectValue()[key], shape.Elem())...)
		}
	case reflect.Struct:
		if !value.IsObject() {
			return wrong("an object")
		}
		return checkObject(path, value.ObjectValue(), shape, nil)
	default:
		return wrong("a " + shape.Kind().String() + ", which no value can be")
	}
	return failures
}

// fieldsOf maps the pulumi tags of a struct to the fields' types.
func fieldsOf(shape reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type, shape.NumField())
	for i := range shape.NumField() {
		field := shape.Field(i)
		if name, _, _ := strings.Cut(field.Tag.Get("pulumi"), ","); name != "" {
			fields[name] = field.Type
		}
	}
	return fields
}

// isRequired says whether the SDK's generator made the field for a required
// property: optional ones are pointers, and for slices and maps the field does
// not tell.
func isRequired(field reflect.Type) bool {
	switch field.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return false
	default:
		return true
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// isString says whether the field holds text, optional or not.
func isString(field reflect.Type) bool {
	return field.Kind() == reflect.String || field.Kind() == reflect.Pointer && field.Elem().Kind() == reflect.String
}
