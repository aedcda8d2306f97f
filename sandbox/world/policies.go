package world

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// policyFiles are the sets of admission policies that a cluster can enforce: each
// file is named after its set, and says which rules it was written after.
//
//go:embed policies/*.yaml
var policyFiles embed.FS

// policySets are the manifests of each set, read once.
var policySets = func() map[string][]json.RawMessage {
	sets := map[string][]json.RawMessage{}
	entries, err := policyFiles.ReadDir("policies")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, entry := range entries {
		text, err := policyFiles.ReadFile("policies/" + entry.Name())
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(entry.Name(), ".yaml")
		for _, document := range strings.Split(string(text), "\n---\n") {
			manifest, err := yaml.YAMLToJSON([]byte(document))
			if err != nil {
				panic(fmt.Sprintf("%s: %v", entry.Name(), err))
			}
			sets[name] = append(sets[name], manifest)
		}
	}
	return sets
}()

// enforce adds the manifests of the cluster's policies to its objects.
func (c *Cluster) enforce(key string, report func(format string, args ...any)) {
	for i, name := range c.Policies {
		set, known := policySets[name]
		if !known {
			report("%s.policies[%d] %q: want one of %q", key, i, name, slices.Sorted(maps.Keys(policySets)))
		}
		c.Objects = append(c.Objects, set...)
	}
}
