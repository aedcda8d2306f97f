package provider

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Check completes a resource's inputs as v4.30 does: apiVersion and kind, a
// name where there is none, the namespace, and a Secret's stringData in data.
// Nothing else of the program's inputs is touched, and no managed-by label is
// set: v4.30 sets it for client-side apply only. Fields are checked by the API
// server, at the preview's dry run or at the latest when the object is sent.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/provider/provider.go, Check
func (p *Provider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	s, err := p.configured()
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	kind, err := kindOf(req.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	mapping, err := s.mapping(kind)
	if err != nil {
		return plugin.CheckResponse{}, fmt.Errorf("%s: %w", req.Type, err)
	}
	c := checker{request: req, kind: kind, inputs: req.News.Copy()}
	c.setIdentity()
	namespace := ""
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace = s.namespace
	}
	if err := c.checkMetadata(namespace); err != nil {
		return plugin.CheckResponse{}, err
	}
	if kind == secretKind {
		c.encodeStringData()
	}
	markSecrets(c.inputs, req.News)
	return plugin.CheckResponse{Properties: c.inputs, Failures: c.failures}, nil
}

type checker struct {
	request  plugin.CheckRequest
	kind     schema.GroupVersionKind
	inputs   resource.PropertyMap
	failures []plugin.CheckFailure
}

func (c *checker) fail(property resource.PropertyKey, format string, args ...any) {
	c.failures = append(c.failures, plugin.CheckFailure{Property: property, Reason: fmt.Sprintf(format, args...)})
}

// setIdentity sets apiVersion and kind, or compares them with the type's.
func (c *checker) setIdentity() {
	apiVersion, kind := c.kind.ToAPIVersionAndKind()
	for key, want := range map[resource.PropertyKey]string{"apiVersion": apiVersion, "kind": kind} {
		given := reveal(c.inputs[key])
		if !given.IsNull() && (!given.IsString() || given.StringValue() != want) {
			c.fail(key, "%s %v: want %s for a %s", key, given.V, want, c.request.Type)
			continue
		}
		c.inputs[key] = resource.NewStringProperty(want)
	}
}

// checkMetadata sets the name and the namespace; the namespace is empty for
// kinds without one.
func (c *checker) checkMetadata(namespace string) error {
	given := c.inputs["metadata"]
	value := reveal(given)
	switch {
	case value.IsComputed():
		return nil // Nothing is known of it until the update.
	case !value.IsNull() && !value.IsObject():
		c.fail("metadata", "metadata is %s: want an object", value.TypeString())
		return nil
	}
	metadata := resource.PropertyMap{}
	if value.IsObject() {
		metadata = value.ObjectValue().Copy()
	}
	if !absent(metadata["generateName"]) {
		c.fail("metadata", "metadata.generateName: v4 refuses it with server-side apply: leave the name out instead")
		return nil
	}
	if absent(metadata["name"]) {
		if err := c.setName(metadata); err != nil {
			return err
		}
	}
	if namespace != "" && absent(metadata["namespace"]) {
		metadata["namespace"] = resource.NewStringProperty(namespace)
	}
	completed := resource.NewObjectProperty(metadata)
	if given.IsSecret() {
		completed = resource.MakeSecret(completed)
	}
	c.inputs["metadata"] = completed
	return nil
}

// absent is true of null and of empty text, not of an unknown.
func absent(value resource.PropertyValue) bool {
	value = reveal(value)
	return value.IsNull() || value.IsString() && value.StringValue() == ""
}

// encodeStringData replaces stringData by data where all of the Secret's
// inputs are known.
func (c *checker) encodeStringData() {
	if c.inputs.ContainsUnknowns() || absent(c.inputs["stringData"]) {
		return
	}
	object := map[string]any{"stringData": plain(c.inputs["stringData"])}
	if !absent(c.inputs["data"]) {
		object["data"] = plain(c.inputs["data"])
	}
	encodeStringData(object)
	for _, key := range []string{"data", "stringData"} {
		delete(c.inputs, resource.PropertyKey(key))
		if value, ok := object[key]; ok {
			c.inputs[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
		}
	}
}
