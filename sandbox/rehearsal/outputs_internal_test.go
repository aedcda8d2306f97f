package rehearsal

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func list(entries ...map[string]any) []any {
	all := make([]any, 0, len(entries))
	for _, entry := range entries {
		all = append(all, entry)
	}
	return all
}

func TestTheEnvironmentCalledDefaultHasTheStacksOwnOutputs(t *testing.T) {
	environments, err := readEnvironments(document{
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
	environments, err := readEnvironments(document{
		"accessRequest": map[string]any{"environments": list(
			map[string]any{"name": "trial", "roleArns": []any{"one"}}, map[string]any{"name": "prod", "roleArns": []any{"two", "three"}})},
		"environments": map[string]any{"trial": map[string]any{"image": "1"}, "prod": map[string]any{"image": "2"}},
	})
	require.NoError(t, err)
	require.Len(t, environments, 2)
	assert.Equal(t, []string{"trial", "prod"}, []string{environments[0].name, environments[1].name}, "in the order of the document")
	assert.Equal(t, "1 2", environments[0].outputs.text("image")+" "+environments[1].outputs.text("image"))
	assert.Equal(t, []string{"two", "three"}, environments[1].request.list("roleArns"))
}

func TestAStackWithoutEnvironmentsHasNothingToWalk(t *testing.T) {
	_, err := readEnvironments(document{"accessRequest": map[string]any{"platform": "aks"}})
	require.ErrorContains(t, err, "the output accessRequest.environments is missing")
}

func TestAWorkloadTrustMustNameItsEnvironmentItsSubjectAndItsIdentity(t *testing.T) {
	ways := []way{&direct{google: &google{chain: &chain{environment: "prod"}}}, &direct{google: &google{chain: &chain{}}}}
	trust := func(subject, client string) document {
		return document{"subject": subject, "clientId": client}
	}
	for name, c := range map[string]struct {
		key   string
		trust document
		want  string
	}{
		"another environment": {"press_trial_api", trust("system:serviceaccount:press:api", "client"), "there is no environment trial"},
		"no subject":          {"press_prod_api", trust("", "client"), "want PRODUCT_ENVIRONMENT_COMPONENT"},
		"no identity":         {"press_prod_api", trust("system:serviceaccount:press:api", ""), "want PRODUCT_ENVIRONMENT_COMPONENT"},
		"another name":        {"api", trust("system:serviceaccount:press:api", "client"), "want PRODUCT_ENVIRONMENT_COMPONENT"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readWorkloads(document{"workloadTrusts": map[string]any{c.key: map[string]any(c.trust)}}, ways)
			require.ErrorContains(t, err, c.want)
		})
	}
	all, err := readWorkloads(document{"workloadTrusts": map[string]any{
		"press_default_api": map[string]any(trust("system:serviceaccount:press:press-api", "client")),
	}}, ways)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, []string{"press", "press-api"}, []string{all[0].namespace, all[0].account})
	assert.Same(t, ways[1], all[0].way)
}
