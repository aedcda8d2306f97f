package figures

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
)

// Options say what is measured.
type Options struct {
	// Root is the project's folder.
	Root string
	// Progress is told what is measured, and each failure.
	Progress func(message string)
}

// meter collects one report.
type meter struct {
	Options
	// state is the directory that the measurements work in.
	state string
	// stacks are walked, one after the other; the rest is measured on the first.
	stacks []string
	// steps are how many steps of the engine an update has made when it is interrupted.
	steps []int
	// inputs is how many random configurations are tried, the same for a seed.
	inputs int
	seed   uint64
	// refreshes is how many refreshes run back to back while pulls are tried.
	refreshes int
	report    Report
	// saying keeps a pull's failure out of the middle of another message.
	saying sync.Mutex
}

func newMeter(options Options) *meter {
	return &meter{
		Options: options,
		stacks: slices.DeleteFunc([]string{"dev", "acme", "globex"}, func(stack string) bool {
			_, err := engine.StackFile(options.Root, stack)
			return err != nil // an example's
		}),
		steps: []int{3, 10, 18}, inputs: 3000, refreshes: 5,
	}
}

// Measure takes every figure. An error means that a measurement could not be
// made; what was measured and failed is in the report.
func Measure(ctx context.Context, options Options) (_ *Report, err error) {
	m := newMeter(options)
	if m.state, err = os.MkdirTemp("", "figures-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(m.state)) }()
	if err := m.fuzz(ctx); err != nil {
		return nil, err
	}
	for i, stack := range m.stacks {
		if err := m.deployed(ctx, stack, func(d *deployment) error {
			if err := m.walks(ctx, d); err != nil || i > 0 {
				return err
			}
			if err := m.faults(ctx, d); err != nil {
				return err
			}
			return m.pulls(ctx, d)
		}); err != nil {
			return nil, err
		}
	}
	return &m.report, m.interruptions(ctx)
}

func (m *meter) say(format string, values ...any) {
	m.saying.Lock()
	defer m.saying.Unlock()
	m.Progress(fmt.Sprintf(format, values...))
}

// failure tells of a case that did not end as it must.
func (m *meter) failure(format string, values ...any) { m.say("✗ "+format, values...) }

// start starts a sandbox for the stack in a directory of its own.
func (m *meter) start(ctx context.Context, stack, dir string) (*sandbox.Sandbox, error) {
	return sandbox.Start(ctx, sandbox.Options{
		Root: m.Root, Stack: stack, State: filepath.Join(m.state, dir),
	})
}

// deployment is a stack on its sandbox.
type deployment struct {
	*sandbox.Sandbox
	stack string
	chain *rehearsal.Rehearsal
	up    *engine.Result
}

// deployed brings a stack up, and its sandbox down after use.
func (m *meter) deployed(ctx context.Context, stack string, use func(*deployment) error) (err error) {
	m.say("deploying %s", stack)
	s, err := m.start(ctx, stack, stack)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := s.Engine(ctx, nil)
	if err != nil {
		return err
	}
	d := &deployment{Sandbox: s, stack: stack}
	if d.up, err = e.Up(ctx); err != nil {
		return fmt.Errorf("figures: stack %s: %w", stack, err)
	}
	if d.chain, err = s.Rehearsal(ctx, d.up.Outputs); err != nil {
		return err
	}
	return use(d)
}

// walkTime bounds one walk: the refresher's own deadline, 4 minutes, is for
// clouds that take minutes to propagate, and nothing here does.
const walkTime = 2 * time.Minute

// walks counts the walk that must succeed and those that must be refused.
func (m *meter) walks(ctx context.Context, d *deployment) error {
	m.say("walking the chain of %s", d.stack)
	m.report.Accepted.Cases++
	if err := walk(ctx, d); err != nil {
		m.failure("%s: %s", d.stack, err)
	} else {
		m.report.Accepted.OK++
	}
	return d.chain.Refusals(ctx, func(refusal rehearsal.Refusal) {
		m.report.Refusals.Cases++
		if refusal.OK {
			m.report.Refusals.AtRightHop++
			return
		}
		m.failure("%s: %s: want a refusal at %s, got %q: %s", d.stack, refusal.Case, refusal.Want, refusal.Hop, refusal.Error)
	})
}

// walk runs the refresher and lets the kubelet pull; an error names what kept
// it from the pulled image.
func walk(ctx context.Context, d *deployment) error {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	pulled := false
	var failed error
	if err := d.chain.Walk(ctx, func(hop rehearsal.Hop) {
		if !hop.OK && failed == nil {
			failed = fmt.Errorf("the walk ended at hop %q: %s", hop.Name, hop.Detail)
		}
		// The kubelet's pull, or that of ECS.
		pulled = pulled || hop.Name == "registry"
	}); err != nil {
		return err
	}
	if failed == nil && !pulled {
		return errors.New("the walk ended before the pull")
	}
	return failed
}
