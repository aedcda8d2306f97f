package mutants_test

import (
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/mutants"
)

const root = "../.."

// chains are the stacks of each chain that mutants may be tried on.
var chains = map[string][]string{
	"entra":          {"dev", "acme", "globex", "tyrell", "virtucon"},
	"cluster issuer": {"wayne", "weyland", "cyberdyne"},
	"GKE nodes":      {"hanso"},
	"IRSA":           {"initech"},
	"Pod Identity":   {"umbrella"},
	"vendor's role":  {"nakatomi"},
	"EKS nodes":      {"hooli"},
	"ECS":            {"stark", "wonka"},
	"two parties":    {"soylent-customer", "soylent-vendor"},
}

// kinds are what can be wrong; each has a mutant.
var kinds = []string{
	"condition", "member", "role", "audience", "issuer", "subject", "policy", "trust", "port", "rbac", "schedule", "order",
	"option", "output", "token", "environment", "label", "security", "volume", "probe", "service", "pull-secret", "budget",
	"repository", "ecs", "log-group", "refresher-hop", "trial", "registry-host", "expiry", "host-check", "settling", "document",
}

func table(t *testing.T) []mutants.Mutant {
	t.Helper()
	all, err := mutants.Table()
	require.NoError(t, err)
	return all
}

func TestTheTableCoversEveryChainAndEveryKind(t *testing.T) {
	names, ofKind, onStack := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range table(t) {
		assert.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)+$`, m.Name)
		assert.NotContains(t, names, m.Name, "a name that another mutant has")
		assert.Contains(t, kinds, m.Kind, m.Name)
		assert.Regexp(t, `^(engine|hop [a-z-]+|case [a-zA-Z])`, m.Notice, m.Name)
		names[m.Name], ofKind[m.Kind], onStack[m.Stack] = true, true, true
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "sandbox.md"))
	require.NoError(t, err)
	assert.Contains(t, string(page), fmt.Sprintf("holds %d faults", len(names)))
	for _, kind := range kinds {
		assert.Contains(t, ofKind, kind, "no mutant of this kind")
	}
	for chain, stacks := range chains {
		covered := false
		for _, stack := range stacks {
			covered = covered || onStack[stack]
			delete(onStack, stack)
		}
		assert.True(t, covered, "no mutant of the chain %s", chain)
	}
	assert.Empty(t, onStack, "stacks of no chain")
}

func TestExampleStacksOfMutantsHaveAFileAndAWorld(t *testing.T) {
	for _, m := range table(t) {
		_, err := engine.StackFile(root, m.Stack)
		assert.NoError(t, err, m.Name)
		assert.FileExists(t, sandbox.Options{Root: root, Stack: m.Stack}.WorldFile(), m.Name)
	}
}

// A mutant is what a person could have written: its text is found once, and what
// becomes of it parses and is formatted.
func TestMutatedFilesAreGoAsGofmtWritesIt(t *testing.T) {
	for _, m := range table(t) {
		text, err := m.Mutated(root)
		if !assert.NoError(t, err) {
			continue
		}
		formatted, err := format.Source(text)
		if assert.NoError(t, err, m.Name) {
			assert.Equal(t, string(formatted), string(text), m.Name)
		}
	}
}
