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
	} else if !strings.Contains(err.Error(), "pod-security.kubernetes.io/enforce") {
		return err
	}
	return ctx.Err()
}

// exchanged are the documents that a stack's file may name, by where it does.
var exchanged = map[string]string{"accessGrant": "grant", "accessRequest": "request"}

// anchored are the values of a document that a party has configured itself, from an
// authenticated channel.
var anchored = []string{"tenantId", "account", "region", "project", "roleArns", "registry", "projectNumber", "serviceAccount"}

// forged previews the stack with each value of the other party's document changed to
// somebody else's: each has to be refused, by its trust anchor if it has one, or as a
// change since the last update.
func forged(ctx context.Context, e *engine.Engine, report *report) error {
	of := map[string]string{"customer": "accessGrant", "vendor": "accessRequest"}[report.Side]
	document, _ := report.Outputs[of].(map[string]any)
	if document == nil || report.Outputs["waitingFor"] != nil {
		return nil
	}
	refusals := map[string]string{}
	text, err := json.Marshal(ofAnother(document, "", refusals))
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "waybill-forged-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, of+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	_, refusal := e.PreviewWith(ctx, func(customer map[string]any) {
		exchange := customer["exchange"].(map[string]any)
		exchange[exchanged[of]] = map[string]any{"file": file}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, value := range slices.Sorted(maps.Keys(refusals)) {
		if want := refusals[value]; refusal == nil || !strings.Contains(refusal.Error(), `"`+value+`" `+want) {
			report.fail(fmt.Errorf("%q of the %s is somebody else's: want the refusal that it %s, not %v", value, of, want, refusal))
		}
	}
	return nil
}

// ofAnother is a document with each of its values changed to what has the same form, and
// in refusals how the program has to refuse each. What it is, of which version, for whom,
// and the names of its environments stay.
func ofAnother(value any, key string, refusals map[string]string) any {
	switch value := value.(type) {
	case map[string]any:
		other := map[string]any{}
		for key, inner := range value {
			if other[key] = inner; slices.Contains([]string{"document", "version", "customer", "platform", "name"}, key) {
				continue
			}
			of := key
			if registry, _ := value["registry"].(string); key == "repository" && strings.HasSuffix(registry, ".pkg.dev") {
				of = "project" // with which it begins
			}
			other[key] = ofAnother(inner, of, refusals)
		}
		return other
	case []any:
		var other []any
		for _, inner := range value {
			other = append(other, ofAnother(inner, key, refusals))
		}
		return other
	case string:
		changed := strings.Map(func(r rune) rune {
			if r >= '1' && r < '9' {
				return r + 1
			}
			return r
		}, value)
		if changed == value { // no number in it
			first, rest := value, ""
			if at := strings.IndexAny(value, "/."); at >= 0 {
				first, rest = value[:at]+"-x", value[at:]
			}
			changed = first[:len(first)-1] + "y" + rest
		}
		refusals[changed] = "and was "
		if slices.Contains(anchored, key) {
			refusals[changed] = "disagrees with the trust anchor"
		}
		return changed
	}
	return value
}
