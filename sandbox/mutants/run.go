package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
	"waybill.example/waybill/sandbox/world"
)

// How long an `up` may take. With a mutant it is a multiple of what the stack took without
// one in the same run. A mutant whose `up` has not ended by then is refused: most often it
// waits for pods that never become ready.
const (
	times    = 3
	shortest = 3 * time.Minute // for one with a mutant
	longest  = 6 * time.Minute // for one without
)

// Options say which mutants are tried, and how.
type Options struct {
	// Root is the project's folder, as an absolute path.
	Root string
	// Only picks mutants by their names.
	Only *regexp.Regexp
	// Jobs is how many are tried at once, at least 1.
	Jobs int
	// SandboxOnly leaves the component tests and the goldens out.
	SandboxOnly bool
	// Progress is told of each mutant as it ends.
	Progress func(line string)
}

// runner shares what the mutants have in common.
type runner struct {
	Options
	dir string
	// agent is held by a sandbox that needs the address of the Pod Identity agent,
	// which a machine has once.
	agent sync.Mutex
	// healthy are the documents of the stacks without a mutant.
	healthy sync.Map
}

// Run tries the mutants, after each of their stacks has passed without one.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	selected, err := Table()
	if err != nil {
		return nil, err
	}
	selected = slices.DeleteFunc(selected, func(m Mutant) bool {
		_, gone := engine.StackFile(o.Root, m.Stack) // an example's
		return gone != nil || !o.Only.MatchString(m.Name)
	})
	if len(selected) == 0 {
		return nil, fmt.Errorf("--only %q: matches the name of no mutant whose stack is here", o.Only)
	}
	var stacks []string
	for _, m := range selected {
		stacks = append(stacks, m.Stack)
	}
	slices.Sort(stacks)
	stacks = slices.Compact(stacks)

	r := &runner{Options: o}
	if r.dir, err = os.MkdirTemp("", "mutants-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	if err := r.each(len(stacks), func(i int) error { return r.baseline(ctx, stacks[i]) }); err != nil {
		return nil, err
	}
	report := &Report{Mutants: make([]Result, len(selected))}
	err = r.each(len(selected), func(i int) error {
		result := r.try(ctx, selected[i], workshop{r.Root, filepath.Join(r.dir, strconv.Itoa(i))})
		if ctx.Err() == nil {
			o.Progress(result.line())
		}
		report.Mutants[i] = result
		return ctx.Err()
	})
	report.count()
	return report, err
}

// each does n things, as many at once as there are jobs, and begins no other once one
// has failed.
func (r *runner) each(n int, do func(i int) error) error {
	var all sync.WaitGroup
	slots, problems := make(chan struct{}, r.Jobs), make(chan error, n)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if len(problems) > 0 {
				return
			}
			if err := do(i); err != nil {
				problems <- err
			}
		})
	}
	all.Wait()
	close(problems)
	return <-problems
}

// baseline wants a stack to pass without a mutant.
func (r *runner) baseline(ctx context.Context, stack string) error {
	healthy, err := r.up(ctx, stack, "any", longest, "--state", filepath.Join(r.dir, stack))
	if err != nil {
		return err
	}
	if place, words := healthy.notice(healthy); place != "" {
		return fmt.Errorf("stack %s fails without a mutant: %s: %s", stack, place, words)
	}
	r.healthy.Store(stack, healthy)
	r.Progress("✓ stack " + stack + " passes without a mutant")
	return os.RemoveAll(filepath.Join(r.dir, stack))
}

