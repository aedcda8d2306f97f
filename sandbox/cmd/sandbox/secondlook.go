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

// nextRelease previews the stack with another tag of the product: each component has to
// get it in place, and nothing else may go. On ECS a release is a new task definition.
func nextRelease(ctx context.Context, e *engine.Engine, report *report) error {
	released := false
	result, err := e.PreviewWith(ctx, func(customer map[string]any) {
		product, _ := customer["product"].(map[string]any)
		if tag, _ := product["tag"].(string); tag != "" {
			product["tag"], released = tag+"-next", true
		}
	})
	if err != nil || !released {
		return err
	}
	running := false
	for _, one := range result.Changed() {
		running = running || slices.Contains([]string{"kubernetes:apps/v1:Deployment", "aws:ecs/service:Service"}, one.Type)
		if one.Operation != steps.Update && one.Type != "aws:ecs/taskDefinition:TaskDefinition" {
			report.fail(fmt.Errorf("the next release would %s %s (%s): want updates alone", one.Operation, one.Name, one.Type))
		}
	}
	if !running {
		report.fail(errors.New("the next release would change nothing that runs"))
	}
	return nil
}

// fewerWorkloads previews the stack without the first of several workloads: what is of the
// others stays as it is.
func fewerWorkloads(ctx context.Context, e *engine.Engine, report *report) error {
	var gone string
	result, err := e.PreviewWith(ctx, func(customer map[string]any) {
		if all, _ := customer["workloads"].([]any); len(all) > 1 {
			gone, _ = all[0].(map[string]any)["component"].(string)
			customer["workloads"] = all[1:]
		}
	})
	if err != nil || gone == "" {
		return err
	}
	for _, one := range result.Changed() {
		if one.Operation != steps.Delete && one.Operation != steps.Keep && !strings.HasPrefix(one.Type, "waybill:") {
			report.fail(fmt.Errorf("without the workload %s, an update would %s %s (%s): want the others as they are",
				gone, one.Operation, one.Name, strings.Join(one.Properties, ", ")))
		}
	}
	return nil
}

// failedRelease updates the stack with a release that nobody pushed, and again without: ECS
// goes back to the last one, so that the update has to say that it failed.
func failedRelease(ctx context.Context, e *engine.Engine, report *report) error {
	if report.Platform != "ecs" {
		return nil // a Deployment would wait for ten minutes
	}
	_, err := e.UpWith(ctx, func(customer map[string]any) { customer["product"].(map[string]any)["tag"] = "never-pushed" })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		report.fail(errors.New("an update to a release that nobody pushed succeeds"))
	}
	_, err = e.Up(ctx)
	return err
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
// authenticated channel, or that lie within such a one.
var anchored = []string{
	"tenantId", "account", "region", "project", "issuer", "roleArns", "nodeServiceAccounts", "registry", "projectNumber", "serviceAccount",
}

// forged updates the stack with a document of somebody else's in place of the other
// party's: each value has to be refused, by its trust anchor if it has one, or as a change
// since the last update. Then it previews it with what another identity of the same party
// would send: that is compared with the last update that was not refused.
func forged(ctx context.Context, e *engine.Engine, report *report) error {
	of := exchanged[report.Side]
	document, _ := report.Outputs[of.output].(map[string]any)
	if document == nil || report.Outputs["waitingFor"] != nil {
		return nil
	}
	folder, err := os.MkdirTemp("", "waybill-forged-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, of.output+".json")
	with := func(customer map[string]any) {
		customer["exchange"].(map[string]any)[of.key] = map[string]any{"file": file}
	}
	for _, try := range []struct {
		forge func(key, held string) string
		run   func(context.Context, func(map[string]any)) (*engine.Result, error)
		words func(key string) string
	}{
		{somebodyElses, e.UpWith, func(key string) string {
			if slices.Contains(anchored, key) {
				return "disagrees with the trust anchor"
			}
			return "and was "
		}},
		{anotherOfTheirs, e.PreviewWith, func(string) string { return "and was " }},
	} {
		other, values := forge(document, try.forge)
		text, err := json.Marshal(other)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
		_, refusal := try.run(ctx, with)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		said, taken := fmt.Sprint(refusal), []string{}
		for _, v := range values {
			if !strings.Contains(said, `"`+v.text+`" `+try.words(v.key)) {
				taken = append(taken, v.text)
			}
		}
		if len(taken) > 0 {
			report.fail(fmt.Errorf("the %s with %s, which the other party did not send: want each refused, by its trust anchor or as a change; the program says: %s",
				of.output, strings.Join(taken, ", "), said))
		}
	}
	return nil
}

// value is one of a forged document, with its key.
type value struct{ key, text string }

// forge changes each value of a document, and gives the changed ones. What it is, of which
// version, for whom, and the names of its environments stay.
func forge(document map[string]any, change func(key, held string) string) (other map[string]any, values []value) {
	var changed func(key string, held any) any
	object := func(held map[string]any) map[string]any {
		other := maps.Clone(held)
		for key, inner := range held {
			registry, _ := held["registry"].(string)
			switch {
			case slices.Contains([]string{"document", "version", "customer", "platform", "name"}, key):
			case key == "repository" && strings.HasSuffix(registry, ".pkg.dev"):
				other[key] = changed("project", inner) // with which it begins
			default:
				other[key] = changed(key, inner)
			}
		}
		return other
	}
	changed = func(key string, held any) any {
		switch held := held.(type) {
		case map[string]any:
			return object(held)
		case []any:
			other := slices.Clone(held)
			for i := range other {
				other[i] = changed(key, other[i])
			}
			return other
		case string:
			other := change(key, held)
			if other != held {
				values = append(values, value{key, other})
			}
			return other
		}
		return held
	}
	return object(document), values
}

// somebodyElses is another value of the same form and length: with other digits, or with
// another end of what stands before its first slash or dot.
func somebodyElses(_, text string) string {
	other := strings.Map(func(r rune) rune {
		if r >= '1' && r < '9' {
			return r + 1
		}
		return r
	}, text)
	if at := strings.IndexAny(text+"/", "/."); other == text && at > 0 {
		return text[:at-1] + anotherEnd(text[:at]) + text[at:]
	}
	return other
}

// anotherOfTheirs is another identity within the same trust anchor: of a role or an
// account, the name, and not the account or the project.
func anotherOfTheirs(key, text string) string {
	switch key {
	case "clientId", "principalId", "pool", "provider", "roleArn", "roleArns":
		return text[:len(text)-1] + anotherEnd(text)
	case "serviceAccount", "nodeServiceAccounts":
		name, domain, _ := strings.Cut(text, "@")
		return name[:len(name)-1] + anotherEnd(name) + "@" + domain
	}
	return text
}

// anotherEnd is another last letter than a text has, which a hexadecimal number may have
// too.
func anotherEnd(text string) string {
	if strings.HasSuffix(text, "a") {
		return "b"
	}
	return "a"
}
