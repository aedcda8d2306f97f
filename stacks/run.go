package stacks

import (
	"errors"
	"os"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// platforms are the compositions, by the platform that they serve. The schema
// refuses every other platform before one is looked up.
var platforms = map[string]func(*pulumi.Context, *settings) error{
	platformAKS:   google,
	platformECS:   ecs,
	platformEKS:   eks,
	platformOther: google,
}

// Run builds the stack of one customer, or of one party: the whole program.
// Paths in the configuration are relative to the project's folder, or where the
// engine does not tell it, to the working directory.
func Run(ctx *pulumi.Context) error {
	root := ctx.RootDirectory()
	if root == "" {
		var err error
		if root, err = os.Getwd(); err != nil {
			return err
		}
	}
	return In(root)(ctx)
}

// In is Run for a project in the folder root: what a process that runs the
// program of several stacks, or from elsewhere, gives the Automation API.
func In(root string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		last := sync.OnceValues(func() (outputs, error) { return ownOutputs(ctx) })
		if err := run(ctx, root, last); err != nil {
			return errors.Join(err, keepOutputs(ctx, last))
		}
		return nil
	}
}

// run is the program; last gives the stack's outputs after its last update.
func run(ctx *pulumi.Context, root string, last func() (outputs, error)) error {
	s, err := load(ctx)
	if err != nil {
		return err
	}
	if err := receive(ctx, s, root, last); err != nil {
		return err
	}
	adopted, err := adopt(ctx, s.Adopt)
	if err != nil {
		return err
	}
	if err := platforms[s.Platform](ctx, s); err != nil {
		return err
	}
	return adopted.check(ctx)
}
