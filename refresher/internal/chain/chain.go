// Package chain walks from a token source to the pull secret: obtain, try on the product's images, write.
// It knows no cloud; a [Source] does.
package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/retry"
	"waybill.example/waybill/refresher/internal/wire"
)

// MinimumLife is the least remaining life of a credential that may replace another. It covers the longest
// time between two runs, 30 minutes, and the longest run, 10: with less, pulls would fail before the next
// token is written. Every cloud here gives more (docs/facts.md §3 and §4: an hour, and twelve).
const MinimumLife = 40 * time.Minute

// ShortLived is the error of a credential that would not outlive the time to the next run.
type ShortLived struct{ Left time.Duration }

// Error says how long the credential lives, and how long it would have to.
func (e *ShortLived) Error() string {
	if e.Left <= 0 {
		return "the token has expired"
	}
	return fmt.Sprintf("the token lives for %s more: want at least %s", e.Left.Round(time.Second), MinimumLife)
}

// CheckLife returns a *ShortLived unless what ends at expires lives at least MinimumLife from now.
func CheckLife(expires time.Time) error {
	if left := time.Until(expires); left < MinimumLife {
		return &ShortLived{left}
	}
	return nil
}

// Refused makes a fault of the last exchange, with the claims of the token that was shown, if one was. short is the
// cause of a *ShortLived.
func Refused(name fault.Hop, recorder *wire.Recorder, err error, secrets *redact.Set, shown fault.Claims, short string) *fault.Fault {
	var f *fault.Fault
	var left *ShortLived
	last, sent := recorder.Last()
	switch {
	case errors.As(err, &left):
		f = fault.New(name, left.Error(), short)
	case sent:
		f = fault.FromExchange(name, last, err, secrets)
	default:
		f = fault.FromError(name, err, secrets)
	}
	if len(shown.Pairs()) > 0 {
		f.Claims = &shown
	}
	return f
}

// Credential is what the kubelet shows to the registry.
type Credential struct {
	Username string
	Password string // secret
	Expires  time.Time
}

// Step is the outcome of one hop.
type Step struct {
	Hop      fault.Hop
	Issuer   string        // who issued what the hop returned
	Subject  string        // whom it speaks for
	Audience string        // for whom it is meant
	Expires  time.Time     // zero where it has no end
	Missing  []string      // hop registry: the images that the registry, having let the token in, does not hold
	Attempts int           // 0 where the hop never began
	Took     time.Duration // pauses included, where the hop was tried again
	Fault    *fault.Fault  // nil where the hop succeeded
}

// Report receives each step as it ends.
type Report func(Step)

// Source obtains a registry credential from one kind of trust.
type Source interface {
	// Hops lists the hops that Obtain walks, in order.
	Hops() []fault.Hop
	// Obtain walks them, reporting each as it ends, and returns a credential that lives at least MinimumLife,
	// or the fault of the hop that failed.
	Obtain(ctx context.Context, report Report) (Credential, *fault.Fault)
}

// Trial opens one image with the credential, and adds to the step what that showed.
type Trial func(ctx context.Context, credential Credential, step *Step) *fault.Fault

// Writer writes the pull secret, or proves that it could, and fills in its step. missing are the images that the
// registry does not hold.
type Writer func(ctx context.Context, credential Credential, missing []string, step *Step) *fault.Fault

// Walk is one run over the whole chain.
type Walk struct {
	Source Source
	Tries  []Trial // one for each of the product's images; hop registry
	Write  Writer  // hop secret
	Retry  retry.Policy
	Report Report
}

// Hops lists all hops of the walk, in order.
func (w Walk) Hops() []fault.Hop {
	return append(append([]fault.Hop{}, w.Source.Hops()...), fault.HopRegistry, fault.HopSecret)
}

// Outcome is what a walk that reached its end has to show.
type Outcome struct {
	Credential Credential
	Missing    []string // images that the registry does not hold
}

// Run walks the chain and returns the fault of the hop that ended it, or nil. The secret is written only with a
// credential that the registry has just let in to every image of the product. An image that is not there says nothing
// against the credential: the others of the customer still need it.
func (w Walk) Run(ctx context.Context) (Outcome, *fault.Fault) {
	credential, f := w.Source.Obtain(ctx, w.Report)
	if f != nil {
		return Outcome{}, f
	}
	missing, f := w.try(ctx, credential)
	if f != nil {
		return Outcome{}, f
	}
	step := Step{Hop: fault.HopSecret}
	begin := time.Now()
	step.Attempts, step.Fault = w.Retry.Do(ctx, func(ctx context.Context) *fault.Fault {
		return w.Write(ctx, credential, missing, &step)
	})
	step.Took = time.Since(begin)
	w.Report(step)
	return Outcome{credential, missing}, step.Fault
}

// try is the hop registry. Images are tried one after another, each with attempts of its own, until one is refused: many
// images must not make a flaky network worse than one does.
func (w Walk) try(ctx context.Context, credential Credential) (missing []string, f *fault.Fault) {
	step := Step{Hop: fault.HopRegistry, Attempts: 1}
	begin := time.Now()
	for _, try := range w.Tries {
		var attempts int
		attempts, step.Fault = w.Retry.Do(ctx, func(ctx context.Context) *fault.Fault {
			return try(ctx, credential, &step)
		})
		step.Attempts += attempts - 1
		if step.Fault != nil {
			break
		}
	}
	step.Took = time.Since(begin)
	w.Report(step)
	return step.Missing, step.Fault
}
