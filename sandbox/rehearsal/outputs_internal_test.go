package rehearsal

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func list(entries ...map[string]any) []any {
	all := make([]any, 0, len(entries))
	for _, entry := range entries {
		all = append(all, entry)
	}
	return all
}

func walking(names ...string) world.Walk {
	walk := world.Walk{Environments: map[string]world.Place{}}
	for _, name := range names {
		walk.Environments[name] = world.Place{Context: "cluster", Namespace: "press"}
	}
	return walk
}

func TestTheEnvironmentCalledDefaultHasTheStacksOwnOutputs(t *testing.T) {
	environments, err := readEnvironments(walking("default"), document{
		"accessRequest": map[string]any{"tenantId": "tenant", "environments": list(map[string]any{"name": "default", "clientId": "client"})},
		"accessGrant":   map[string]any{"pool": "pool", "environments": list(map[string]any{"name": "default", "provider": "provider"})},
		"pullSecret":    "press/secret",
	})
	require.NoError(t, err)
	require.Len(t, environments, 1)
	only := environments[0]
	assert.Empty(t, only.name)
	assert.Equal(t, "tenant client", only.request.text("tenantId")+" "+only.request.text("clientId"))
	assert.Equal(t, "pool provider", only.grant.text("pool")+" "+only.grant.text("provider"))
	assert.Equal(t, "press/secret", only.outputs.text("pullSecret"))
}

func TestANamedEnvironmentHasItsOwnOutputs(t *testing.T) {
	environments, err := readEnvironments(walking("trial", "prod"), document{
		"accessRequest": map[string]any{"environments": list(
			map[string]any{"name": "trial", "roleArns": []any{"one"}}, map[string]any{"name": "prod", "roleArns": []any{"two", "three"}})},
		"environments": map[string]any{"trial": map[string]any{"image": "1"}, "prod": map[string]any{"image": "2"}},
	})
	require.NoError(t, err)
	require.Len(t, environments, 2)
	assert.Equal(t, []string{"prod", "trial"}, []string{environments[0].name, environments[1].name}, "by name")
	assert.Equal(t, "2 1", environments[0].outputs.text("image")+" "+environments[1].outputs.text("image"))
	assert.Equal(t, "two", environments[0].request.text("roleArns"), "the first of a list")
}

// What is walked is the world's to say: the outputs tell of all of it and of no more.
func TestTheOutputsMustTellOfTheWorldsEnvironments(t *testing.T) {
	told := document{"accessRequest": map[string]any{"environments": list(map[string]any{"name": "prod"}, map[string]any{"name": "trial"})}}
	for want, walk := range map[string]world.Walk{
		"environment dev: the output accessRequest.environments does not have it": walking("dev", "prod", "trial"),
		"environment trial: the output accessRequest.environments has it":         walking("prod"),
		"the world does not say what is walked":                                   {},
	} {
		_, err := readEnvironments(walk, told)
		require.ErrorContains(t, err, want)
	}
	_, err := readEnvironments(walking("default"), document{})
	require.ErrorContains(t, err, "environment default: the output accessRequest.environments does not have it")
}

func TestTheOutputsMustTellOfTheWorldsWorkloads(t *testing.T) {
	place := func(name string) way {
		return &direct{google: &google{chain: &chain{setting: &setting{}, environment: name, namespace: "press"}}}
	}
	ways := []way{place("prod"), place("")}
	walk := world.Walk{Workloads: []world.Workload{{Account: "press-api", Hop: "entra"}}}
	trust := func(subject, client string) map[string]any {
		return map[string]any{"subject": subject, "clientId": client}
	}
	const subject = "system:serviceaccount:press:press-api"
	good := map[string]any{"press_prod_api": trust(subject, "one"), "press_default_api": trust(subject, "two")}
	for name, c := range map[string]struct {
		change func(trusts map[string]any)
		want   string
	}{
		"none":                {func(trusts map[string]any) { clear(trusts) }, "has none of " + subject + " in environment prod"},
		"none of one":         {func(trusts map[string]any) { delete(trusts, "press_default_api") }, "has none of " + subject + " in environment default"},
		"another subject":     {func(trusts map[string]any) { trusts["press_prod_api"] = trust(subject+"-other", "one") }, "has none of " + subject + " in environment prod"},
		"no identity":         {func(trusts map[string]any) { trusts["press_prod_api"] = trust(subject, "") }, "workloadTrusts.press_prod_api: want a clientId or a roleArn"},
		"one more":            {func(trusts map[string]any) { trusts["press_prod_web"] = trust(subject, "one") }, "want none that the world does not walk"},
		"another environment": {func(trusts map[string]any) { trusts["press_trial_api"] = trust(subject, "one") }, "want none that the world does not walk"},
	} {
		t.Run(name, func(t *testing.T) {
			trusts := maps.Clone(good)
			c.change(trusts)
			_, err := readWorkloads(walk, document{"workloadTrusts": trusts}, ways)
			require.ErrorContains(t, err, c.want)
		})
	}
	all, err := readWorkloads(walk, document{"workloadTrusts": good}, ways)
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, []string{"press_prod_api", "one", "press_default_api", "two"}, []string{all[0].name, all[0].clientID, all[1].name, all[1].clientID})
	assert.Same(t, ways[1], all[1].way)
}
