package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/fleet/engine"
	"waybill.example/waybill/fleet/progress"
	"waybill.example/waybill/fleet/recovery"
	"waybill.example/waybill/fleet/report"
	"waybill.example/waybill/fleet/stackfiles"
	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/stacks"
)

// recover mends one stack whose update was killed, and updates it.
func (f *fleet) recover(ctx context.Context, name string) error {
	if f.json && f.markdown == "-" {
		return errors.New("--json and --markdown -: want one of them on stdout")
	}
	all, err := stackfiles.Find(f.root)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(s stackfiles.Stack) bool { return s.Name == name })
	if at < 0 {
		names := make([]string, 0, len(all))
		for _, stack := range all {
			names = append(names, stack.Name)
		}
		return fmt.Errorf("stack %q has no file: want one of %s", name, strings.Join(names, ", "))
	}
	selected := all[at : at+1]
	if err := f.confirm(ctx, "recover", selected); err != nil {
		return err
	}
	e, err := engine.Open(engine.Options{Root: f.root, Program: stacks.In(f.root), Environment: f.environment, Abort: f.abort})
	if err != nil {
		return err
	}
	shown := progress.New(f.stderr, 1)
	started := time.Now()
	rows := each(ctx, selected, 1, shown, func(ctx context.Context, stack stackfiles.Stack) report.Row {
		var done []string
		var unsettled error
		row := one(ctx, e, stack, func(resource steps.Resource) {
			shown.Step(name, resource.Operation+" "+resource.Name, resource.Operation != "same")
		}, func(ctx context.Context, s *engine.Stack, observe func(steps.Resource)) (report.Status, *steps.Result, error) {
			if unsettled = recovery.Settle(ctx, s, f.ids, func(step string) {
				done = append(done, step)
				shown.Say(name + ": " + step)
			}); unsettled != nil {
				return "", nil, unsettled
			}
			shown.Say(name + ": updating")
			result, err := s.Up(ctx, observe)
			return "", result, err
		})
		row.Steps = done
		return explained(row, unsettled)
	})
	shown.Close()
	return f.print(report.Make("recover", "", rows, time.Since(started)))
}

// explained gives the row of an interrupted recovery the error with which it
// ended: it says what has to be done before an update.
func explained(row report.Row, unsettled error) report.Row {
	if row.Status == report.Interrupted && unsettled != nil {
		row.Errors = lines(unsettled)
	}
	return row
}
