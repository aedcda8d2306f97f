package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
)

// report is what a command found, in the form of its JSON document.
type report struct {
	Stack     string           `json:"stack"`
	Platform  string           `json:"platform"`
	Side      string           `json:"side"`
	Resources []steps.Resource `json:"resources"`
	Outputs   map[string]any   `json:"outputs"`
	// Hops of each environment's chain as they happened, and walks with one thing
	// changed, each of one of the kinds.
	Hops     []rehearsal.Hop     `json:"hops"`
	Refusals []rehearsal.Refusal `json:"refusals"`
	Errors   []string            `json:"errors,omitempty"`
	OK       bool                `json:"ok"`

	// world is the file of the stack's world.
	verb, world string
	warnings    []string
	// triedAgain are the resources that a cloud took at a later attempt.
	triedAgain []string
	started    time.Time
	// adopts is true where the stack's file takes over what was made by hand.
	adopts bool
	// interrupted is true where the command was told to end.
	interrupted bool
}

func newReport(verb, stack string) *report {
	return &report{
		Stack: stack, Resources: []steps.Resource{}, Outputs: map[string]any{},
		Hops: []rehearsal.Hop{}, Refusals: []rehearsal.Refusal{},
		OK: true, verb: verb, started: time.Now(),
	}
}

// describe takes the words of the stack's file that a report shows.
func (r *report) describe(root string) error {
	of, err := engine.Describe(root, r.Stack)
	r.Platform, r.Side, r.adopts = of.Platform, of.Side, len(of.Adopt) > 0
	return err
}

// add takes over what an operation did.
func (r *report) add(result *engine.Result) {
	if result.Resources != nil {
		r.Resources = result.Resources
	}
	if result.Outputs != nil {
		r.Outputs = result.Outputs
	}
	for _, resource := range result.Resources {
		if resource.Imported && resource.Operation == steps.Replace {
			r.fail(fmt.Errorf("%s: it was taken over to stay as it is, and was replaced", resource.Name))
		}
	}
	again := map[string]bool{}
	for _, warning := range result.Warnings {
		if match := triedAgain.FindStringSubmatch(warning); match != nil {
			again[match[1]] = true
			continue
		}
		r.warnings = append(r.warnings, warning)
	}
	r.triedAgain = slices.Sorted(maps.Keys(again))
}

// triedAgain is what the engine says of a resource whose operation a hook repeats.
var triedAgain = regexp.MustCompile(`^(\S+): warning: retrying \w+ due to on-error hook request`)

// fail notes what went wrong, a line each.
func (r *report) fail(err error) {
	r.OK = false
	r.Errors = append(r.Errors, strings.Split(plain.Replace(err.Error()), "\n")...)
}

// plain puts what Go's libraries say of time in words of everybody's.
var plain = strings.NewReplacer(
	"client rate limiter Wait returned an error: ", "", "context deadline exceeded", "it took too long", "context canceled", "it was interrupted",
)

// interrupt leaves one line of a command that was told to end.
func (r *report) interrupt() {
	r.OK, r.interrupted = false, true
	r.Errors = []string{fmt.Sprintf("interrupted: nothing is left running; run `make %s STACK=%s` again to go on", r.verb, r.Stack)}
}

// addHops notes and shows steps of the chain as they happen.
func (r *report) addHops(out io.Writer, hops ...rehearsal.Hop) {
	for _, hop := range hops {
		if last := len(r.Hops) - 1; last < 0 || r.Hops[last].Environment != hop.Environment {
			fmt.Fprintf(out, "\nThe chain%s\n", ofEnvironment(hop.Environment))
		}
		r.Hops = append(r.Hops, hop)
		r.OK = r.OK && hop.OK
		// The details of a hop that holds are pairs; one to a line can be read.
		detail := hop.Detail
		if hop.OK {
			detail = strings.ReplaceAll(detail, ", ", "\n"+strings.Repeat(" ", 19))
		}
		fmt.Fprintf(out, "  %s %-14s %s\n", mark(hop.OK), hop.Name, detail)
	}
}

// kinds of refusals, as their sections and their counts are headed.
var kinds = []struct{ kind, section, count string }{
	{rehearsal.KindDeployment, "What a wrong deployment would allow%s, and who refused it", "refusals of a wrong deployment"},
	{rehearsal.KindServers, "What the clouds' own servers refuse%s, whatever is deployed", "of the servers themselves"},
}

