package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks"
)

// fuzz gives the program random configurations, most of them wrong, and counts
// those that it takes in a way that it must not.
func (m *meter) fuzz(ctx context.Context) error {
	m.say("%d random configurations (seed %d)", m.inputs, m.seed)
	g := &generator{rand.New(rand.NewPCG(m.seed, 0))} //nolint:gosec // the same seed must give the same inputs
	accepted := 0
	for range m.inputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		input, err := g.configuration()
		if err != nil {
			return err
		}
		taken, err := try(stacks.Run, input)
		m.report.Fuzz.Inputs++
		if err != nil {
			m.report.Fuzz.Failures++
			m.failure("%s\n  %s", err, input.values)
		}
		if taken {
			accepted++
		}
	}
	m.say("%d of %d configurations were accepted", accepted, m.inputs)
	if accepted == 0 || accepted == m.inputs {
		return errors.New("figures: the random configurations are all accepted or all refused: want some of each")
	}
	return nil
}

// configuration is a stack's, with its secret keys.
type configuration struct {
	values  map[string]string
	secrets []string
}

// try runs the program once, without an engine. accepted says whether it took
// the configuration; an error says what it must not have done. A panic in a
// goroutine of the program's own ends the whole process.
func try(program pulumi.RunFunc, input configuration) (accepted bool, err error) {
	clouds, err := newClouds(context.Background(), input.values["waybill:customer"])
	if err != nil {
		return false, err
	}
	defer func() {
		if cause := recover(); cause != nil {
			accepted, err = false, fmt.Errorf("the program panicked: %v", cause)
		}
	}()
	refusal := pulumi.RunErr(program, pulumi.WithMocks("waybill", "fuzz", clouds), func(info *pulumi.RunInfo) {
		info.Config, info.ConfigSecretKeys = input.values, input.secrets
	})
	switch problems := clouds.refusals(); {
	case refusal == nil && len(problems) > 0:
		return true, fmt.Errorf("an accepted configuration registers what its cloud refuses: %s", strings.Join(problems, "; "))
	case refusal == nil && clouds.count() == 0:
		return true, errors.New("an accepted configuration registers nothing")
	case refusal == nil:
		return true, nil
	case clouds.count() > 0:
		return false, fmt.Errorf("a refused configuration registers %d resources; the refusal is: %w", clouds.count(), refusal)
	}
	return false, nil
}

// generator makes configurations: a customer whose values are at the edges of
// what is allowed, and then, in most, something wrong somewhere.
type generator struct{ *rand.Rand }

func (g *generator) configuration() (configuration, error) {
	customer := g.customer()
	input := configuration{values: map[string]string{}}
	if product := customer["product"].(map[string]any); g.chance(3) && customer["side"] != "vendor" {
		product["configPath"] = "/etc/" + g.word(1, 20) + ".json"
		input.values["waybill:productConfig"] = `{"secret": true}`
		input.secrets = []string{"waybill:productConfig"}
	}
	if g.chance(2) {
		for range 1 + g.IntN(3) {
			g.spoil(customer)
		}
	}
	if g.chance(50) {
		input.secrets = append(input.secrets, "waybill:customer")
	}
	if g.chance(50) {
		input.values["gcp:project"] = g.word(6, 30)
	}
	text, err := json.Marshal(customer)
	if err != nil {
		return input, fmt.Errorf("figures: %w", err)
	}
	input.values["waybill:customer"] = string(text)
	return input, nil
}

// chance is true once in n.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// word is a name of lower-case letters, digits and single hyphens, of a length
// in between or, often, of the least or the most.
func (g *generator) word(least, most int) string {
	length := least + g.IntN(most-least+1)
	switch g.IntN(4) {
	case 0:
		length = least
	case 1:
		length = most
	}
	const letters, all = "abcxyz", "abcxyz0189-"
	text := []byte{letters[g.IntN(len(letters))]}
	for len(text) < length {
		next := all[g.IntN(len(all))]
		if next == '-' && (text[len(text)-1] == '-' || len(text) == length-1) {
			next = 'q'
		}
		text = append(text, next)
	}
	return string(text)
}

func (g *generator) guid() string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", g.Uint32(), g.Uint32()>>16, g.Uint32()>>16, g.Uint32()>>16, g.Uint64()>>16)
}