// try builds a mutant, deploys it and asks the tests.
func (r *runner) try(ctx context.Context, m Mutant, w workshop) (result Result) {
	result.Mutant = m
	var option []string
	err := os.Mkdir(w.dir, 0o750)
	if err == nil {
		option, err = w.build(ctx, m)
	}
	if err == nil {
		stored, _ := r.healthy.Load(m.Stack)
		healthy := stored.(*document)
		var got *document
		if got, err = r.up(ctx, m.Stack, strings.TrimPrefix(m.Notice, "case "), max(times*healthy.took, shortest), append(option, "--state", w.path("state"))...); err == nil {
			result.Place, result.Words = got.notice(healthy)
		}
	}
	if err == nil && !r.SandboxOnly {
		result.ComponentTests = w.test(ctx, m.module(), m.packages())
		if m.module() != refresher {
			result.Goldens = w.test(ctx, ".", "-run", "Golden", "./tests")
		}
	}
	if err = errors.Join(err, os.RemoveAll(w.dir)); err != nil {
		result.Error = err.Error()
	}
	return result
}

// up brings a stack up. One of two parties waits for the other, whose stack follows, and
// then this one again. first is the case that is tried first, limit is how long each of
// these may take.
func (r *runner) up(ctx context.Context, stack, first string, limit time.Duration, options ...string) (got *document, err error) {
	existing, err := world.Load(sandbox.Options{Root: r.Root, Stack: stack}.WorldFile())
	if err != nil {
		return nil, err
	}
	if needsAgent(existing) {
		r.agent.Lock()
		defer r.agent.Unlock()
	}
	order := []string{stack}
	if other := existing.Walk.Party(stack).WaitsFor; other != "" {
		order = []string{stack, other, stack}
	}
	for _, one := range order {
		if got, err = r.upOf(ctx, one, first, limit, options...); err != nil || !got.OK {
			break
		}
	}
	return got, err
}

// upOf runs `up` of one stack as a process.
func (r *runner) upOf(ctx context.Context, stack, first string, limit time.Duration, options ...string) (*document, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	up := command(limited, r.Root, executable, append([]string{"up", "--json", "--root", r.Root, "--stack", stack, "--propagation", "5s", "--first", first}, options...)...)
	var stderr bytes.Buffer
	up.Stderr = &stderr
	started := time.Now()
	output, failure := up.Output()
	got := &document{took: time.Since(started)}
	switch err := json.Unmarshal(output, got); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return &document{Errors: []string{"not done after " + limit.Round(time.Second).String()}}, nil
	case err != nil:
		return nil, fmt.Errorf("sandbox up --stack %s: %w: %s", stack, errors.Join(failure, err), bytes.TrimSpace(stderr.Bytes()))
	}
	return got, nil
}

// needsAgent says whether the Pod Identity agent runs in a world.
func needsAgent(w *world.World) bool {
	return slices.ContainsFunc(w.AWS.Accounts, func(a world.AWSAccount) bool {
		return slices.ContainsFunc(a.EKSClusters, func(c world.EKSCluster) bool { return c.PodIdentityAgent })
	})
}

// document is what `up` prints with --json, as far as it says who refused.
type document struct {
	Hops     []rehearsal.Hop     `json:"hops"`
	Refusals []rehearsal.Refusal `json:"refusals"`
	Errors   []string            `json:"errors"`
	OK       bool                `json:"ok"`
	took     time.Duration
}

// notice is who refused, in what words; empty where nobody did. A refusal says who
// refused and not who had to, so that it is compared with a healthy stack's.
func (d *document) notice(healthy *document) (place, words string) {
	if d.OK {
		return "", ""
	}
	for _, hop := range d.Hops {
		if !hop.OK {
			return "hop " + hop.Name, hop.Detail
		}
	}
	if len(d.Errors) > 0 {
		return "engine", strings.Join(d.Errors, " ")
	}
	for _, refusal := range d.Refusals {
		same := func(r rehearsal.Refusal) bool {
			return r.Case == refusal.Case && r.Environment == refusal.Environment && r.Hop == refusal.Hop
		}
		switch {
		case refusal.Hop == "":
			return "case", refusal.Case + ": nobody refused it"
		case !slices.ContainsFunc(healthy.Refusals, same):
			return "case", refusal.Case + ": " + refusal.Hop + " refused it: " + refusal.Error
		}
	}
	return "case", "one is refused in other words"
}
