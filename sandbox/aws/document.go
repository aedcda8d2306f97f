package aws

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

// asJSON checks that properties hold JSON, which the real provider does before
// any request.
func asJSON(inputs resource.PropertyMap, properties ...resource.PropertyKey) []plugin.CheckFailure {
	var found []plugin.CheckFailure
	for _, property := range properties {
		if !inputs.HasValue(property) {
			continue
		}
		text := provider.Text(inputs, property)
		if !json.Valid([]byte(text)) {
			found = append(found, failure(property, "contains an invalid JSON policy: %q", text))
		}
	}
	return found
}

// samePolicy says whether two policy documents mean the same: the order of a
// list and whether one element is in a list do not matter.
func samePolicy(old, new resource.PropertyValue) bool {
	return sameText(old, new, normal)
}

// sameJSON says whether two texts hold the same JSON.
func sameJSON(old, new resource.PropertyValue) bool {
	return sameText(old, new, func(value any) any { return value })
}

func sameText(old, new resource.PropertyValue, form func(any) any) bool {
	if !old.IsString() || !new.IsString() {
		return false
	}
	var before, after any
	if json.Unmarshal([]byte(old.StringValue()), &before) != nil || json.Unmarshal([]byte(new.StringValue()), &after) != nil {
		return old.StringValue() == new.StringValue()
	}
	return reflect.DeepEqual(form(before), form(after))
}

// normal is a value with lists of texts sorted and lists of one opened.
func normal(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, each := range value {
			value[key] = normal(each)
		}
		return value
	case []any:
		for i, each := range value {
			value[i] = normal(each)
		}
		if len(value) == 1 {
			return value[0]
		}
		if !slices.ContainsFunc(value, func(each any) bool { _, isText := each.(string); return !isText }) {
			slices.SortFunc(value, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		}
		return value
	default:
		return value
	}
}

// samePolicyIn compares one property as a policy, for Type.Same.
func samePolicyIn(properties ...resource.PropertyKey) func(resource.PropertyKey, resource.PropertyValue, resource.PropertyValue) bool {
	return func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
		return slices.Contains(properties, property) && samePolicy(old, new)
	}
}

// failure is one problem with one property, for Check.
func failure(property resource.PropertyKey, format string, args ...any) plugin.CheckFailure {
	return plugin.CheckFailure{Property: property, Reason: fmt.Sprintf("%s: %s", property, fmt.Sprintf(format, args...))}
}
