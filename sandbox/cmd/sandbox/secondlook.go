package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
)

// suspension previews the stack with suspended: true, which has to take the customer's
// right to read away, and nothing else. The customer's side has no such key. With adopt,
// the program refuses the entry of a right that it leaves out.
func suspension(ctx context.Context, e *engine.Engine, report *report) error {
	if report.Side == "customer" || report.adopts {
		return nil
	}
	result, err := e.PreviewWith(ctx, func(customer map[string]any) { customer["suspended"] = true })
	if err != nil {
		return err
	}
	taken := false
	for _, one := range result.Changed() {
		if one.Operation == steps.Delete && slices.Contains(rehearsal.RightsToRead, one.Type) {
			taken = true
			continue
		}
		report.fail(fmt.Errorf("suspended: true would %s %s (%s): want the right to read deleted, and nothing else",
			one.Operation, one.Name, strings.Join(one.Properties, ", ")))
	}
	if !taken {
		report.fail(errors.New("suspended: true would leave the customer the right to read"))
	}
	return nil
}

// again previews another update, which looks at the clouds first: what the
// refresher wrote, and what a cloud keeps in a form of its own, is no change. Where
// set is true, the number of pods may be set again, by what sets nothing else
// (docs/facts.md §6).
func again(ctx context.Context, e *engine.Engine, report *report, set bool) error {
	result, err := e.Preview(ctx, optpreview.Refresh())
	if err != nil {
		return err
	}
	for _, one := range result.Changed() {
		if set && one.Type == "kubernetes:apps/v1:DeploymentPatch" && slices.Equal(one.Properties, []string{"spec.replicas"}) {
			continue
		}
		report.fail(fmt.Errorf("another update, with nothing changed, would %s %s (%s)", one.Operation, one.Name, strings.Join(one.Properties, ", ")))
	}
	return nil
}

// nextRelease previews the stack with another tag of the product: all that runs it has to
// get it in place, but for environments with a tag of their own, and nothing else may go.
// On ECS a release is a new task definition.
func nextRelease(ctx context.Context, e *engine.Engine, report *report) error {
	released, everywhere := false, true
	result, err := e.PreviewWith(ctx, func(customer map[string]any) {
		product, _ := customer["product"].(map[string]any)
		if tag, _ := product["tag"].(string); tag != "" {
			product["tag"], released = tag+"-next", true
		}
		environments, _ := customer["environments"].(map[string]any)
		for _, environment := range environments {
			own, _ := environment.(map[string]any)
			everywhere = everywhere && own["product"] == nil
		}
	})
	if err != nil || !released {
		return err
	}
	of := map[string]string{"kubernetes:apps/v1:Deployment": "image", "aws:ecs/service:Service": "taskDefinition"}
	running := 0
	for _, one := range result.Resources {
		what, runs := of[one.Type]
		switch isReleased := slices.ContainsFunc(one.Properties, func(p string) bool { return strings.HasSuffix(p, what) }); {
		case runs && isReleased && one.Operation == steps.Update:
			running++
		case runs && everywhere:
			report.fail(fmt.Errorf("the next release would leave %s at the last one", one.Name))
		case one.Operation != steps.Same && one.Operation != steps.Update && one.Type != "aws:ecs/taskDefinition:TaskDefinition":
			report.fail(fmt.Errorf("the next release would %s %s (%s): want updates alone", one.Operation, one.Name, one.Type))
		}
	}
	if running == 0 {
		report.fail(errors.New("the next release would change nothing that runs"))
	}
	return nil
}

// fewerWorkloads previews the stack without the first of several workloads: what is of the
// others stays as it is.
func fewerWorkloads(ctx context.Context, e *engine.Engine, report *report) error {
	var gone string
	result, err := e.PreviewWith(ctx, func(customer map[string]any) {
		if all, _ := customer["workloads"].([]any); len(all) > 1 {
			gone, _ = all[0].(map[string]any)["component"].(string)
			customer["workloads"] = all[1:]
		}
	})
	if err != nil || gone == "" {
		return err
	}
	left := 0
	for _, one := range result.Changed() {
		isGone := (one.Operation == steps.Delete || one.Operation == steps.Keep) && strings.Contains(one.Name, gone)
		if isGone {
			left++
		} else if !strings.HasPrefix(one.Type, "waybill:") {
			report.fail(fmt.Errorf("without the workload %s, an update would %s %s (%s): want the others as they are",
				gone, one.Operation, one.Name, strings.Join(one.Properties, ", ")))
		}
	}
	if left == 0 {
		report.fail(fmt.Errorf("without the workload %s, an update would delete nothing", gone))
	}
	return nil
}

// failedRelease updates the stack with a release whose tasks cannot start, since their role
// may not pull, and again: ECS goes back to the last release, so that the update has to say
// that it failed. A Deployment would wait for ten minutes.
func failedRelease(ctx context.Context, e *engine.Engine, chain *rehearsal.Rehearsal, report *report) error {
	failed := false
	err := chain.WithoutPull(func() error {
		failed = true
		_, err := e.UpWith(ctx, func(customer map[string]any) {
			workload, _ := customer["workload"].(map[string]any)
			if workload == nil {
				workload = map[string]any{}
			}
			workload["command"] = []any{"/a-release-that-fails"}
			customer["workload"] = workload
		})
		if said := fmt.Sprint(err); ctx.Err() == nil && !strings.Contains(said, "rolled the deployment back") {
			report.fail(fmt.Errorf("a release whose tasks cannot start: want the update to say that ECS rolled it back, not %s", said))
		}
		return ctx.Err()
	})
	if err != nil || !failed {
		return err
	}
	_, err = e.Up(ctx)
	return err
}

// unenforced previews the stack while its namespace, which was there before, does not
// enforce Pod Security any more: the program has to refuse.
func unenforced(ctx context.Context, e *engine.Engine, report *report) error {
	if _, err := e.Preview(ctx); err == nil {
		report.fail(errors.New("an existing namespace that does not enforce Pod Security is taken: want it refused"))
	} else if !strings.Contains(err.Error(), rehearsal.EnforceLabel) {
		return err
	}
	return ctx.Err()
}
