// Package recorder runs a Pulumi program against mocks and keeps what it
// registered: type, name, parent, provider, inputs, options, dependencies.
// Tests assert on these registrations, never inside an ApplyT, which does not
// run on an unknown value.
package recorder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Registration is one resource as the program registered it.
type Registration struct {
	Type, Name string
	// Read is true for a resource that was read and not registered.
	Read bool
	// Inputs as given; an unknown one is absent.
	Inputs resource.PropertyMap
	// RPC is the whole request; nil for a read.
	RPC *pulumirpc.RegisterResourceRequest
	// Parent and Provider are names: the last part of the parent's URN, and
	// NAME of the explicit provider.
	Parent, Provider string
}

// Text is an input by its dotted path, without its secrecy; empty where it is
// absent, unknown or no text.
func (r Registration) Text(path string) string {
	value := r.Value(path)
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}

// Value is an input by its dotted path, without its secrecy.
func (r Registration) Value(path string) resource.PropertyValue {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil {
		return resource.NewNullProperty()
	}
	value, found := parsed.Get(Plain(resource.NewObjectProperty(r.Inputs)))
	if !found {
		return resource.NewNullProperty()
	}
	return value
}

// Plain takes the secrecy off a value and off everything inside it.
func Plain(value resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsSecret():
		return Plain(value.SecretValue().Element)
	case value.IsObject():
		plain := resource.PropertyMap{}
		for key, inner := range value.ObjectValue() {
			plain[key] = Plain(inner)
		}
		return resource.NewObjectProperty(plain)
	case value.IsArray():
		plain := make([]resource.PropertyValue, len(value.ArrayValue()))
		for i, inner := range value.ArrayValue() {
			plain[i] = Plain(inner)
		}
		return resource.NewArrayProperty(plain)
	}
	return value
}

// Recorder is a mock that answers like the clouds do.
type Recorder struct {
	// Preview makes every computed output unknown, as in `pulumi preview`.
	Preview bool
	// Config and Secrets are the stack's configuration, and its secret keys.
	Config  map[string]string
	Secrets []string
	// Functions answer invokes by token.
	Functions map[string]func(args resource.PropertyMap) (resource.PropertyMap, error)
	// Reads answer reads by type.
	Reads map[string]func(id string) (resource.PropertyMap, error)

	mutex         sync.Mutex
	registrations []Registration
}

// Run runs the program to its end.
func (r *Recorder) Run(program pulumi.RunFunc) error {
	return pulumi.RunErr(program, pulumi.WithMocks("waybill", "test", r), func(info *pulumi.RunInfo) {
		info.DryRun = r.Preview
		info.Config = r.Config
		info.ConfigSecretKeys = r.Secrets
	})
}

// Call answers an invoke.
func (r *Recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if answer, found := r.Functions[args.Token]; found {
		return answer(args.Args)
	}
	return nil, fmt.Errorf("the test answers no function %s", args.Token)
}

// NewResource records a registration or a read.
func (r *Recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	registration := Registration{Type: args.TypeToken, Name: args.Name, Inputs: args.Inputs, RPC: args.RegisterRPC, Provider: providerName(args.Provider)}
	var parent string
	if args.RegisterRPC != nil {
		parent = args.RegisterRPC.GetParent()
	} else {
		registration.Read = true
		parent = args.ReadRPC.GetParent()
	}
	registration.Parent = parent[strings.LastIndex(parent, ":")+1:]

	r.mutex.Lock()
	r.registrations = append(r.registrations, registration)
	r.mutex.Unlock()

	if registration.Read {
		answer, found := r.Reads[args.TypeToken]
		if !found {
			return "", nil, fmt.Errorf("the test answers no read of %s", args.TypeToken)
		}
		state, err := answer(args.ID)
		return args.ID, state, err
	}
	return r.create(args)
}

// All are the registrations but the stack's own, in a stable order.
func (r *Recorder) All() []Registration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	all := slices.Clone(r.registrations)
	slices.SortFunc(all, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Of are the registrations of a type, by its last part: Job, ConfigMap.
func (r *Recorder) Of(kind string) []Registration {
	var some []Registration
	for _, registration := range r.All() {
		if registration.Type[strings.LastIndex(registration.Type, ":")+1:] == kind {
			some = append(some, registration)
		}
	}
	return some
}

// Named is the one registration of a name that is no provider's; the zero
// value if there is none.
func (r *Recorder) Named(name string) Registration {
	for _, registration := range r.All() {
		if registration.Name == name && !strings.HasPrefix(registration.Type, "pulumi:providers:") {
			return registration
		}
	}
	return Registration{}
}

// providerName takes NAME out of urn:…::NAME::id.
func providerName(reference string) string {
	parts := strings.Split(reference, "::")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}
