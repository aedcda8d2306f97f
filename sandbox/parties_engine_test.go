package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox"
)

// partiesWorld is the world that the stacks of both parties share.
const partiesWorld = `
azure:
  tenants:
    - id: 7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20
      subscriptions:
        - id: ` + adoptedSubscription + `
          resourceGroups:
            - name: bifrost-production
              location: northeurope
`

// correspondence is a program that exports its word and reads the last words of
// its own stack and of the other party's.
type correspondence struct {
	word string
	// group holds an identity that the program makes, and whose ID it says; empty
	// for none.
	group string
	// fails is what the program returns after its exports.
	fails error
	// own and other are what it read last.
	own, other any
}

func (c *correspondence) run(ctx *pulumi.Context) error {
	read := func(stack string) (any, error) {
		reference, err := pulumi.NewStackReference(ctx, "organization/"+ctx.Project()+"/"+stack, nil)
		if err != nil {
			return nil, err
		}
		details, err := reference.GetOutputDetails("word")
		return details.Value, err
	}
	var err error
	if c.own, err = read(ctx.Stack()); err != nil {
		return err
	}
	if c.other, err = read(map[string]string{"acme-customer": "acme-vendor", "acme-vendor": "acme-customer"}[ctx.Stack()]); err != nil {
		return err
	}
	word := pulumi.String(c.word).ToStringOutput()
	if c.group != "" {
		provider, err := azurenative.NewProvider(ctx, "azure", &azurenative.ProviderArgs{SubscriptionId: pulumi.String(adoptedSubscription)})
		if err != nil {
			return err
		}
		identity, err := managedidentity.NewUserAssignedIdentity(ctx, "identity", &managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: pulumi.String(c.group), ResourceName: pulumi.String("correspondent"), Location: pulumi.String("northeurope"),
		}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		word = pulumi.Sprintf("%s of %s", word, identity.ClientId)
	}
	ctx.Export("word", word)
	return c.fails
}

func startParties(t *testing.T, program pulumi.RunFunc) (*project, *sandbox.Sandbox) {
	t.Helper()
	p := &project{t: t, root: t.TempDir(), stack: "acme-customer"}
	p.copy("Pulumi.yaml")
	path := filepath.Join(p.root, "sandbox", "worlds", "acme.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(partiesWorld), 0o600))
	for _, party := range []string{"customer", "vendor"} {
		require.NoError(t, os.WriteFile(filepath.Join(p.root, "Pulumi.acme-"+party+".yaml"), nil, 0o600))
	}
	return p, p.start(program)
}

// The program of a stack reads what the other party said, and what it said
// itself, in previews and updates alike.
func TestTheStacksOfTwoPartiesReadEachOther(t *testing.T) {
	t.Parallel()
	says := &correspondence{}
	p, s := startParties(t, says.run)
	preview := func(stack string) {
		t.Helper()
		e, err := s.EngineFor(context.Background(), stack, nil)
		require.NoError(t, err)
		result, err := e.Preview(context.Background(), optpreview.Diff())
		require.NoError(t, err)
		for _, resource := range result.Resources {
			assert.Equal(t, "azure", resource.Name, "what the engine keeps for itself is no resource of the stack")
		}
	}
	update := func(stack, word string) error {
		t.Helper()
		says.word = word
		e, err := s.EngineFor(context.Background(), stack, nil)
		require.NoError(t, err)
		_, err = e.Up(context.Background())
		return err
	}
	preview("acme-customer")
	assert.Nil(t, says.own, "nothing was said yet")
	assert.Nil(t, says.other, "the other stack is there, and says nothing")
	require.NoError(t, update("acme-customer", "request"))
	assert.Nil(t, says.own, "the very first update has nothing to read of itself")
	preview("acme-vendor")
	assert.Equal(t, "request", says.other)
	require.NoError(t, update("acme-vendor", "grant"))
	assert.Nil(t, says.own)
	preview("acme-customer")
	assert.Equal(t, []any{"request", "grant"}, []any{says.own, says.other})
	require.NoError(t, update("acme-customer", "request again"))
	assert.Equal(t, []any{"request", "grant"}, []any{says.own, says.other}, "an update does not read what it is about to say")
	preview("acme-vendor")
	assert.Equal(t, []any{"grant", "request again"}, []any{says.own, says.other})

	t.Run("an update that cannot say all leaves what was said", func(t *testing.T) {
		says.group = "nobodys-group"
		require.ErrorContains(t, update("acme-customer", "unheard"), "ResourceGroupNotFound")
		says.group = ""
		preview("acme-customer")
		assert.Equal(t, "request again", says.own)
		preview("acme-vendor")
		assert.Equal(t, "request again", says.other)
	})
	t.Run("an update whose program fails says what it exported before", func(t *testing.T) {
		says.fails = errors.New("on second thoughts")
		require.ErrorContains(t, update("acme-customer", "overheard"), "on second thoughts")
		says.fails = nil
		preview("acme-vendor")
		assert.Equal(t, "overheard", says.other)
	})
	t.Run("both parties keep one state", func(t *testing.T) {
		_, err := os.Stat(filepath.Join(p.root, ".sandbox", "acme", "azure.json"))
		require.NoError(t, err)
		require.NoError(t, s.Close())
		p.stack = "acme-vendor"
		again := p.start(says.run)
		result, err := open(t, again).Up(context.Background())
		require.NoError(t, err)
		assert.Empty(t, result.Resources)
		assert.Equal(t, []any{"grant", "overheard"}, []any{says.own, says.other})
	})
}

// A world of its own comes first: a customer may be called like a party.
func TestAStackWithAWorldOfItsOwnIsNobodysParty(t *testing.T) {
	t.Parallel()
	p := &project{t: t, root: t.TempDir(), stack: "best-customer"}
	p.copy("Pulumi.yaml")
	worlds := filepath.Join(p.root, "sandbox", "worlds")
	require.NoError(t, os.MkdirAll(worlds, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(worlds, "best-customer.yaml"), []byte(partiesWorld), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(worlds, "best.yaml"), []byte("not: a world"), 0o600))
	p.start(func(*pulumi.Context) error { return nil })
	_, err := os.Stat(filepath.Join(p.root, ".sandbox", "best-customer"))
	assert.NoError(t, err)
}
