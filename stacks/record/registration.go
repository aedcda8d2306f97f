package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Registration is one resource as the program registered it.
type Registration struct {
	// Type is the type's token, such as kubernetes:core/v1:Secret, Name the name in
	// the stack.
	Type, Name string
	// Read is true for a resource that was read and not registered.
	Read bool
	// Inputs as given: what is secret is a resource.Secret, what is not known a
	// resource.Computed.
	Inputs resource.PropertyMap
	// RPC is the whole request, with the options; nil for a read.
	RPC *pulumirpc.RegisterResourceRequest
	// Parent and Provider are names: the last part of the parent's URN, and
	// NAME of the explicit provider.
	Parent, Provider string
	// URN is the resource's as the mocks make it, DependsOn those of everything that it
	// waits for: its parent, its provider, what its inputs come from and what it names.
	URN       string
	DependsOn []string
}

// Custom is false for components and reads.
func (r Registration) Custom() bool { return r.RPC.GetCustom() }

// Kind is the last part of the type: Job, ConfigMap.
func (r Registration) Kind() string { return r.Type[strings.LastIndex(r.Type, ":")+1:] }

// Text is an input by its dotted path, without its secrecy; empty where it is
// absent, unknown or no text.
func (r Registration) Text(path string) string {
	value := r.Value(path)
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}

// Value is an input by its dotted path, without its secrecy; null where it is absent.
func (r Registration) Value(path string) resource.PropertyValue {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil {
		return resource.NewNullProperty()
	}
	value, found := parsed.Get(Plain(resource.NewProperty(r.Inputs)))
	if !found {
		return resource.NewNullProperty()
	}
	return value
}

// Unknown is an input that only a cloud can tell.
type Unknown struct {
	// Path is the input's, in the form of resource.PropertyPath.
	Path string
	// From says what tells it, such as "azure-identity (clientId, principalId)".
	From string
}

// Unknowns are the inputs that are not known, by their paths.
func (r Registration) Unknowns() []Unknown {
	var all []Unknown
	walk(nil, resource.NewProperty(r.Inputs), func(path resource.PropertyPath, value resource.PropertyValue) {
		if value.IsComputed() {
			all = append(all, Unknown{path.String(), text(value.Input().Element)})
		}
	})
	return all
}

// Plain takes the secrecy off a value and off everything inside it.
func Plain(value resource.PropertyValue) resource.PropertyValue {
	return change(value, func(value resource.PropertyValue) resource.PropertyValue {
		if value.IsSecret() {
			return Plain(value.SecretValue().Element)
		}
		return value
	})
}

// change is a value with each value inside it changed, the innermost first.
func change(value resource.PropertyValue, to func(resource.PropertyValue) resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsSecret():
		value = resource.MakeSecret(change(value.SecretValue().Element, to))
	case value.IsObject():
		changed := resource.PropertyMap{}
		for key, inner := range value.ObjectValue() {
			changed[key] = change(inner, to)
		}
		value = resource.NewProperty(changed)
	case value.IsArray():
		changed := make([]resource.PropertyValue, len(value.ArrayValue()))
		for i, inner := range value.ArrayValue() {
			changed[i] = change(inner, to)
		}
		value = resource.NewProperty(changed)
	}
	return to(value)
}

// walk visits a value and everything inside it, in the order of the keys.
func walk(path resource.PropertyPath, value resource.PropertyValue, visit func(resource.PropertyPath, resource.PropertyValue)) {
	visit(path, value)
	switch {
	case value.IsSecret():
		walk(path, value.SecretValue().Element, visit)
	case value.IsObject():
		for _, key := range value.ObjectValue().StableKeys() {
			walk(append(slices.Clone(path), string(key)), value.ObjectValue()[key], visit)
		}
	case value.IsArray():
		for i, inner := range value.ArrayValue() {
			walk(append(slices.Clone(path), i), inner, visit)
		}
	}
}

// Log keeps registrations as a mock of the engine sees them.
type Log struct {
	mutex sync.Mutex
	// arrived are they in the order in which they came, which differs from run to run.
	arrived []Registration
}

// Note keeps what a mock was asked to make or read.
func (l *Log) Note(args pulumi.MockResourceArgs) (Registration, error) {
	r := Registration{Type: args.TypeToken, Name: args.Name, Inputs: args.Inputs, RPC: args.RegisterRPC, Provider: providerName(args.Provider)}
	parent, depends := args.RegisterRPC.GetParent(), args.RegisterRPC.GetDependencies()
	if args.RegisterRPC == nil {
		r.Read = true
		parent, depends = args.ReadRPC.GetParent(), args.ReadRPC.GetDependencies()
	} else {
		var err error
		r.Inputs, err = plugin.UnmarshalProperties(args.RegisterRPC.GetObject(), plugin.MarshalOptions{
			KeepSecrets: true, KeepResources: true, KeepUnknowns: true,
		})
		if err != nil {
			return r, fmt.Errorf("%s %s: %w", r.Type, r.Name, err)
		}
	}
	r.Parent = parent[strings.LastIndex(parent, ":")+1:]
	r.URN = urnBelow(parent, r.Type, r.Name)
	r.DependsOn = append(slices.Clone(depends), parent)
	if at := strings.LastIndex(args.Provider, "::"); at > 0 {
		r.DependsOn = append(r.DependsOn, args.Provider[:at])
	}
	for _, from := range args.RegisterRPC.GetPropertyDependencies() {
		r.DependsOn = append(r.DependsOn, from.GetUrns()...)
	}
	slices.Sort(r.DependsOn)
	r.DependsOn = slices.Compact(r.DependsOn)

	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.arrived = append(l.arrived, r)
	return r, nil
}

// urnBelow is the URN that the mocks give.
func urnBelow(parent, kind, name string) string {
	above, of := resource.URN(parent), tokens.Type("")
	if !above.IsValid() {
		return ""
	}
	if above.QualifiedType() != resource.RootStackType {
		of = above.QualifiedType()
	}
	return string(resource.NewURN(above.Stack(), above.Project(), of, tokens.Type(kind), name))
}

// All are the registrations but the stack's own, by type and name.
func (l *Log) All() []Registration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := slices.Clone(l.arrived)
	slices.SortFunc(all, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// InOrder are the registrations, each after everything that it depends on; else by
// type and name.
func (l *Log) InOrder() []Registration {
	left := l.All()
	ordered := make([]Registration, 0, len(left))
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(r Registration) bool {
			return !slices.ContainsFunc(left, func(other Registration) bool { return other.URN != r.URN && slices.Contains(r.DependsOn, other.URN) })
		})
		next = max(next, 0) // a circle cannot be registered
		ordered, left = append(ordered, left[next]), slices.Delete(left, next, next+1)
	}
	return ordered
}

// Of are the registrations of a type, by its last part: Job, ConfigMap.
func (l *Log) Of(kind string) []Registration {
	return slices.DeleteFunc(l.All(), func(r Registration) bool { return r.Kind() != kind })
}

// Named is the one registration of a name that is no provider's; the zero
// value if there is none.
func (l *Log) Named(name string) Registration { return named(l.All(), name) }

func named(all []Registration, name string) Registration {
	for _, r := range all {
		if r.Name == name && !strings.HasPrefix(r.Type, "pulumi:providers:") {
			return r
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

func text(value resource.PropertyValue) string {
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}
