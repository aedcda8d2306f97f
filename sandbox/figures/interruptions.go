package figures

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox"
)

// interruptions interrupts first updates after so many steps, and counts those
// that the next update finishes and leaves nothing to change. The Automation
// API turns the context's end into SIGINT, on which the engine finishes and
// records what is in flight. A killed engine cannot: what it had in flight
// exists and is not recorded (docs/facts.md §6), and is an operator's to import.
func (m *meter) interruptions(ctx context.Context) error {
	for _, steps := range m.steps {
		if err := m.interruption(ctx, steps); err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) interruption(ctx context.Context, steps int) (err error) {
	stack := m.stacks[0]
	m.say("interrupt an update of %s after %d steps", stack, steps)
	s, err := m.start(ctx, stack, fmt.Sprintf("%s-interrupt-%d", stack, steps))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := m.interruptUpdate(ctx, s, steps); err != nil {
		return err
	}
	m.report.Interruptions.Cases++
	if err := converge(ctx, s); err != nil {
		m.failure("interrupted after %d steps: the next update: %s", steps, strings.ReplaceAll(err.Error(), "\n", " | "))
		return ctx.Err()
	}
	m.report.Interruptions.Converged++
	return nil
}

// interruptUpdate runs an update and interrupts it once so many steps have ended.
func (m *meter) interruptUpdate(ctx context.Context, s *sandbox.Sandbox, after int) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var seen atomic.Int64
	e, err := s.Engine(ctx, func(steps.Resource) {
		if seen.Add(1) == int64(after) {
			cancel()
		}
	})
	if err != nil {
		return err
	}
	_, failure := e.Up(running)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case seen.Load() < int64(after) && failure != nil:
		return fmt.Errorf("figures: the update to be interrupted after %d steps failed by itself: %w", after, failure)
	case failure == nil:
		return fmt.Errorf("figures: the update ended after %d steps and before it was interrupted: want fewer steps than %d", seen.Load(), after)
	}
	return nil
}

// converge updates again, as an operator would, and then wants a preview
// without a change. Opening the engine takes away a stale lock.
func converge(ctx context.Context, s *sandbox.Sandbox) error {
	e, err := s.Engine(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := e.Up(ctx); err != nil {
		return err
	}
	preview, err := e.Preview(ctx)
	if err != nil {
		return err
	}
	if left := preview.Changed(); len(left) > 0 {
		return fmt.Errorf("%d resources are still to change, the first is %s %s", len(left), left[0].Operation, left[0].Name)
	}
	return nil
}
