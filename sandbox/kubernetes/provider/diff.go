package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Diff compares the new inputs with the live object of the last create, update
// or refresh, cut down to what the old inputs set. So a drift that a refresh
// found is a change, and what the cluster or others added is none.
//
// A change of a field that cannot be changed in place replaces the object; it
// is deleted first when its name is the program's own and stays the same.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/provider/provider.go, Diff
func (p *Provider) Diff(ctx context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	s, err := p.configured()
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	kind, err := kindOf(req.Type)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	mapping, err := s.mapping(kind)
	if err != nil {
		return plugin.DiffResponse{}, fmt.Errorf("%s: %w", req.Type, err)
	}
	ignored, err := paths(req.IgnoreChanges)
	if err != nil {
		return plugin.DiffResponse{}, err
	}

	live := toObject(kind, req.OldOutputs)
	news := normalize(toObject(kind, req.NewInputs))
	olds := normalize(toObject(kind, req.OldInputs))
	before := prune(live.Object, olds.Object)
	// The identity is compared with the live object's, whoever named it.
	for _, field := range []string{"name", "namespace"} {
		if _, given := nested(news.Object, "metadata", field); given {
			if value, ok := nested(live.Object, "metadata", field); ok {
				setNested(before, value, "metadata", field)
			}
		}
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		removeNested(before, "metadata", "namespace")
		removeNested(news.Object, "metadata", "namespace")
	}

	c := comparison{
		replacing: s.replacing(kind, immutable(live.Object) || immutable(news.Object)),
		ignored:   ignored,
		found:     map[string]plugin.PropertyDiff{},
	}
	c.compareMaps(nil, before, news.Object)
	if annotated(news, replaceUnready) && kind.GroupKind() == jobKind && !s.jobIsComplete(ctx, live.GetNamespace(), live.GetName()) {
		path := resource.PropertyPath{"metadata", "annotations", replaceUnready}
		c.found[path.String()] = plugin.PropertyDiff{Kind: plugin.DiffUpdateReplace}
	}

	response := plugin.DiffResponse{Changes: plugin.DiffNone}
	if len(c.found) > 0 {
		response = plugin.DiffResponse{Changes: plugin.DiffSome, DetailedDiff: c.found}
	}
	response.DeleteBeforeReplace = response.Replace() &&
		!annotated(news, autonamedAnnotation) &&
		news.GetName() == live.GetName() && news.GetNamespace() == live.GetNamespace()
	return response, nil
}

// paths parses the engine's property paths.
func paths(texts []string) ([]resource.PropertyPath, error) {
	var parsed []resource.PropertyPath
	for _, text := range texts {
		path, err := resource.ParsePropertyPath(text)
		if err != nil {
			return nil, fmt.Errorf("ignoreChanges %q: %w", text, err)
		}
		parsed = append(parsed, path)
	}
	return parsed, nil
}

// immutable is true of a Secret or ConfigMap that says so.
func immutable(object map[string]any) bool {
	value, _ := object["immutable"].(bool)
	return value
}

// replacing lists the fields of the kind whose change replaces the object. The
// data of Secrets and ConfigMaps is among them unless the provider is set to
// change it in place, and always where the object is immutable.
func (s *session) replacing(kind schema.GroupVersionKind, immutable bool) []fieldPattern {
	fields := append(fieldPatterns("metadata.name", "metadata.namespace"), replacingFields[kind.GroupKind()]...)
	switch {
	case kind == secretKind && (immutable || !s.settings.mutableSecrets):
		fields = append(fields, fieldPatterns("data", "stringData")...)
	case kind.GroupKind() == (schema.GroupKind{Kind: "ConfigMap"}) && (immutable || !s.settings.mutableConfigMaps):
		fields = append(fields, fieldPatterns("data", "binaryData")...)
	}
	return fields
}

// comparison collects the differences between two objects by their paths.
type comparison struct {
	replacing []fieldPattern
	ignored   []resource.PropertyPath
	found     map[string]plugin.PropertyDiff
}

func (c *comparison) compareMaps(path resource.PropertyPath, before, after map[string]any) {
	for key, value := range after {
		if old, ok := before[key]; ok {
			c.compare(child(path, key), old, value)
		} else {
			c.add(child(path, key), plugin.DiffAdd, value)
		}
	}
	for key, old := range before {
		if _, ok := after[key]; !ok {
			c.add(child(path, key), plugin.DiffDelete, old)
		}
	}
}

func (c *comparison) compareLists(path resource.PropertyPath, before, after []any) {
	for i, value := range after {
		if i < len(before) {
			c.compare(child(path, i), before[i], value)
		} else {
			c.add(child(path, i), plugin.DiffAdd, value)
		}
	}
	for i := len(after); i < len(before); i++ {
		c.add(child(path, i), plugin.DiffDelete, before[i])
	}
}

func (c *comparison) compare(path resource.PropertyPath, before, after any) {
	if beforeMap, ok := before.(map[string]any); ok {
		if afterMap, ok := after.(map[string]any); ok {
			c.compareMaps(path, beforeMap, afterMap)
			return
		}
	}
	if beforeList, ok := before.([]any); ok {
		if afterList, ok := after.([]any); ok {
			c.compareLists(path, beforeList, afterList)
			return
		}
	}
	if !equal(before, after) {
		c.add(path, plugin.DiffUpdate, after)
	}
}

// equal compares two leaves. Nothing equals an unknown value.
func equal(a, b any) bool {
	if left, ok := asFloat(a); ok {
		right, ok := asFloat(b)
		return ok && left == right
	}
	if hasUnknown(b) {
		return false
	}
	return reflect.DeepEqual(a, b)
}

func asFloat(value any) (float64, bool) {
	switch value := value.(type) {
	case int64:
		return float64(value), true
	case float64:
		return value, true
	}
	return 0, false
}

// add records one difference unless it is ignored. The value is the one that
// comes or goes; a field within it may be what replaces the object.
func (c *comparison) add(path resource.PropertyPath, kind plugin.DiffKind, value any) {
	for _, ignored := range c.ignored {
		if ignored.Contains(path) {
			return
		}
	}
	for _, pattern := range c.replacing {
		if pattern.touched(path, value) {
			kind = kind.AsReplace()
			break
		}
	}
	c.found[path.String()] = plugin.PropertyDiff{Kind: kind, InputDiff: kind == plugin.DiffDelete || kind == plugin.DiffDeleteReplace}
}

// child makes a path of its own: siblings must not share a backing array.
func child(path resource.PropertyPath, element any) resource.PropertyPath {
	return append(path[:len(path):len(path)], element)
}

func nested(object map[string]any, first, second string) (any, bool) {
	inner, _ := object[first].(map[string]any)
	value, ok := inner[second]
	return value, ok
}

func setNested(object map[string]any, value any, first, second string) {
	inner, ok := object[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		object[first] = inner
	}
	inner[second] = value
}

func removeNested(object map[string]any, first, second string) {
	if inner, ok := object[first].(map[string]any); ok {
		delete(inner, second)
	}
}
