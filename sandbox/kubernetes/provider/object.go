package provider

import (
	"encoding/base64"
	"math"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Keys that v4.30 keeps in a resource's outputs beside the object's own.
const (
	fieldManagerKey      = "__fieldManager"
	initialAPIVersionKey = "__initialApiVersion"
)

// readOnly are the fields of metadata that only the API server sets.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
var readOnly = []string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp",
	"generation", "managedFields", "resourceVersion", "uid",
}

// reveal takes secrets and known outputs off a value; an unknown output becomes
// a computed value.
func reveal(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		case value.IsOutput():
			return resource.MakeComputed(resource.NewStringProperty(""))
		default:
			return value
		}
	}
}

// plain turns a property into what an object holds: secrets are revealed, whole
// numbers become int64, as the API server's JSON gives them, and nulls in maps
// are left out. An unknown value stays a resource.Computed: such an object may
// be compared but not sent or deep-copied.
func plain(value resource.PropertyValue) any {
	value = reveal(value)
	switch {
	case value.IsComputed():
		return value.Input()
	case value.IsNumber():
		number := value.NumberValue()
		if number == math.Trunc(number) && math.Abs(number) < 1<<53 {
			return int64(number)
		}
		return number
	case value.IsArray():
		items := make([]any, 0, len(value.ArrayValue()))
		for _, item := range value.ArrayValue() {
			items = append(items, plain(item))
		}
		return items
	case value.IsObject():
		return plainMap(value.ObjectValue())
	default:
		return value.V
	}
}

func plainMap(properties resource.PropertyMap) map[string]any {
	object := make(map[string]any, len(properties))
	for key, value := range properties {
		if !reveal(value).IsNull() {
			object[string(key)] = plain(value)
		}
	}
	return object
}

// toObject turns a resource's inputs or outputs into an object of the kind,
// without the provider's own keys.
func toObject(kind schema.GroupVersionKind, properties resource.PropertyMap) *unstructured.Unstructured {
	object := plainMap(properties)
	delete(object, fieldManagerKey)
	delete(object, initialAPIVersionKey)
	result := &unstructured.Unstructured{Object: object}
	result.SetGroupVersionKind(kind)
	return result
}

// toOutputs turns a live object into a resource's outputs. What was secret
// among the inputs is secret again, and so is all data of a Secret.
func toOutputs(live *unstructured.Unstructured, inputs resource.PropertyMap, manager, initialAPIVersion string) resource.PropertyMap {
	outputs := resource.NewPropertyMapFromMap(live.Object)
	markSecrets(outputs, inputs)
	outputs[fieldManagerKey] = resource.NewStringProperty(manager)
	outputs[initialAPIVersionKey] = resource.NewStringProperty(initialAPIVersion)
	return outputs
}

// markSecrets carries secretness from inputs to properties. Two objects are
// walked together, so that one secret does not hide a whole object; anything
// else that contains a secret becomes one.
func markSecrets(properties, inputs resource.PropertyMap) {
	if kind := reveal(properties["kind"]); kind.IsString() && kind.StringValue() == "Secret" {
		for _, key := range []resource.PropertyKey{"data", "stringData"} {
			if value, ok := properties[key]; ok && !value.IsSecret() {
				properties[key] = resource.MakeSecret(value)
			}
		}
	}
	for key, input := range inputs {
		value, ok := properties[key]
		switch {
		case !ok || value.IsSecret():
		case value.IsObject() && input.IsObject():
			markSecrets(value.ObjectValue(), input.ObjectValue())
		case input.ContainsSecrets():
			properties[key] = resource.MakeSecret(value)
		}
	}
}

// encodeStringData moves a Secret's stringData into data, where it overwrites,
// as the API server does; both may hold secrets, neither an unknown.
func encodeStringData(object map[string]any) {
	text, ok := object["stringData"].(map[string]any)
	if !ok {
		return
	}
	data, _ := object["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for key, value := range text {
		content, ok := value.(string)
		if !ok {
			return // The API server refuses it in its own words.
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(content))
	}
	delete(object, "stringData")
	if len(data) > 0 {
		object["data"] = data
	}
}

// normalize gives equal objects one form, so that "1000m" and "1" are no
// change: through the typed struct and back, keeping the fields that the object
// has. What the struct does not know, or an unknown value, stops that: the
// object is then compared as it is. Read-only fields are removed.
func normalize(object *unstructured.Unstructured) *unstructured.Unstructured {
	result := object
	if !hasUnknown(object.Object) {
		result = object.DeepCopy()
		if result.GroupVersionKind() == secretKind {
			encodeStringData(result.Object)
		}
		if typed, err := scheme.Scheme.New(object.GroupVersionKind()); err == nil {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(result.Object, typed, true); err == nil {
				if back, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed); err == nil {
					result = &unstructured.Unstructured{Object: prune(back, result.Object)}
					result.SetGroupVersionKind(object.GroupVersionKind())
				}
			}
		}
	}
	if metadata, ok := result.Object["metadata"].(map[string]any); ok {
		for _, field := range readOnly {
			delete(metadata, field)
		}
	}
	return result
}

var secretKind = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}

func hasUnknown(value any) bool {
	switch value := value.(type) {
	case resource.Computed:
		return true
	case map[string]any:
		for _, item := range value {
			if hasUnknown(item) {
				return true
			}
		}
	case []any:
		for _, item := range value {
			if hasUnknown(item) {
				return true
			}
		}
	}
	return false
}

// prune keeps of a live object what its inputs have too, so that what others
// added or the API server defaulted is no change. Items of a list are matched
// by their position.
func prune(live, inputs map[string]any) map[string]any {
	kept := make(map[string]any, len(inputs))
	for key, input := range inputs {
		if value, ok := live[key]; ok {
			kept[key] = pruneValue(value, input)
		}
	}
	return kept
}

func pruneValue(live, input any) any {
	switch input := input.(type) {
	case map[string]any:
		if live, ok := live.(map[string]any); ok {
			return prune(live, input)
		}
	case []any:
		if live, ok := live.([]any); ok {
			kept := make([]any, 0, len(input))
			for i := 0; i < len(live) && i < len(input); i++ {
				kept = append(kept, pruneValue(live[i], input[i]))
			}
			return kept
		}
	}
	return live
}