// addRefusal notes and shows a walk that had to be refused.
func (r *report) addRefusal(out io.Writer, refusal rehearsal.Refusal) {
	if last := len(r.Refusals) - 1; last < 0 || r.Refusals[last].Environment != refusal.Environment || r.Refusals[last].Kind != refusal.Kind {
		for _, kind := range kinds {
			if kind.kind == refusal.Kind {
				fmt.Fprintf(out, "\n"+kind.section+"\n", ofEnvironment(refusal.Environment))
			}
		}
	}
	r.Refusals = append(r.Refusals, refusal)
	r.OK = r.OK && refusal.OK
	hop, words := refusal.Hop, refusal.Error
	switch {
	case hop == "" && refusal.OK:
		hop, words = "nobody", strings.TrimSuffix("left by hand, until somebody deletes it: "+words, ": ")
	case hop == "":
		hop, words = "nobody", strings.TrimSuffix("it was NOT refused; "+refusal.Want+" had to: "+words, ": ")
	case !refusal.OK:
		words += " (expected of " + refusal.Want + ", in other words)"
	}
	fmt.Fprintf(out, "  %s %-62s %-10s %s\n", mark(refusal.OK), refusal.Case, hop, shorten(words))
}

func ofEnvironment(name string) string {
	if name == "" {
		return ""
	}
	return " of environment " + name
}

// shorten keeps a line of a table readable; the JSON document has all of it.
func shorten(text string) string {
	const most = 120
	if shown := []rune(text); len(shown) > most {
		return string(shown[:most]) + "…"
	}
	return text
}

func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

func (r *report) printDeployment(out io.Writer) {
	fmt.Fprintf(out, "\nStack %s: platform %s, side %s\n", r.Stack, r.Platform, r.Side)
	r.printResources(out)
	if len(r.Outputs) > 0 {
		fmt.Fprintln(out, "\nOutputs")
		printValues(out, "  ", r.Outputs)
	}
	if len(r.triedAgain) > 0 {
		fmt.Fprintf(out, "\nTried again until the cloud knew what had just been made: %s\n", strings.Join(r.triedAgain, ", "))
	}
	for _, warning := range r.warnings {
		fmt.Fprintf(out, "\n%s\n", warning)
	}
}

func (r *report) printVerdict(out io.Writer) {
	if r.interrupted {
		fmt.Fprintln(out, "\n"+r.Errors[0])
		return
	}
	if len(r.Errors) > 0 {
		fmt.Fprintln(out, "\nErrors")
		for _, line := range r.Errors {
			fmt.Fprintln(out, " ", line)
		}
	}
	for _, step := range r.next() {
		fmt.Fprintln(out, "\nNext:", step)
	}
	verdict := "ok"
	if !r.OK {
		verdict = "FAILED"
	}
	fmt.Fprintf(out, "\n%s %s in %s: %s\n", verdict, r.verb, time.Since(r.started).Round(100*time.Millisecond), r.summary())
}

// next are the commands that help, where the engine or a cloud gives advice that
// is another's.
func (r *report) next() (steps []string) {
	said := strings.Join(slices.Concat(r.Errors, r.warnings), "\n")
	for _, n := range []struct{ words, step string }{
		{"keeps its ID for 30 days", "in this sandbox, `make reset STACK=%[1]s` forgets what the clouds remember; then `make up STACK=%[1]s`"},
		{"because it is protected", "what is protected stays, with its contents; others may be gone by now, and `make up` would make them again. " +
			"Forget this sandbox with `make reset STACK=%[1]s`. Of a real stack, delete the rest with `pulumi state unprotect --all -s %[1]s` and " +
			"`pulumi destroy -s %[1]s`, or set `protect: false` in Pulumi.%[1]s.yaml before the first destroy (docs/offboarding.md)"},
		{"pending operations", "an earlier update was interrupted or killed, and this one went on without looking at what it had in flight. " +
			"Where that happens to a real stack, its operator runs `fleet recover %[1]s` first (docs/fleet.md)"},
		{"the sandbox has no host", "add the host to `registries` of %[2]s, or to `refresher` if it has the refresher's image, and run `make up STACK=%[1]s` again"},
		{"the registry does not hold", "in this sandbox the vendor pushes what the world says: add the image to `releases` in %[2]s, and run `make up STACK=%[1]s` again"},
	} {
		if strings.Contains(said, n.words) {
			steps = append(steps, fmt.Sprintf(n.step, r.Stack, r.world))
		}
	}
	return steps
}

