// Package chain walks from a token source to the pull secret: obtain, try on the product's manifest, write.
// It knows no cloud; a [Source] does.
package chain

import (
	"context"
	"fmt"
	"time"

	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/retry"
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

// Stage is a hop that uses the credential: the registry, and the pull secret. It fills in what its step shows.
type Stage func(ctx context.Context, credential Credential, step *Step) *fault.Fault

// Walk is one run over the whole chain.
type Walk struct {
	Source Source
	Try    Stage // opens the product's manifest; hop registry
	Write  Stage // writes the pull secret, or proves that it could; hop secret
	Retry  retry.Policy
	Report Report
}

// Hops lists all hops of the walk, in order.
func (w Walk) Hops() []fault.Hop {
	return append(append([]fault.Hop{}, w.Source.Hops()...), fault.HopRegistry, fault.HopSecret)
}

// Run walks the chain and returns the fault of the hop that ended it, or nil. The secret is written only with
// a credential that just opened the product's manifest.
func (w Walk) Run(ctx context.Context) (Credential, *fault.Fault) {
	credential, f := w.Source.Obtain(ctx, w.Report)
	if f != nil {
		return Credential{}, f
	}
	if f := w.stage(ctx, fault.HopRegistry, w.Try, credential); f != nil {
		return Credential{}, f
	}
	if f := w.stage(ctx, fault.HopSecret, w.Write, credential); f != nil {
		return Credential{}, f
	}
	return credential, nil
}

func (w Walk) stage(ctx context.Context, name fault.Hop, run Stage, credential Credential) *fault.Fault {
	step := Step{Hop: name}
	begin := time.Now()
	step.Attempts, step.Fault = w.Retry.Do(ctx, func(ctx context.Context) *fault.Fault {
		return run(ctx, credential, &step)
	})
	step.Took = time.Since(begin)
	w.Report(step)
	return step.Fault
}
