package provider

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// AutoName returns the name of a resource whose program gives none: the one it
// has already, else the one that the engine proposes, else the resource's own
// name with eight random hexadecimal digits. It returns "" where the
// stack's configuration disables automatic names.
func AutoName(request plugin.CheckRequest, property resource.PropertyKey) (string, error) {
	if name := Text(request.Olds, property); name != "" {
		return name, nil
	}
	if request.Autonaming != nil {
		if request.Autonaming.Mode == plugin.AutonamingModeDisabled {
			return "", nil
		}
		return request.Autonaming.ProposedName, nil
	}
	name, err := resource.NewUniqueName(request.RandomSeed, request.URN.Name(), 8, 0, nil)
	if err != nil {
		return "", fmt.Errorf("automatic name for %s: %w", request.URN.Name(), err)
	}
	return name, nil
}
