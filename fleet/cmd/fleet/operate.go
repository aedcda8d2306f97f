package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill.example/waybill/fleet/engine"
	"waybill.example/waybill/fleet/pool"
	"waybill.example/waybill/fleet/progress"
	"waybill.example/waybill/fleet/report"
	"waybill.example/waybill/fleet/stackfiles"
	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/stacks"
)

// operation works on one stack. It gives the status where that is not to be
// told from the result, and the result as far as it came.
type operation func(ctx context.Context, stack *engine.Stack, observe func(steps.Resource)) (report.Status, *steps.Result, error)

func (f *fleet) preview(ctx context.Context) error {
	return f.operate(ctx, "preview", false, func(ctx context.Context, stack *engine.Stack, observe func(steps.Resource)) (report.Status, *steps.Result, error) {
		result, err := stack.Preview(ctx, observe)
		if !errors.Is(err, engine.ErrNotInBackend) {
			return "", result, err
		}
		if !f.init {
			result, err = stack.PreviewApart(ctx, observe)
			return report.New, result, err
		}
		if err := stack.Init(ctx); err != nil {
			return "", nil, err
		}
		result, err = stack.Preview(ctx, observe)
		return report.New, result, err
	})
}

func (f *fleet) up(ctx context.Context) error {
	return f.operate(ctx, "up", true, func(ctx context.Context, stack *engine.Stack, observe func(steps.Resource)) (report.Status, *steps.Result, error) {
		result, err := stack.Up(ctx, observe)
		if !errors.Is(err, engine.ErrNotInBackend) {
			return "", result, err
		}
		if !f.init {
			return "", nil, fmt.Errorf("the stack %w: if it is new, deploy it with --init; if it is not, see which backend the environment names", err)
		}
		if err := stack.Init(ctx); err != nil {
			return "", nil, err
		}
		result, err = stack.Up(ctx, observe)
		return "", result, err
	})
}

func (f *fleet) drift(ctx context.Context) error {
	return f.operate(ctx, "drift", false, func(ctx context.Context, stack *engine.Stack, observe func(steps.Resource)) (report.Status, *steps.Result, error) {
		result, err := stack.Drift(ctx, observe)
		if errors.Is(err, engine.ErrNotInBackend) {
			return report.NotDeployed, nil, nil
		}
		return "", result, err
	})
}

// operate runs an operation on the selected stacks side by side and reports.
func (f *fleet) operate(ctx context.Context, command string, changes bool, work operation) error {
	if f.json && f.markdown == "-" {
		return errors.New("--json and --markdown -: want one of them on stdout")
	}
	if f.parallel < 0 {
		return fmt.Errorf("--parallel %d: want 1 or more", f.parallel)
	}
	selected, err := f.selected()
	if err != nil {
		return err
	}
	if changes {
		if err := f.confirm(ctx, command, selected); err != nil {
			return err
		}
	}
	e, err := engine.Open(engine.Options{Root: f.root, Program: stacks.In(f.root), Environment: f.environment, Abort: f.abort})
	if err != nil {
		return err
	}
	parallel := f.parallel
	if parallel == 0 {
		parallel = pool.Size()
	}
	shown := progress.New(f.stderr, len(selected))
	started := time.Now()
	rows := each(ctx, selected, parallel, shown, func(ctx context.Context, stack stackfiles.Stack) report.Row {
		return one(ctx, e, stack, func(resource steps.Resource) {
			shown.Step(stack.Name, resource.Operation+" "+resource.Name, changes && resource.Operation != "same")
		}, work)
	})
	shown.Close()
	return f.print(report.Make(command, f.shard, rows, time.Since(started)))
}

// each gives a row for every stack, so many at once; one that the context's end
// kept from starting is not started.
func each(ctx context.Context, selected []stackfiles.Stack, parallel int, shown progress.Progress, work func(context.Context, stackfiles.Stack) report.Row) []report.Row {
	rows := make([]report.Row, len(selected))
	for i, stack := range selected {
		rows[i] = report.Row{Stack: stack, Status: report.NotStarted}
	}
	pool.Each(ctx, len(selected), parallel, func(i int) {
		name := selected[i].Name
		shown.Start(name)
		started := time.Now()
		row := work(ctx, selected[i])
		row.Stack, row.Seconds = selected[i], time.Since(started).Seconds()
		rows[i] = row
		shown.Done(name, ended(&row))
	})
	return rows
}

// ended is a word or two about a row.
func ended(row *report.Row) string {
	if row.Changes() == 0 {
		return string(row.Status)
	}
	return fmt.Sprintf("%s (%d create, %d update, %d replace, %d delete)", row.Status, row.Create, row.Update, row.Replace, row.Delete)
}

// one runs an operation on one stack.
func one(ctx context.Context, e *engine.Engine, stack stackfiles.Stack, observe func(steps.Resource), work operation) (row report.Row) {
	if stack.Problem != nil {
		return report.Row{Status: report.Failed, Errors: lines(stack.Problem)}
	}
	s, err := e.Stack(ctx, stack.Name)
	if err != nil {
		return report.Row{Status: report.Failed, Errors: lines(err)}
	}
	defer func() {
		if err := s.Close(); err != nil {
			row.Warnings = append(row.Warnings, err.Error())
		}
	}()
	return conclude(ctx, func() (report.Status, *steps.Result, error) { return work(ctx, s, observe) })
}

// conclude makes the row of an operation. An error after the interrupt is the
// interrupt's doing: a stack that had failed by itself fails again.
func conclude(ctx context.Context, work func() (report.Status, *steps.Result, error)) report.Row {
	status, result, err := work()
	row := report.Row{Status: status}
	row.Take(result)
	switch {
	case err != nil && ctx.Err() != nil:
		row.Status = report.Interrupted
	case err != nil:
		row.Status, row.Errors = report.Failed, lines(err)
	case status != "":
	case row.Changes() > 0:
		row.Status = report.Changed
	default:
		row.Status = report.Unchanged
	}
	return row
}
