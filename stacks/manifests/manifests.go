package manifests

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

// Object is a Kubernetes object as it is applied.
type Object map[string]any

// Kind of the object.
func (o Object) Kind() string { return o.text("kind") }

// Name of the object.
func (o Object) Name() string { return o.metadata().text("name") }

// Namespace of the object; empty where it belongs to the cluster.
func (o Object) Namespace() string { return o.metadata().text("namespace") }

// Secret says whether the object holds something secret.
func (o Object) Secret() bool { return o.Kind() == "Secret" && o["data"] != nil }

func (o Object) metadata() Object {
	metadata, _ := o["metadata"].(map[string]any)
	return metadata
}

func (o Object) text(key string) string {
	text, _ := o[key].(string)
	return text
}

// Set are the objects of one environment.
type Set struct {
	// Objects are applied, and applied again, in their order.
	Objects []Object
	// Once are those that are created before anything is applied, and never again, with
	// the namespace that they are in: what they hold belongs to others from then on.
	Once []Object
}

// Of makes the objects of a stack's environment; empty for the only one.
func Of(stack *record.Stack, environment string) (*Set, error) {
	of, err := environmentOf(stack, environment)
	if err != nil {
		return nil, err
	}
	set, missing := &Set{}, map[string]string{}
	for _, r := range stack.Objects(of) {
		for _, unknown := range r.Unknowns() {
			if missing[unknown.From] == "" {
				missing[unknown.From] = r.Kind() + " " + r.Name + " has it in " + unknown.Path
			}
		}
		if len(missing) > 0 {
			continue
		}
		created := objectOf(r.Inputs)
		if strings.HasSuffix(r.Kind(), "Patch") {
			if err := set.patch(created); err != nil {
				return nil, err
			}
			continue
		}
		if metadata := created.metadata(); metadata["name"] == nil {
			metadata["name"] = record.ObjectName(r)
		}
		set.add(r, created)
	}
	if len(missing) > 0 {
		problems := []error{errors.New("some of what the objects hold is not known: want --outputs, or --secrets for what the stack file has encrypted")}
		for _, from := range slices.Sorted(maps.Keys(missing)) {
			problems = append(problems, fmt.Errorf("  %s: %s", from, missing[from]))
		}
		return nil, errors.Join(problems...)
	}
	return set, nil
}

// environmentOf is the environment that is meant.
func environmentOf(stack *record.Stack, environment string) (*config.Environment, error) {
	var names []string
	for _, e := range stack.Customer.Sorted() {
		names = append(names, e.Name)
	}
	switch {
	case !slices.ContainsFunc(stack.Registrations, func(r record.Registration) bool { return r.Type == "pulumi:providers:kubernetes" }):
		return nil, fmt.Errorf("side %s on platform %s: has no Kubernetes objects: want the customer's stack of a cluster", stack.Customer.Side, stack.Customer.Platform)
	case environment == "" && len(names) > 1:
		return nil, fmt.Errorf("the stack has several environments: want --environment with one of %s", strings.Join(names, ", "))
	case environment != "" && !slices.Contains(names, environment):
		return nil, fmt.Errorf("environment %q: want one of %s", environment, strings.Join(names, ", "))
	case environment == "":
		environment = names[0]
	}
	for _, waiting := range stack.Waiting {
		if !waiting.Lacks(environment) {
			continue
		}
		return nil, fmt.Errorf("%s is missing, which the %s supplies with `%s`: want it at %s", waiting.Document, waiting.From, waiting.Command, exchange.FileOf(stack.Customer, waiting.Document))
	}
	return &config.Environment{Name: environment}, nil
}

// add takes an object in as it is created, and as it is applied: without what the
// program leaves alone after that.
func (set *Set) add(r record.Registration, created Object) {
	inputs, left := r.Inputs, false
	for _, ignored := range r.RPC.GetIgnoreChanges() {
		path, err := resource.ParsePropertyPath(ignored)
		value := resource.NewProperty(inputs)
		if _, given := path.Get(value); err != nil || !given {
			continue
		}
		value, left = without(value, path), true
		inputs = value.ObjectValue()
	}
	applied := objectOf(inputs)
	applied["metadata"] = created["metadata"]
	if left && created.Kind() == "Secret" { // the API server takes no other kind without what was left out
		for _, o := range set.Objects {
			if o.Kind() == "Namespace" && o.Name() == created.Namespace() {
				set.Once = append(set.Once, o)
			}
		}
		set.Once = append(set.Once, created)
	}
	set.Objects = append(set.Objects, applied)
}

// without is a value without what is at a path of objects.
func without(value resource.PropertyValue, path resource.PropertyPath) resource.PropertyValue {
	key, isText := path[0].(string)
	if !isText || !value.IsObject() {
		return value
	}
	fields := maps.Clone(value.ObjectValue())
	if len(path) == 1 {
		delete(fields, resource.PropertyKey(key))
	} else {
		fields[resource.PropertyKey(key)] = without(fields[resource.PropertyKey(key)], path[1:])
	}
	return resource.NewProperty(fields)
}

// patch writes a patch into the object that it is for.
func (set *Set) patch(patch Object) error {
	for _, o := range set.Objects {
		if o.Kind() == patch.Kind() && o.Name() == patch.Name() && o.Namespace() == patch.Namespace() {
			merge(o, patch)
			return nil
		}
	}
	return fmt.Errorf("%s %s/%s: is patched, and no object of the stack's", patch.Kind(), patch.Namespace(), patch.Name())
}

// merge writes one object's fields into another's.
func merge(into, from map[string]any) {
	for key, value := range from {
		inner, isObject := value.(map[string]any)
		there, isThere := into[key].(map[string]any)
		if isObject && isThere {
			merge(there, inner)
			continue
		}
		into[key] = value
	}
}

// objectOf are a registration's inputs as Kubernetes reads them.
func objectOf(inputs resource.PropertyMap) Object {
	object, _ := plain(record.Plain(resource.NewProperty(inputs))).(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	if annotations, found := metadata["annotations"].(map[string]any); found {
		maps.DeleteFunc(annotations, func(key string, _ any) bool { return strings.HasPrefix(key, "pulumi.com/") })
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	if texts, found := object["stringData"].(map[string]any); found {
		data, _ := object["data"].(map[string]any)
		if data == nil {
			data = map[string]any{}
		}
		for key, text := range texts {
			data[key] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(text)))
		}
		object["data"] = data
		delete(object, "stringData")
	}
	return object
}

// plain is a value of the engine's as YAML has it: whole numbers are integers.
func plain(value resource.PropertyValue) any {
	switch {
	case value.IsObject():
		object := map[string]any{}
		for key, inner := range value.ObjectValue() {
			object[string(key)] = plain(inner)
		}
		return object
	case value.IsArray():
		list := []any{}
		for _, inner := range value.ArrayValue() {
			list = append(list, plain(inner))
		}
		return list
	case value.IsNumber():
		if number := value.NumberValue(); number == math.Trunc(number) {
			return int64(number)
		}
	}
	return value.V
}
