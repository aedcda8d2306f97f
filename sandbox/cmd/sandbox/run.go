package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
)

// runner runs one command. What it says on the way goes to stderr, what it
// found to stdout.
type runner struct {
	stdout, stderr io.Writer
	options        sandbox.Options
	json           bool
	first          string // the case that up tries first, and then stops at the first that is not refused as it has to be
	rehearses      bool   // the previews and updates that try what comes later are not shown
}

// up deploys, walks the chain and tries every refusal.
func (r *runner) up(ctx context.Context) error {
	return r.operate(ctx, "up", func(e *engine.Engine) (*engine.Result, error) { return e.Up(ctx) }, r.rehearse)
}

func (r *runner) preview(ctx context.Context) error {
	return r.operate(ctx, "preview", func(e *engine.Engine) (*engine.Result, error) { return e.Preview(ctx) }, nil)
}

func (r *runner) down(ctx context.Context) error {
	return r.operate(ctx, "down", func(e *engine.Engine) (*engine.Result, error) { return e.Destroy(ctx) }, nil)
}

// operate starts the sandbox, runs one operation of the engine there and then
// what follows it, stops the sandbox, and reports. Whatever goes wrong is in
// the report: with --json there is always one document.
func (r *runner) operate(
	ctx context.Context, verb string,
	operation func(*engine.Engine) (*engine.Result, error),
	follow func(context.Context, *sandbox.Sandbox, *engine.Engine, *report) error,
) error {
	report := newReport(verb, r.options.Stack)
	report.world = r.options.WorldFile()
	if err := r.run(ctx, report, operation, follow); err != nil {
		report.fail(err)
	}
	if ctx.Err() != nil {
		// Whatever failed meanwhile failed of this.
		report.interrupt()
	}
	if r.json {
		if err := r.printJSON(report); err != nil {
			return err
		}
	} else {
		report.printVerdict(r.stdout)
	}
	if !report.OK {
		return errFailed
	}
	return nil
}

func (r *runner) run(
	ctx context.Context, report *report,
	operation func(*engine.Engine) (*engine.Result, error),
	follow func(context.Context, *sandbox.Sandbox, *engine.Engine, *report) error,
) (err error) {
	if err := report.describe(r.options.Root); err != nil {
		return err
	}
	if err := sandbox.Validate(ctx, r.options); err != nil {
		return err
	}
	s, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := s.Engine(ctx, r.observe)
	if err != nil {
		return err
	}
	result, failure := operation(e)
	report.add(result)
	if failure != nil {
		report.fail(failure)
	}
	if !r.json {
		report.printDeployment(r.stdout)
	}
	if follow == nil {
		return nil
	}
	r.rehearses = true
	return follow(ctx, s, e, report)
}

