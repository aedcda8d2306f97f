package provider

import (
	"bytes"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// handleIgnored makes server-side apply leave ignored fields as they are. A
// field that only others manage is left out of the object; one that this
// manager owns, alone or with others, is sent with its live value, because
// leaving it out would remove it. A field that is not there keeps the value
// that the engine put in. Paths through lists are left to the engine, as v4.30
// does.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/await/await.go, handleSSAIgnoreFields
func handleIgnored(object, live *unstructured.Unstructured, manager string, ignored []resource.PropertyPath) error {
	if len(ignored) == 0 {
		return nil
	}
	ours, theirs := fieldpath.NewSet(), fieldpath.NewSet()
	for _, entry := range live.GetManagedFields() {
		if entry.FieldsV1 == nil {
			continue
		}
		var fields fieldpath.Set
		if err := fields.FromJSON(bytes.NewReader(entry.FieldsV1.Raw)); err != nil {
			return fmt.Errorf("managed fields of %q: %w", entry.Manager, err)
		}
		if entry.Manager == manager {
			ours = ours.Union(withParents(&fields))
		} else {
			theirs = theirs.Union(withParents(&fields))
		}
	}
	for _, path := range ignored {
		names, fields := asNames(path)
		if names == nil {
			continue
		}
		if theirs.Has(fields) && !ours.Has(fields) {
			unstructured.RemoveNestedField(object.Object, names...)
			continue
		}
		value, found, err := unstructured.NestedFieldCopy(live.Object, names...)
		if err != nil {
			return fmt.Errorf("ignoreChanges %q: %w", path, err)
		}
		if found {
			if err := unstructured.SetNestedField(object.Object, value, names...); err != nil {
				return fmt.Errorf("ignoreChanges %q: %w", path, err)
			}
		}
	}
	return nil
}

// withParents adds to a set every field that holds one of its fields.
func withParents(fields *fieldpath.Set) *fieldpath.Set {
	all := fieldpath.NewSet()
	fields.Iterate(func(path fieldpath.Path) {
		for length := 1; length <= len(path); length++ {
			all.Insert(path[:length].Copy())
		}
	})
	return all
}

// asNames returns a path of names only in both notations, or nil.
func asNames(path resource.PropertyPath) ([]string, fieldpath.Path) {
	var names []string
	var fields fieldpath.Path
	for _, element := range path {
		name, ok := element.(string)
		if !ok {
			return nil, nil
		}
		names = append(names, name)
		fields = append(fields, fieldpath.PathElement{FieldName: &name})
	}
	return names, fields
}
