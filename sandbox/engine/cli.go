package engine

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	"github.com/blang/semver"
	pulumisdk "github.com/pulumi/pulumi/sdk/v3"
)

// findCLI takes the Pulumi CLI of PATH where it is at least as new as the SDK
// that the program is built with, and the one in tools/bin otherwise.
func findCLI(tools string) (auto.PulumiCommand, error) {
	wanted := pulumisdk.Version
	if command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Version: wanted}); err == nil && newEnough(command, wanted) {
		return command, nil
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: tools})
	if err != nil {
		return nil, fmt.Errorf("engine: there is no Pulumi CLI of version %s or newer on PATH, and none in %s/bin (run `make tools`): %w", wanted, tools, err)
	}
	return command, nil
}

func newEnough(command auto.PulumiCommand, wanted semver.Version) bool {
	return command.Version().GE(wanted)
}
