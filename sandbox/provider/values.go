package provider

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Decode writes properties into target, a pointer to a struct with json tags
// named as the properties. Secrets are opened; null and absent properties leave
// the field as it is. Unknown values are refused: nothing that is decoded for
// a request may be unknown.
func Decode(properties resource.PropertyMap, target any) error {
	if properties.ContainsUnknowns() {
		return fmt.Errorf("decode %T: a value is not known yet", target)
	}
	text, err := json.Marshal(Plain(properties))
	if err != nil {
		return fmt.Errorf("decode %T: %w", target, err)
	}
	if err := json.Unmarshal(text, target); err != nil {
		return fmt.Errorf("decode %T: %w", target, err)
	}
	return nil
}

// Encode is the inverse of Decode: the value's json fields as plain outputs. It
// panics on a value that has no JSON form, which is a mistake of the caller's code.
func Encode(value any) map[string]any {
	var outputs map[string]any
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &outputs)
	}
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", value, err))
	}
	return outputs
}

// Plain is the properties as plain Go values, secrets opened and nulls left out.
func Plain(properties resource.PropertyMap) map[string]any {
	object := make(map[string]any, len(properties))
	for key, value := range properties {
		if value := plain(value); value != nil {
			object[string(key)] = value
		}
	}
	return object
}

func plain(value resource.PropertyValue) any {
	value = bare(value)
	switch {
	case value.IsObject():
		return Plain(value.ObjectValue())
	case value.IsArray():
		list := make([]any, 0, len(value.ArrayValue()))
		for _, element := range value.ArrayValue() {
			list = append(list, plain(element))
		}
		return list
	default:
		return value.Mappable()
	}
}

// Text is the string that a property holds, secret or not, or "" where it holds
// no known string.
func Text(properties resource.PropertyMap, key resource.PropertyKey) string {
	if value := bare(properties[key]); value.IsString() {
		return value.StringValue()
	}
	return ""
}

// bare is the value inside secrets and outputs; an unknown output is a computed value.
func bare(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		case value.IsOutput():
			return unknown
		default:
			return value
		}
	}
}

// unknown is a value that only the cloud knows.
var unknown = resource.MakeComputed(resource.NewStringProperty(""))

// withSecrets marks each output secret whose input of the same name holds a secret.
func withSecrets(outputs, inputs resource.PropertyMap) resource.PropertyMap {
	for key, output := range outputs {
		if inputs[key].ContainsSecrets() && !output.ContainsSecrets() {
			outputs[key] = resource.MakeSecret(output)
		}
	}
	return outputs
}

// withoutNulls leaves out null properties at the top level, which mean the same
// as absent ones.
func withoutNulls(properties resource.PropertyMap) resource.PropertyMap {
	kept := make(resource.PropertyMap, len(properties))
	for key, value := range properties {
		if !value.IsNull() {
			kept[key] = value
		}
	}
	return kept
}
