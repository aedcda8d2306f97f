package figures

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// clouds answer a program that runs without an engine, and keep what they
// would refuse of it.
type clouds struct {
	mutex      sync.Mutex
	registered int
	refused    []string
}

// Call answers look-ups: every cluster is there and has an issuer.
func (c *clouds) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if args.Token != "azure-native:containerservice:getManagedCluster" {
		return nil, fmt.Errorf("figures: no answer to the function %s", args.Token)
	}
	return resource.NewPropertyMapFromMap(map[string]any{
		"oidcIssuerProfile": map[string]any{"enabled": true, "issuerURL": "https://issuer.example/cluster/"},
	}), nil
}

// NewResource answers a registration with its inputs, and a read with an
// object that enforces Pod Security.
func (c *clouds) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.ReadRPC != nil {
		return args.ID, resource.NewPropertyMapFromMap(map[string]any{"metadata": map[string]any{
			"name": args.ID, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
		}}), nil
	}
	inputs := plain(resource.NewProperty(args.Inputs)).ObjectValue()
	if args.TypeToken != "pulumi:pulumi:Stack" {
		c.note(args.TypeToken, args.Name, inputs)
	}
	state := maps.Clone(args.Inputs)
	for _, output := range []resource.PropertyKey{"name", "tenantId", "clientId", "principalId", "email"} {
		if _, given := state[output]; !given && !strings.HasPrefix(args.TypeToken, "kubernetes:") {
			state[output] = resource.NewProperty(computed(args.TypeToken, string(output)))
		}
	}
	if strings.HasPrefix(args.TypeToken, "kubernetes:") {
		state["metadata"] = named(inputs["metadata"], args.Name)
	}
	return args.Name + "-id", state, nil
}

// computed is an output that a cloud chooses, in its form.
func computed(token, output string) string {
	const pool = "projects/123456789012/locations/global/workloadIdentityPools/pool"
	switch {
	case output == "name" && strings.HasSuffix(token, ":WorkloadIdentityPool"):
		return pool
	case output == "name" && strings.HasSuffix(token, ":WorkloadIdentityPoolProvider"):
		return pool + "/providers/provider"
	case output == "email":
		return "account@project.iam.gserviceaccount.com"
	case output == "name":
		return "name"
	}
	return "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"
}

// named is an object's metadata as an API server returns it.
func named(given resource.PropertyValue, name string) resource.PropertyValue {
	metadata := resource.PropertyMap{"name": resource.NewProperty(name), "uid": resource.NewProperty("3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10")}
	if given.IsObject() {
		maps.Copy(metadata, given.ObjectValue())
	}
	return resource.NewProperty(metadata)
}

func (c *clouds) note(token, name string, inputs resource.PropertyMap) {
	problems := check(token, name, inputs)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.registered++
	for _, problem := range problems {
		c.refused = append(c.refused, name+": "+problem)
	}
}

func (c *clouds) count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.registered
}

func (c *clouds) refusals() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Sorted(slices.Values(c.refused))
}

// plain takes the secrecy off a value and off everything inside it.
func plain(value resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsSecret():
		return plain(value.SecretValue().Element)
	case value.IsObject():
		inner := resource.PropertyMap{}
		for key, v := range value.ObjectValue() {
			inner[key] = plain(v)
		}
		return resource.NewProperty(inner)
	case value.IsArray():
		inner := make([]resource.PropertyValue, 0, len(value.ArrayValue()))
		for _, v := range value.ArrayValue() {
			inner = append(inner, plain(v))
		}
		return resource.NewProperty(inner)
	}
	return value
}

func sortedKeys[V any](object map[string]V) []string { return slices.Sorted(maps.Keys(object)) }