// customer is a configuration of the documented form (docs/configuration.md).
func (g *generator) customer() map[string]any {
	product := map[string]any{"name": g.word(1, 40), "port": 1024 + g.IntN(64512), "tag": g.word(1, 128)}
	if g.chance(3) {
		product["image"] = g.word(1, 60) + "/" + g.word(1, 60)
	}
	azure := map[string]any{
		"tenantId": g.guid(), "subscriptionId": g.guid(), "resourceGroup": g.word(1, 90),
	}
	if g.chance(3) {
		azure["identity"] = map[string]any{"name": g.word(3, 128)}
	}
	gcp := map[string]any{"project": g.word(6, 30), "location": "europe-west1"}
	if g.chance(3) {
		gcp["serviceAccount"] = g.word(6, 30)
	}
	if g.chance(3) {
		gcp["generation"] = 1 + g.IntN(99)
	}
	if g.chance(3) {
		gcp["repository"] = map[string]any{"name": g.word(1, 63)}
	}
	cluster := map[string]any{"context": g.word(1, 253), "name": g.word(1, 63)}
	if g.chance(2) {
		cluster = g.issued()
	}
	environment := map[string]any{"cluster": cluster}
	if g.chance(3) {
		environment["namespace"] = map[string]any{"name": g.word(1, 63), "existing": g.chance(2)}
	}
	if g.chance(3) {
		environment["pullSecret"] = g.word(1, 44)
	}
	customer := map[string]any{
		"slug": g.word(3, 40), "platform": "aks", "product": product, "azure": azure, "gcp": gcp,
		"environments": map[string]any{"default": environment},
		"refresher":    map[string]any{"image": "registry.example/" + g.word(1, 60) + ":" + g.word(1, 60)},
	}
	g.vary(customer)
	return customer
}

// issued is a cluster that is known by its issuer.
func (g *generator) issued() map[string]any {
	return map[string]any{"context": g.word(1, 253), "issuer": "https://" + g.word(1, 60) + ".example/" + g.word(1, 60) + "/"}
}

// vary makes some customers others than one on AKS with one environment.
func (g *generator) vary(customer map[string]any) {
	azure, gcp := customer["azure"].(map[string]any), customer["gcp"].(map[string]any)
	environments := customer["environments"].(map[string]any)
	only := environments["default"].(map[string]any)
	switch g.IntN(6) {
	case 0: // any cluster
		customer["platform"], only["cluster"] = "kubernetes", g.issued()
		delete(customer, "azure")
	case 1: // AKS without Entra
		azure["trust"], only["cluster"] = "cluster", g.issued()
		delete(azure, "identity")
	case 2: // several environments
		if g.chance(2) {
			delete(environments, "default")
		}
		for range 1 + g.IntN(3) {
			environments[g.word(2, 12)] = map[string]any{"cluster": g.issued(), "replicas": 1 + g.IntN(9)}
		}
	case 3: // one of two parties
		customer["side"] = "customer"
		gcp["projectNumber"] = fmt.Sprint(100000 + g.IntN(900000))
		delete(gcp, "repository")
		delete(gcp, "serviceAccount")
		delete(gcp, "generation")
	case 4: // the other
		customer["side"] = "vendor"
		for _, theirs := range []string{"environments", "refresher"} {
			delete(customer, theirs)
		}
		customer["product"] = map[string]any{"name": customer["product"].(map[string]any)["name"]}
		customer["azure"] = map[string]any{"tenantId": azure["tenantId"]}
	}
	if g.chance(3) && customer["side"] != "vendor" {
		workloads := []any{}
		for range 1 + g.IntN(25) {
			workloads = append(workloads, map[string]any{"component": g.word(1, 40), "identity": customer["platform"] == "aks" && g.chance(2)})
		}
		customer["workloads"] = workloads
	}
}

// spoil changes, removes or adds one key somewhere in the object.
func (g *generator) spoil(object map[string]any) {
	keys := slices.Sorted(maps.Keys(object))
	if len(keys) == 0 || g.chance(8) {
		object[g.word(1, 12)] = g.hostile()
		return
	}
	key := keys[g.IntN(len(keys))]
	inner, isObject := object[key].(map[string]any)
	switch {
	case isObject && !g.chance(6):
		g.spoil(inner)
	case g.chance(4):
		delete(object, key)
	default:
		object[key] = g.hostile()
	}
}

// hostile is a value that a hand, a template or YAML may leave behind.
func (g *generator) hostile() any {
	values := []any{
		nil, true, 0, -1, 1.1, 1e300, "", " ", "-", "--", "a-", "-a", "A", "a_b", "a.b", "a..b", "latest", "../..", "*", "principal://x/*",
		"gcp-" + g.word(1, 20), "é", "日本語", "\x00", "a\nb", `"`, "'", "${x}", "{{x}}", "' || true || '", strings.Repeat("a", 64),
		strings.Repeat("a", 254), strings.Repeat("-", 40), strings.Repeat("é", 5000), []any{}, []any{nil}, []any{"a", 1},
		map[string]any{}, map[string]any{"a": map[string]any{"b": nil}}, "https://", "https://x.example", "http://x.example/", g.guid(),
		strings.ToUpper(g.guid()), g.word(1, 300),
	}
	return values[g.IntN(len(values))]
}
