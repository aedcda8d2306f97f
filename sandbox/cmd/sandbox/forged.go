package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/engine"
)

// exchanged are the other party's documents, by the side that takes them: the output that
// shows one, and its key below exchange.
var exchanged = map[string]struct{ output, key string }{
	"customer": {"accessGrant", "grant"},
	"vendor":   {"accessRequest", "request"},
}

// anchored are the keys whose values the receiver's own configuration pins, or that have
// such a part. "project" is what a repository of Artifact Registry begins with, too.
var anchored = []string{
	"tenantId", "account", "region", "project", "issuer", "roleArns", "nodeServiceAccounts", "registry", "projectNumber", "serviceAccount",
}

// forged previews the stack with a document of somebody else's in place of the other
// party's, and with what another identity of the same party would send: each value has to
// be refused, by its trust anchor if it has one, or as a change since the last update.
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
	for _, another := range []func(key, held string) string{somebodyElses, anotherOfTheirs} {
		other, values := forge(document, another)
		text, err := json.Marshal(other)
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
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
			report.fail(fmt.Errorf("the %s with %s, which the other party did not send: want each refused, by its trust anchor or as a change; the preview says: %s",
				of.output, strings.Join(taken, ", "), said))
		}
	}
	return nil
}

// value is one of a forged document; anchored is true for what a trust anchor rules out.
type value struct {
	text     string
	anchored bool
}

// forge changes each value of a document, and gives the changed ones. What it is, of which
// version, for whom, and the names of its environments stay.
func forge(document map[string]any, another func(key, held string) string) (other map[string]any, values []value) {
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
			other := another(key, held)
			if other != held {
				values = append(values, value{other, slices.Contains(anchored, key) && outside(key, held, other)})
			}
			return other
		}
		return held
	}
	return object(document), values
}

// outside says whether a changed value is of another account or project: those are what a
// trust anchor knows of a role and of a service account.
func outside(key, held, other string) bool {
	switch key {
	case "roleArns":
		return held[:strings.LastIndex(held, ":")] != other[:strings.LastIndex(other, ":")]
	case "serviceAccount", "nodeServiceAccounts":
		return held[strings.LastIndex(held, "@")+1:] != other[strings.LastIndex(other, "@")+1:]
	}
	return true
}

// somebodyElses is another value of the same form: with other digits, or with another end
// of what stands before its first slash or dot. A project begins like the vendor's.
func somebodyElses(key, text string) string {
	if name, rest, found := strings.Cut(text, "/"); found && key == "project" {
		return name + "-a/" + rest
	}
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
	if text == "" {
		return text
	}
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
