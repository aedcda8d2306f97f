package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// platforms are the compositions, by the platform that they serve. The schema
// refuses every other platform before one is looked up.
var platforms = map[string]func(*pulumi.Context, *settings) error{
	"aks": aks,
	"ecs": ecs,
	"eks": eks,
}

// Run builds the stack of one customer: the whole program.
func Run(ctx *pulumi.Context) error {
	s, err := load(ctx)
	if err != nil {
		return err
	}
	return platforms[s.Platform](ctx, s)
}
