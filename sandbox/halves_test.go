package sandbox

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

// A half that is not what the world says of it is an error, in one line.
func TestAHalfIsWhatTheWorldSays(t *testing.T) {
	t.Parallel()
	waits := map[string]any{"waitingFor": []any{map[string]any{"document": "accessGrant", "from": "vendor", "command": "ask for it", "next": "go on"}}}
	grant := map[string]any{"accessGrant": map[string]any{"customer": "acme"}}
	for name, c := range map[string]struct {
		party      world.Party
		outputs    map[string]any
		says, fail string
	}{
		"a chain":                   {world.Party{Side: "both"}, grant, "", ""},
		"a chain that waits":        {world.Party{Side: "both"}, waits, "", "waits for the accessGrant. The vendor runs `ask for it`; then here: go on: want it complete"},
		"a customer that waits":     {world.Party{Side: "customer"}, waits, "", "want it complete"},
		"a vendor's":                {world.Party{Side: vendor}, grant, "The vendor's half is complete; stack acme-customer walks the chain", ""},
		"a vendor's without grants": {world.Party{Side: vendor}, map[string]any{}, "", "stack acme exports no accessGrant"},
	} {
		t.Run(name, func(t *testing.T) {
			stacks := map[string]world.Party{"acme": c.party, "acme-customer": {Side: "customer"}}
			s := &Sandbox{options: Options{Stack: "acme"}, world: &world.World{Walk: world.Walk{Stacks: stacks}}}
			half, err := s.Half(t.Context(), c.outputs)
			assert.Equal(t, c.says, half)
			if c.fail == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.fail)
			}
		})
	}
}

// What a half waits for is there once the other party's document names it.
func TestAnEnvironmentIsWaitedForUntilTheDocumentNamesIt(t *testing.T) {
	t.Parallel()
	whole := map[string]any{"waitingFor": []any{map[string]any{"document": "accessGrant"}}}
	staging := map[string]any{"waitingFor": []any{map[string]any{"document": "accessGrant", "environments": []any{"staging"}}}}
	names := func(names ...string) any {
		var all []any
		for _, name := range names {
			all = append(all, map[string]any{"name": name})
		}
		return map[string]any{"environments": all}
	}
	assert.False(t, holds(nil, whole))
	assert.True(t, holds(names("default"), whole))
	assert.False(t, holds(names("default"), staging))
	assert.True(t, holds(names("default", "staging"), staging))
	assert.Contains(t, waitingFor(staging)[0], "the accessGrant with environments staging. The")
}
