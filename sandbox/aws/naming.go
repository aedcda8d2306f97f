package aws

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

// defaulted is the mark under which the real provider keeps the names of the
// properties that it filled in itself.
const defaulted = "__defaults"

// named fills in the name of a resource whose program gives none, of at most
// limit characters: the one it has already, else the one that the engine
// proposes, else the resource's own name, a hyphen and seven random
// hexadecimal digits. Documents are properties that a program may give as
// objects; they become text.
func named(limit int, documents ...resource.PropertyKey) func(*Client, plugin.CheckRequest, resource.PropertyMap) error {
	return func(_ *Client, request plugin.CheckRequest, inputs resource.PropertyMap) error {
		if err := textual(inputs, documents...); err != nil {
			return err
		}
		if inputs.HasValue("name") || inputs.HasValue("namePrefix") {
			return nil
		}
		name, err := automatic(request, limit)
		if err != nil || name == "" {
			return err
		}
		inputs["name"] = resource.NewStringProperty(name)
		inputs[defaulted] = resource.NewArrayProperty([]resource.PropertyValue{resource.NewStringProperty("name")})
		return nil
	}
}

func automatic(request plugin.CheckRequest, limit int) (string, error) {
	if name := provider.Text(request.Olds, "name"); name != "" && isAutomatic(request.Olds) {
		return name, nil
	}
	if request.Autonaming != nil {
		if request.Autonaming.Mode == plugin.AutonamingModeDisabled {
			return "", nil
		}
		return request.Autonaming.ProposedName, nil
	}
	name, err := resource.NewUniqueName(request.RandomSeed, request.URN.Name()+"-", 7, limit, nil)
	if err != nil {
		return "", fmt.Errorf("automatic name for %s: %w", request.URN.Name(), err)
	}
	return name, nil
}

// isAutomatic says whether the name among inputs was filled in.
func isAutomatic(inputs resource.PropertyMap) bool {
	marks := inputs[defaulted]
	return marks.IsArray() && slices.ContainsFunc(marks.ArrayValue(), func(v resource.PropertyValue) bool {
		return v.IsString() && v.StringValue() == "name"
	})
}

// collides says whether a replacement would have the name of what it replaces,
// so that the old one has to go first, as the real provider decides.
func collides(oldInputs resource.PropertyMap) bool { return !isAutomatic(oldInputs) }

// noPrefix refuses a name prefix, which the real provider completes when it
// creates the resource.
func noPrefix(inputs resource.PropertyMap) []plugin.CheckFailure {
	return unsupported(inputs, "namePrefix")
}

// unsupported refuses properties that the sandbox does not model.
func unsupported(inputs resource.PropertyMap, properties ...resource.PropertyKey) []plugin.CheckFailure {
	var found []plugin.CheckFailure
	for _, property := range properties {
		if inputs.HasValue(property) {
			found = append(found, plugin.CheckFailure{
				Property: property,
				Reason:   fmt.Sprintf("%s: the sandbox does not model it: leave it out", property),
			})
		}
	}
	return found
}

// failure is one problem with one property, for Check.
func failure(property resource.PropertyKey, format string, args ...any) plugin.CheckFailure {
	return plugin.CheckFailure{Property: property, Reason: fmt.Sprintf("%s: %s", property, fmt.Sprintf(format, args...))}
}
