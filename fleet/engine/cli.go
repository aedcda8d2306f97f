package engine

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	pulumisdk "github.com/pulumi/pulumi/sdk/v3"
)

// findCLI takes the Pulumi CLI of PATH where it is at least as new as the SDK
// that the program is built with, and the one in tools/bin otherwise.
func findCLI(tools string) (*command, error) {
	wanted := pulumisdk.Version
	onPath, notOnPath := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Version: wanted})
	if notOnPath == nil && onPath.Version().GE(wanted) {
		path, err := exec.LookPath("pulumi")
		if err != nil {
			return nil, fmt.Errorf("pulumi: %w", err)
		}
		return &command{PulumiCommand: onPath, path: path}, nil
	}
	built, notBuilt := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: tools})
	if notBuilt != nil {
		return nil, fmt.Errorf("there is no Pulumi CLI of version %s or newer on PATH, and none in %s/bin (run `make tools`): %w",
			wanted, tools, errors.Join(notOnPath, notBuilt))
	}
	return &command{PulumiCommand: built, path: filepath.Join(tools, "bin", "pulumi")}, nil
}
