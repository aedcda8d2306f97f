package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
)

// suspension previews the stack with suspended: true, which has to take the customer's
// right to read away, and nothing else. The customer's side has no such key. With adopt,
// the program refuses the entry of a right that it leaves out.
func suspension(ctx context.Context, e *engine.Engine, report *report) error {
	if report.Side == "customer" || report.adopts {
		return nil
	}
	result, err := e.PreviewWith(ctx, func(customer map[string]any) { customer["suspended"] = true })
	if err != nil {
		return err
	}
	taken := false
	for _, one := range result.Changed() {
		if one.Operation == steps.Delete && slices.Contains(rehearsal.RightsToRead, one.Type) {
			taken = true
			continue
		}
		report.fail(fmt.Errorf("suspended: true would %s %s (%s): want the right to read deleted, and nothing else",
			one.Operation, one.Name, strings.Join(one.Properties, ", ")))
	}
	if !taken {
		report.fail(errors.New("suspended: true would leave the customer the right to read"))
	}
	return nil
}

// again previews another update, which looks at the clouds first: what the
// refresher wrote, and what a cloud keeps in a form of its own, is no change. Where
// set is true, the number of pods may be set again, by what sets nothing else
// (docs/facts.md §6).
func again(ctx context.Context, e *engine.Engine, report *report, set bool) error {
	result, err := e.Preview(ctx, optpreview.Refresh())
	if err != nil {
		return err
	}
	for _, one := range result.Changed() {
		if set && one.Type == "kubernetes:apps/v1:DeploymentPatch" && slices.Equal(one.Properties, []string{"spec.replicas"}) {
			continue
		}
		report.fail(fmt.Errorf("another update, with nothing changed, would %s %s (%s)", one.Operation, one.Name, strings.Join(one.Properties, ", ")))
	}
	return nil
}

// unenforced previews the stack while its namespace, which was there before, does not
// enforce Pod Security any more: the program has to refuse.
func unenforced(ctx context.Context, e *engine.Engine, report *report) error {
	if _, err := e.Preview(ctx); err == nil {
		report.fail(errors.New("an existing namespace that does not enforce Pod Security is taken: want it refused"))
	} else if !strings.Contains(err.Error(), rehearsal.EnforceLabel) {
		return err
	}
	return ctx.Err()
}

// exchanged are the other party's documents, by the side that takes them: the output that
// shows one, and its key below exchange.
var exchanged = map[string]struct{ output, key string }{
	"customer": {"accessGrant", "grant"},
	"vendor":   {"accessRequest", "request"},
}

// anchored are the values of a document that its receiver has configured itself, from an
// authenticated channel. A repository of Artifact Registry is, by the project that it
// begins with.
var anchored = []string{
	"tenantId", "account", "region", "project", "issuer", "roleArns", "nodeServiceAccounts", "registry", "projectNumber", "serviceAccount",
}

// forged previews the stack with each value of the other party's document changed to
// somebody else's: each has to be refused, by its trust anchor if it has one, or as a
// change since the last update.
func forged(ctx context.Context, e *engine.Engine, report *report) error {
	of := exchanged[report.Side]
	document, _ := report.Outputs[of.output].(map[string]any)
	if document == nil || report.Outputs["waitingFor"] != nil {
		return nil
	}
	document, values := ofAnother(document)
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "waybill-forged-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, of.output+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	_, refusal := e.PreviewWith(ctx, func(customer map[string]any) {
		customer["exchange"].(map[string]any)[of.key] = map[string]any{"file": file}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	said, taken := fmt.Sprint(refusal), []string{}
	for _, v := range values {
		words := `"` + v.text + `" and was `
		if v.anchored {
			words = `"` + v.text + `" disagrees with the trust anchor`
		}
		if !strings.Contains(said, words) {
			taken = append(taken, v.text)
		}
	}
	if len(taken) > 0 {
		report.fail(fmt.Errorf("the %s with somebody else's %s: want each refused, by its trust anchor or as a change; the preview says: %s",
			of.output, strings.Join(taken, ", "), said))
	}
	return nil
}

// value is one of a forged document.
type value struct {
	text     string
	anchored bool
}

// ofAnother is a document with each of its values changed to what has the same form, and
// the changed ones. What it is, of which version, for whom, and the names of its
// environments stay.
func ofAnother(document map[string]any) (other map[string]any, values []value) {
	var change func(key string, held any) any
	object := func(held map[string]any) map[string]any {
		changed := maps.Clone(held)
		for key, inner := range held {
			registry, _ := held["registry"].(string)
			switch {
			case slices.Contains([]string{"document", "version", "customer", "platform", "name"}, key):
			case key == "repository" && strings.HasSuffix(registry, ".pkg.dev"):
				changed[key] = change("project", inner)
			default:
				changed[key] = change(key, inner)
			}
		}
		return changed
	}
	change = func(key string, held any) any {
		switch held := held.(type) {
		case map[string]any:
			return object(held)
		case []any:
			changed := slices.Clone(held)
			for i := range changed {
				changed[i] = change(key, changed[i])
			}
			return changed
		case string:
			changed := value{somebodyElses(held), slices.Contains(anchored, key)}
			values = append(values, changed)
			return changed.text
		}
		return held
	}
	return object(document), values
}

// somebodyElses is another value of the same form and length: with other digits, or with
// another end of what stands before its first slash or dot.
func somebodyElses(text string) string {
	other := strings.Map(func(r rune) rune {
		if r >= '1' && r < '9' {
			return r + 1
		}
		return r
	}, text)
	if at := strings.IndexAny(text+"/", "/."); other == text && at > 0 {
		return text[:at-1] + map[bool]string{true: "x", false: "y"}[text[at-1] == 'y'] + text[at:]
	}
	return other
}
