package figures

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill.example/waybill/sandbox/rehearsal"
)

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