// rehearse walks the deployed chain and shows each hop and each refusal as it
// happens. Where the deployment failed, it shows how far the refresher came in
// it; where it is half a chain, what becomes of it; where the customer is suspended,
// who refuses it.
func (r *runner) rehearse(ctx context.Context, s *sandbox.Sandbox, e *engine.Engine, report *report) error {
	out := r.stdout
	if r.json {
		out = io.Discard
	}
	if err := s.Release(ctx); err != nil {
		report.fail(err)
	}
	if !report.OK {
		hops, err := s.Diagnose(ctx, report.started)
		if err != nil {
			return err
		}
		report.addHops(out, hops...)
		return nil
	}
	half, err := s.Half(ctx, report.Outputs)
	if err != nil {
		return err
	}
	if half != "" {
		fmt.Fprint(out, "\n", half, "\n")
		return forged(ctx, e, report)
	}
	chain, err := s.Rehearsal(ctx, report.Outputs)
	if err != nil {
		return err
	}
	if report.Outputs["suspended"] == true {
		fmt.Fprint(out, "\nsuspended: the right to read is gone, and the chain has to refuse\n")
		if err := chain.Suspended(ctx, func(refusal rehearsal.Refusal) { report.addRefusal(out, refusal) }); err != nil {
			return err
		}
		return again(ctx, e, report, false)
	}
	if err := chain.Walk(ctx, func(hop rehearsal.Hop) { report.addHops(out, hop) }); err != nil {
		return err
	}
	if !report.OK {
		return nil
	}
	chain.First = r.first
	trying, enough := context.WithCancel(ctx)
	defer enough()
	err = chain.Refusals(trying, func(refusal rehearsal.Refusal) {
		report.addRefusal(out, refusal)
		if r.first != "" && !report.OK {
			enough()
		}
	})
	if trying.Err() != nil {
		return ctx.Err() // nil where it was enough
	}
	if err != nil {
		return err
	}
	if err := chain.Refresh(ctx); err != nil { // the pull secret has the last refusal as its problem
		return err
	}
	if err := chain.Scaled(ctx, func(set bool) error { return again(ctx, e, report, set) }); err != nil {
		return err
	}
	if err := suspension(ctx, e, report); err != nil {
		return err
	}
	if err := nextRelease(ctx, e, report); err != nil {
		return err
	}
	if err := fewerWorkloads(ctx, e, report); err != nil {
		return err
	}
	if err := chain.Unenforced(ctx, func() error { return unenforced(ctx, e, report) }); err != nil {
		return err
	}
	if err := forged(ctx, e, report); err != nil {
		return err
	}
	return failedRelease(ctx, e, chain, report)
}

// reset forgets the stack's sandbox, and with it the other party's.
func (r *runner) reset(context.Context) error {
	path, err := sandbox.Forget(r.options)
	if err != nil {
		return err
	}
	if r.json {
		return r.printJSON(map[string]any{"stack": r.options.Stack, "forgotten": path, "ok": true})
	}
	if path == "" {
		_, err = fmt.Fprintf(r.stdout, "stack %s has no sandbox: nothing to forget\n", r.options.Stack)
		return err
	}
	_, err = fmt.Fprintf(r.stdout, "the sandbox of stack %s is forgotten (%s); what was built is kept: `make up STACK=%[1]s` starts afresh\n", r.options.Stack, path)
	return err
}

func (r *runner) start(ctx context.Context) (*sandbox.Sandbox, error) {
	root, err := filepath.Abs(r.options.Root)
	if err != nil {
		return nil, err
	}
	r.options.Root = root
	r.options.Progress = r.progress
	return sandbox.Start(ctx, r.options)
}

func (r *runner) progress(message string) { fmt.Fprintln(r.stderr, "·", message) }

// installed is what `make tools` asks before it builds.
func (r *runner) installed(ctx context.Context, tool string) error {
	tools, err := filepath.Abs(filepath.Join(r.options.Root, ".build"))
	if err != nil {
		return err
	}
	found, err := sandbox.Installed(ctx, tools, tool, r.progress)
	if err == nil && !found {
		return errFailed
	}
	return err
}

// observe shows a step that changed something, as it ends.
func (r *runner) observe(step steps.Resource) {
	if step.Operation != "same" && !r.json && !r.rehearses {
		fmt.Fprintf(r.stderr, "  %-8s %s %s\n", step.Operation, shortType(step.Type), step.Name)
	}
}

// serve leaves the sandbox running until it is interrupted, and prints the
// environment as shell commands, or as a JSON object.
func (r *runner) serve(ctx context.Context) (err error) {
	s, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	environment, err := s.Environment()
	if err != nil {
		return err
	}
	if r.json {
		err = r.printJSON(environment)
	} else {
		for _, name := range slices.Sorted(maps.Keys(environment)) {
			fmt.Fprintf(r.stdout, "export %s='%s'\n", name, strings.ReplaceAll(environment[name], "'", `'\''`))
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(r.stderr, "· the sandbox of stack %s is up (process %d); interrupt it to stop\n", r.options.Stack, os.Getpid())
	<-ctx.Done()
	return nil
}

func (r *runner) printJSON(value any) error {
	encoder := json.NewEncoder(r.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
