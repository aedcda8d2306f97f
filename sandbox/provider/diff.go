package provider

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// diff compares old and new inputs of a resource of this type, and what the
// provider's configuration supplies with what the resource was made with. A
// stateful provider takes what the state holds for the old inputs.
func (t *Type[C]) diff(client C, request plugin.DiffRequest, stateful bool) plugin.DiffResult {
	olds, news := withoutNulls(request.OldInputs), withoutNulls(request.NewInputs)
	for key := range olds {
		if stateful && !isMark(key) {
			olds[key] = request.OldOutputs[key]
		}
	}
	olds = withoutNulls(olds)
	supplied := map[string]string{}
	if t.Complete != nil {
		supplied = t.Complete(client, news)
		for name, value := range supplied {
			key := resource.PropertyKey(name)
			if old, had := olds[key]; had {
				// The program stopped giving what the configuration supplies.
				if Text(olds, key) == value {
					news[key] = old
				}
			} else if had := Text(request.OldOutputs, key); had != "" && had != value {
				olds[key] = resource.NewStringProperty(had)
				news[key] = resource.NewStringProperty(value)
			}
		}
	}
	for _, name := range t.Computed {
		// The program wrote out what the cloud had filled in.
		key := resource.PropertyKey(name)
		if value, given := news[key]; given && !olds.HasValue(key) && bare(value).DeepEquals(bare(request.OldOutputs[key])) {
			olds[key] = value
		}
		// The program no longer gives what the cloud then leaves as it is.
		if _, configured := supplied[name]; !configured && !news.HasValue(key) && olds.HasValue(key) {
			news[key] = olds[key]
		}
	}
	for name, value := range t.Defaults {
		key, fallback := resource.PropertyKey(name), resource.NewPropertyValue(value)
		if !news.HasValue(key) && bare(olds[key]).DeepEquals(fallback) {
			news[key] = olds[key]
		}
		if !olds.HasValue(key) && bare(news[key]).DeepEquals(fallback) {
			olds[key] = news[key]
		}
	}
	for key, old := range olds {
		if value, given := news[key]; given && t.Same != nil && t.Same(key, bare(old), bare(value)) {
			news[key] = old
		}
	}
	compare := olds.DiffIncludeUnknowns // takes an unknown for equal
	if stateful {
		// A planned value that is not known is a change, and where the property cannot
		// change, a replacement: so the engine finds what goes before a resource that is
		// deleted first, as an attachment goes before its role
		// (https://developer.hashicorp.com/terraform/plugin/framework/resources/plan-modification).
		compare = olds.Diff
	}
	difference := compare(news, isMark)
	if difference == nil {
		return plugin.DiffResult{Changes: plugin.DiffNone}
	}
	result := plugin.DiffResult{
		Changes:      plugin.DiffSome,
		ChangedKeys:  difference.ChangedKeys(),
		DetailedDiff: plugin.NewDetailedDiffFromObjectDiff(difference, true),
	}
	for path, change := range result.DetailedDiff {
		if slices.ContainsFunc(t.Immutable, func(property string) bool { return within(path, property) }) {
			result.DetailedDiff[path] = change.ToReplace()
		}
	}
	for _, key := range result.ChangedKeys {
		if slices.Contains(t.Immutable, string(key)) {
			result.ReplaceKeys = append(result.ReplaceKeys, key)
		}
	}
	result.DeleteBeforeReplace = len(result.ReplaceKeys) > 0 && t.DeleteFirst
	return result
}

// isMark says whether a property is a provider's own mark, such as
// __createBeforeDelete, which is neither compared nor shown.
func isMark(key resource.PropertyKey) bool { return strings.HasPrefix(string(key), "__") }

// within says whether a property path is that of a top-level property, or below it.
func within(path, property string) bool {
	rest, found := strings.CutPrefix(path, property)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// refreshed returns the inputs of a resource after a refresh: those of the
// program, with what somebody changed in the cloud since the last state. What
// the cloud merely filled in stays out, or it would be a difference for ever.
func (t *Type[C]) refreshed(inputs, state, outputs resource.PropertyMap) resource.PropertyMap {
	result := inputs.Copy()
	for name := range fieldsOf(t.Args) {
		key := resource.PropertyKey(name)
		before, after := bare(state[key]), bare(outputs[key])
		switch {
		case before.DeepEquals(after):
		case after.IsNull():
			delete(result, key)
		case t.Same != nil && t.Same(key, before, after):
		default:
			result[key] = outputs[key]
		}
	}
	return result
}

// imported returns the inputs of a resource that a program adopts.
func (t *Type[C]) imported(id string, outputs resource.PropertyMap) (resource.PropertyMap, error) {
	inputs := resource.PropertyMap{}
	for name := range fieldsOf(t.Args) {
		if value, given := outputs[resource.PropertyKey(name)]; given {
			inputs[resource.PropertyKey(name)] = value
		}
	}
	if t.Identify == nil {
		return inputs, nil
	}
	identity, err := t.Identify(id)
	if err != nil {
		return nil, err
	}
	for name, value := range identity {
		inputs[resource.PropertyKey(name)] = resource.NewPropertyValue(value)
	}
	return inputs, nil
}

// previewed returns the outputs that a preview can show: the inputs, what the
// configuration supplies, and unknown values for what the cloud decides.
// State is nil for a resource that does not exist yet.
func (t *Type[C]) previewed(client C, inputs, state resource.PropertyMap) resource.PropertyMap {
	outputs := withoutNulls(inputs)
	maps.DeleteFunc(outputs, func(key resource.PropertyKey, _ resource.PropertyValue) bool { return isMark(key) })
	if t.Complete != nil {
		for name, value := range t.Complete(client, inputs) {
			outputs[resource.PropertyKey(name)] = resource.NewStringProperty(value)
		}
	}
	for _, name := range t.Computed {
		key := resource.PropertyKey(name)
		if _, given := outputs[key]; given {
			continue
		}
		outputs[key] = unknown
		if value, had := state[key]; had && slices.Contains(t.Settled, name) {
			outputs[key] = value
		}
	}
	return outputs
}
