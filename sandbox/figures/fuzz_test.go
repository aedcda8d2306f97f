package figures

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
)

func TestRandomConfigurationsAreRefusedOrRight(t *testing.T) {
	var said []string
	m := newMeter(Options{Progress: func(message string) { said = append(said, message) }})
	m.inputs, m.seed = 300, 7
	require.NoError(t, m.fuzz(context.Background()))
	assert.Equal(t, Fuzz{Inputs: 300}, m.report.Fuzz, strings.Join(said, "\n"))
}

func TestTheSameSeedGivesTheSameConfigurations(t *testing.T) {
	make := func() configuration {
		input, err := (&generator{rand.New(rand.NewPCG(3, 0))}).configuration()
		require.NoError(t, err)
		return input
	}
	assert.Equal(t, make(), make())
}

func TestWhatAProgramMustNotDoIsAFailure(t *testing.T) {
	register := func(pool string) pulumi.RunFunc {
		return func(ctx *pulumi.Context) error {
			var registered pulumi.CustomResourceState
			return ctx.RegisterResource("gcp:iam/workloadIdentityPool:WorkloadIdentityPool", "pool",
				pulumi.Map{"workloadIdentityPoolId": pulumi.String(pool)}, &registered)
		}
	}
	for name, c := range map[string]struct {
		program pulumi.RunFunc
		want    string
	}{
		"a panic":         {func(*pulumi.Context) error { panic("at the disco") }, "at the disco"},
		"an invalid name": {register("gcp-pool"), "which is reserved for Google"},
		"a long name":     {register(strings.Repeat("p", 33)), "must have 4 to 32 characters"},
		"nothing":         {func(*pulumi.Context) error { return nil }, "registers nothing"},
		"a registration and then a refusal": {func(ctx *pulumi.Context) error {
			if err := register("pool")(ctx); err != nil {
				return err
			}
			return assert.AnError
		}, "a refused configuration registers 1 resources"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := try(c.program, configuration{})
			require.ErrorContains(t, err, c.want)
		})
	}
	accepted, err := try(register("pool"), configuration{values: map[string]string{"waybill:customer": `{"gcp": {"project": "vendor"}}`}})
	require.NoError(t, err)
	assert.True(t, accepted)
	accepted, err = try(stacks.Run, configuration{})
	require.NoError(t, err, "a refusal that registers nothing is as it must be")
	assert.False(t, accepted)
}

func TestNamesOfObjectsAreCheckedAsTheAPIServerDoes(t *testing.T) {
	for token, metadata := range map[string]map[string]any{
		"kubernetes:batch/v1:CronJob":    {"name": strings.Repeat("c", 53)},
		"kubernetes:core/v1:Service":     {"name": "1-service"},
		"kubernetes:core/v1:Namespace":   {"name": "a.b"},
		"kubernetes:core/v1:Secret":      {"name": "A"},
		"kubernetes:core/v1:ConfigMap":   {"name": "a", "labels": map[string]any{"a": strings.Repeat("v", 64)}},
		"kubernetes:apps/v1:Deployment":  {"name": "a", "labels": map[string]any{"-a": "v"}},
		"kubernetes:core/v1:Unnamed":     {},
		"kubernetes:core/v1:ServiceFine": {"name": "a.b", "labels": map[string]any{"a": "v"}},
	} {
		c := &clouds{}
		_, _, err := c.NewResource(pulumi.MockResourceArgs{
			TypeToken: token, Name: "resource", Inputs: resource.NewPropertyMapFromMap(map[string]any{"metadata": metadata}),
		})
		require.NoError(t, err)
		wrong := token != "kubernetes:core/v1:Unnamed" && token != "kubernetes:core/v1:ServiceFine"
		assert.Equal(t, wrong, len(c.refusals()) > 0, token)
	}
}
