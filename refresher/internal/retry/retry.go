// Package retry tries a hop again where that can help: with exponential backoff and full jitter, never past
// the deadline of the context, and for a short window only where a refusal may be a change that has not
// arrived yet.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"waybill.example/waybill/refresher/internal/fault"
)

// Policy bounds the attempts at one hop.
type Policy struct {
	// First is the upper bound of the first pause; it doubles with each attempt. A pause is drawn evenly
	// between zero and its bound, so that many customers' refreshers do not return in step
	// (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
	First time.Duration
	// Longest is the upper bound of every pause.
	Longest time.Duration
	// Attempt is the time that one attempt may take.
	Attempt time.Duration
	// Settle is how long settling faults are tried again, counted from the first. Zero: not at all.
	Settle time.Duration
	// Once stops after one attempt, whatever came of it: for somebody who waits for the answer that there is now.
	Once bool
}

// Default is the policy of the refresher, for settling faults tried again during settle.
func Default(settle time.Duration) Policy {
	return Policy{First: 500 * time.Millisecond, Longest: 15 * time.Second, Attempt: 30 * time.Second, Settle: settle}
}

// Do calls try until it returns nil or a fault that trying again cannot help, and returns the number of
// attempts and the last fault. A fault that was cut short by the context's end is marked overdue.
func (p Policy) Do(ctx context.Context, try func(context.Context) *fault.Fault) (attempts int, last *fault.Fault) {
	var settling struct {
		hop   fault.Hop
		since time.Time
	}
	for bound := p.First; ; bound = min(2*bound, p.Longest) {
		attempts++
		before := last
		last = p.once(ctx, try)
		if last != nil && last.Status == 0 && before != nil && ctx.Err() != nil {
			// The end of the context cut this attempt wherever it was; what the one before was answered says more.
			last = before
		}
		if last == nil || last.Kind == fault.Lasting || p.Once {
			return attempts, last
		}
		pause := max(last.RetryAfter, draw(bound))
		if last.Kind == fault.Settling {
			if settling.hop != last.Hop {
				settling.hop, settling.since = last.Hop, time.Now()
			}
			if time.Since(settling.since)+pause > p.Settle {
				return attempts, last
			}
		}
		if !wait(ctx, pause) {
			last.Overdue = true
			return attempts, last
		}
	}
}

func (p Policy) once(ctx context.Context, try func(context.Context) *fault.Fault) *fault.Fault {
	ctx, cancel := context.WithTimeout(ctx, p.Attempt)
	defer cancel()
	return try(ctx)
}

func draw(bound time.Duration) time.Duration {
	if bound <= 0 {
		return 0
	}
	return rand.N(bound) //nolint:gosec // a pause is no secret
}

// wait pauses, and reports whether the context still holds. It does not begin a pause that the deadline would cut.
func wait(ctx context.Context, pause time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
