package world

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/yaml"
)

// policyFiles are the sets of admission policies that a cluster can enforce: each
// file is named after its set, and says which rules it was written after.
//
//go:embed policies/*.yaml
var policyFiles embed.FS

// enforce adds the manifests of the cluster's policies to its objects.
func (c *Cluster) enforce(key string, report func(format string, args ...any)) {
	for i, name := range c.Policies {
		text, err := policyFiles.ReadFile("policies/" + name + ".yaml")
		if err != nil {
			report("%s.policies[%d] %q: want one of %q", key, i, name, policySets())
			continue
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			manifest, err := yaml.YAMLToJSON([]byte(document))
			if err != nil {
				report("%s.policies[%d] %q: %v", key, i, name, err)
			}
			c.Objects = append(c.Objects, manifest)
		}
	}
}

func policySets() (names []string) {
	files, _ := fs.Glob(policyFiles, "policies/*.yaml") // fails on a bad pattern only
	for _, file := range files {
		names = append(names, strings.TrimSuffix(path.Base(file), ".yaml"))
	}
	return names
}
