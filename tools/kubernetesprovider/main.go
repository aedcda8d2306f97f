// Command kubernetesprovider is the Kubernetes provider as Pulumi
// publishes it: the main of its own repository cannot be built from the module,
// which lacks what that repository generates.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

// schema is what an import reads an object's inputs by; the Makefile copies it
// from the module.
//
//go:embed schema.json
var schema []byte

func main() {
	// A mapping of Terraform's names serves conversions only.
	provider.Serve("kubernetes", version.Version, schema, nil)
}
