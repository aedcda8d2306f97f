package stacks

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks/chain"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

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
		last := sync.OnceValues(func() (exchange.Outputs, error) { return exchange.Last(ctx) })
		if err := run(ctx, root, last); err != nil {
			return errors.Join(err, exchange.Keep(ctx, last))
		}
		return nil
	}
}

// run is the program; last gives the stack's outputs after its last update.
func run(ctx *pulumi.Context, root string, last func() (exchange.Outputs, error)) error {
	plan, settings, err := load(ctx)
	if err != nil {
		return err
	}
	var before exchange.Outputs
	if plan.Remembers() {
		if before, err = last(); err != nil {
			return err
		}
	}
	if err := plan.Receive(ctx, root, before); err != nil {
		if refused := (exchange.Refused{}); errors.As(err, &refused) {
			return refusal(ctx, err)
		}
		return err
	}
	var problems config.Problems
	if plan.Validate(&problems); problems.Err() != nil {
		return refusal(ctx, problems.Err())
	}
	adopted, err := adopt(ctx, settings.Adopt)
	if err != nil {
		return err
	}
	if err := plan.LookUp(ctx); err != nil {
		return err
	}
	if err := plan.Register(ctx); err != nil {
		return err
	}
	return adopted.check(ctx)
}

// load reads and checks the whole configuration and reports every problem.
func load(ctx *pulumi.Context) (*chain.Plan, *config.Settings, error) {
	var problems config.Problems
	settings := config.Load(ctx, &problems)
	chain.RefuseProviderKeys(ctx, &problems)
	plan := newPlan(settings, &problems)
	if err := problems.Err(); err != nil {
		return nil, nil, refusal(ctx, err)
	}
	return plan, settings, nil
}

// newPlan is the plan of a configuration; nil where it could not be read. Of one that
// has problems it notes those of every kind; else the components' are the caller's to check.
func newPlan(settings *config.Settings, problems *config.Problems) *chain.Plan {
	if settings == nil {
		return nil
	}
	plan := chain.New(settings, problems)
	settings.CheckProductConfig(problems)
	if plan != nil && problems.Err() != nil {
		// What the components find is said as well, but only of values that are there:
		// wrong ones have been left out, and the rest may come of that.
		var found config.Problems
		plan.Validate(&found)
		problems.Merge(found, settings.Given)
	}
	return plan
}

// refusal is the one error for a configuration with any number of problems.
func refusal(ctx *pulumi.Context, problems error) error {
	return refusedError{fmt.Sprintf("the configuration of stack %s is refused, and nothing is changed", ctx.Stack()), problems}
}

// refusedError are problems below a heading.
type refusedError struct {
	heading  string
	problems error
}

func (r refusedError) Error() string { return r.heading + ":\n" + r.problems.Error() }

func (r refusedError) Unwrap() error { return r.problems }
