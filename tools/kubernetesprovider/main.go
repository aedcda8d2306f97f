// Command kubernetesprovider is the Kubernetes provider as Pulumi publishes it:
// the main of its own repository cannot be built from the module, which lacks
// what that repository generates.
//
// The newest version that is to be had as a module is older than the SDK. It
// creates by server-side apply, and so takes over an object that exists
// already, where v4.30 refuses that; and it has the setting enablePatchForce as
// an environment variable only, which this command sets for it.
package main

import (
	_ "embed"
	"os"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// schema is what an import reads an object's inputs by; the Makefile copies it
// from the module.
//
//go:embed schema.json
var schema []byte

// settings sees the provider's configuration as it arrives: the module exports
// its whole server and nothing of it.
type settings struct{ encoding.CodecV2 }

func (s settings) Unmarshal(data mem.BufferSlice, message any) error {
	if err := s.CodecV2.Unmarshal(data, message); err != nil {
		return err
	}
	if request, ok := message.(*pulumirpc.ConfigureRequest); ok {
		if force, set := request.GetVariables()["kubernetes:config:enablePatchForce"]; set {
			return os.Setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", force)
		}
	}
	return nil
}

func init() { encoding.RegisterCodecV2(settings{encoding.GetCodecV2(proto.Name)}) }

func main() {
	// A mapping of Terraform's names serves conversions only.
	provider.Serve("kubernetes", version.Version, schema, nil)
}