// printResources shows the tree of components and their children.
func (r *report) printResources(out io.Writer) {
	if len(r.Resources) == 0 {
		return
	}
	fmt.Fprintln(out, "\nResources")
	children := map[string][]steps.Resource{}
	for _, resource := range r.Resources {
		children[resource.Parent] = append(children[resource.Parent], resource)
	}
	var walk func(parent, indent string)
	walk = func(parent, indent string) {
		for _, resource := range children[parent] {
			operation := resource.Operation
			switch {
			case resource.Failed:
				operation = "FAILED"
			case resource.Imported:
				operation = "import"
			}
			fmt.Fprintf(out, "  %-8s %s%-*s %s\n", operation, indent, 40-len(indent), resource.Name, shortType(resource.Type))
			// A provider and a component may share a name; only components have children.
			if strings.HasPrefix(resource.Type, "waybill:") {
				walk(resource.Name, indent+"  ")
			}
		}
	}
	walk("", "")
}

// shortType drops the module from a token: gcp:iam/workloadIdentityPool:WorkloadIdentityPool
// becomes gcp WorkloadIdentityPool.
func shortType(token string) string {
	if provider, found := strings.CutPrefix(token, "pulumi:providers:"); found {
		return provider + " provider"
	}
	parts := strings.Split(token, ":")
	return parts[0] + " " + parts[len(parts)-1]
}

// summary counts operations, in the order in which they are named here, hops
// and refusals.
func (r *report) summary() string {
	counts := map[string]int{}
	for _, resource := range r.Resources {
		if resource.Failed {
			counts["failed"]++
			continue
		}
		counts[resource.Operation]++
	}
	var parts []string
	for _, operation := range []string{"create", "update", "replace", "delete", "keep", "same", "failed"} {
		if counts[operation] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[operation], operation))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, map[bool]string{true: "nothing to do", false: "refused, and nothing is changed"}[r.OK])
	}
	if len(r.Hops) > 0 {
		ok := 0
		for _, hop := range r.Hops {
			if hop.OK {
				ok++
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d hops", ok, len(r.Hops)))
	}
	for _, kind := range kinds {
		ok, all := 0, 0
		for _, refusal := range r.Refusals {
			if refusal.Kind == kind.kind {
				all++
				if refusal.OK {
					ok++
				}
			}
		}
		if all > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d %s", ok, all, kind.count))
		}
	}
	return strings.Join(parts, ", ")
}

// printValues shows outputs: text that is a JSON document as one, objects
// indented, keys aligned.
func printValues(out io.Writer, indent string, values map[string]any) {
	width := 0
	for key := range values {
		width = max(width, len(key))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch value := values[key].(type) {
		case map[string]any:
			fmt.Fprintf(out, "%s%s\n", indent, key)
			printValues(out, indent+"  ", value)
		case []any:
			fmt.Fprintf(out, "%s%s\n", indent, key)
			printList(out, indent+"  ", value)
		case string:
			if strings.HasPrefix(value, "{") && json.Valid([]byte(value)) {
				fmt.Fprintf(out, "%s%s\n%s  %s\n", indent, key, indent, strings.ReplaceAll(strings.TrimSpace(value), "\n", "\n"+indent+"  "))
				continue
			}
			fmt.Fprintf(out, "%s%-*s  %s\n", indent, width, key, value)
		default:
			fmt.Fprintf(out, "%s%-*s  %v\n", indent, width, key, value)
		}
	}
}

// printList shows an output's list, an element each with a hyphen.
func printList(out io.Writer, indent string, elements []any) {
	for _, element := range elements {
		if object, ok := element.(map[string]any); ok {
			fmt.Fprintf(out, "%s-\n", indent)
			printValues(out, indent+"  ", object)
			continue
		}
		fmt.Fprintf(out, "%s- %v\n", indent, element)
	}
}
