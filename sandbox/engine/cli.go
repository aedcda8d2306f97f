package engine

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	pulumisdk "github.com/pulumi/pulumi/sdk/v3"
)

// CLI is a Pulumi CLI, which is the engine.
type CLI struct {
	auto.PulumiCommand
	Path string
}

// String names the version and the path.
func (c CLI) String() string { return fmt.Sprintf("v%s (%s)", c.Version(), c.Path) }

// InstalledCLI is the CLI of PATH, where it is at least as new as the SDK that
// the program is built with.
func InstalledCLI() (CLI, bool) {
	path, err := exec.LookPath("pulumi")
	if err != nil {
		return CLI{}, false
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Version: pulumisdk.Version})
	if err != nil || command.Version().LT(pulumisdk.Version) {
		return CLI{}, false
	}
	return CLI{command, path}, true
}

// FindCLI takes the installed CLI where there is one, and the one that was built
// in tools/bin otherwise.
func FindCLI(tools string) (CLI, error) {
	if cli, found := InstalledCLI(); found {
		return cli, nil
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: tools})
	if err != nil {
		return CLI{}, fmt.Errorf("engine: there is no Pulumi CLI of version %s or newer on PATH, and none in %s/bin (run `make tools`): %w", pulumisdk.Version, tools, err)
	}
	return CLI{command, filepath.Join(tools, "bin", "pulumi")}, nil
}
