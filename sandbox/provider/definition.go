package provider

import (
	"context"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Definition is one provider package in front of an embedded cloud. C is the
// client that its handlers work with: the cloud as one provider resource's
// configuration sees it.
type Definition[C any] struct {
	// Name is the package's name in tokens, for example gcp.
	Name string
	// Version is the SDK's version, for example 7.38.0.
	Version string
	// Config is the struct whose pulumi tags name the configuration keys: the
	// element type of the SDK's ProviderArgs.
	Config reflect.Type
	// Configure makes the client from the configuration of one provider
	// resource. It does not call the cloud: as with the real providers, a wrong
	// project or subscription is found by the first request.
	Configure func(config map[string]any) (C, error)
	// Stateful says that new inputs are compared with the state, as providers
	// that bridge Terraform's do, and not with the old inputs.
	Stateful  bool
	Types     []Type[C]
	Functions []Function[C]
}

// Type is one resource type.
type Type[C any] struct {
	// Tok is the type's token, for example gcp:serviceaccount/account:Account.
	Tok string
	// Args is the struct whose pulumi tags name the properties: the element
	// type of the SDK's arguments. A field that is neither a pointer nor a
	// slice nor a map is required.
	Args reflect.Type
	// Required are the required properties that the kinds of Args do not show:
	// slices and maps.
	Required []string
	// Computed are the outputs that the cloud decides. Previews leave them unknown.
	Computed []string
	// Settled are those of Computed that an update does not change and whose
	// old value the real provider shows in the preview of an update.
	Settled []string
	// Immutable are the top-level properties that force a replacement.
	Immutable []string
	// DeleteFirst says whether a replacement deletes the old resource before it
	// creates the new one. Without it, the new one is created first.
	DeleteFirst bool
	// Name is the property that names the resource, where a real provider makes up
	// a name for one without it: the sandbox makes up none and refuses it.
	Name resource.PropertyKey
	// Unmodelled are properties that the sandbox refuses.
	Unmodelled []resource.PropertyKey

	// Default fills in, during Check, what becomes part of the inputs where the
	// program left it out, such as locations.
	Default func(client C, request plugin.CheckRequest, inputs resource.PropertyMap)
	// Validate checks inputs in Check as the real provider does before any
	// request. It sees known values only, and no value of a wrong kind.
	Validate func(inputs resource.PropertyMap) []plugin.CheckFailure
	// Complete returns the properties that the provider's configuration
	// supplies where the inputs leave them out, such as project and region.
	Complete func(client C, inputs resource.PropertyMap) map[string]string
	// Defaults are the values that mean the same as leaving the property out.
	Defaults map[string]any
	// Same says whether the cloud takes two values of a top-level property as
	// equal although they differ.
	Same func(property resource.PropertyKey, old, new resource.PropertyValue) bool

	// Create makes the resource and returns its ID and its outputs.
	Create func(ctx context.Context, client C, inputs resource.PropertyMap) (string, map[string]any, error)
	// Read returns the outputs of the resource, or nil where it is gone. State
	// is nil when a resource is imported.
	Read func(ctx context.Context, client C, id string, state resource.PropertyMap) (map[string]any, error)
	// Update changes the resource in place and returns its outputs. A type all
	// of whose properties are immutable has none.
	Update func(ctx context.Context, client C, id string, inputs resource.PropertyMap) (map[string]any, error)
	// Delete removes the resource. A resource that is gone already is no error.
	Delete func(ctx context.Context, client C, id string, state resource.PropertyMap) error
	// Identify returns the inputs that an ID holds and the outputs do not, for
	// an import.
	Identify func(id string) (map[string]any, error)
	// Adopted returns the ID that an imported resource has from then on, made of
	// its outputs; nil where that is the one that the program gave.
	Adopted func(outputs map[string]any) string
}

// Function is one function that programs invoke, such as a look-up.
type Function[C any] struct {
	// Tok is the function's token, for example
	// gcp:organizations/getProject:getProject.
	Tok string
	// Args is the struct whose pulumi tags name the arguments.
	Args reflect.Type
	// Run answers. Args hold known values only.
	Run func(ctx context.Context, client C, args resource.PropertyMap) (map[string]any, error)
}
