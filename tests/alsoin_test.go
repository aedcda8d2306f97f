package tests_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Other namespaces of the cluster get the same pull secret from the one refresher, which
// may patch it in each, and do nothing else.
func TestExampleOtherNamespacesGetThePullSecretToo(t *testing.T) {
	r, err := runStack(t, "initech", nil, set("environments.default.pullSecretAlsoIn", []any{"batch", "ci"}))
	require.NoError(t, err)
	for child, namespace := range map[string]string{"": "bifrost", "-batch": "batch", "-ci": "ci"} {
		assert.Equal(t, namespace+"/ar-pull-secret",
			r.Named("pull-secret"+child).Text("metadata.namespace")+"/"+r.Named("pull-secret"+child).Text("metadata.name"))
		role, binding := r.Named("pull-role"+child), r.Named("pull-binding"+child)
		assert.Equal(t, namespace, role.Text("metadata.namespace"))
		assert.Equal(t, namespace, binding.Text("metadata.namespace"))
		assert.Equal(t, r.Named("pull-role").Value("rules"), role.Value("rules"))
		assert.Equal(t, r.Named("pull-binding").Value("subjects"), binding.Value("subjects"), "one refresher, in its own namespace")
	}
	assert.Len(t, r.Of("CronJob"), 1)
}

func TestExampleOtherNamespacesOfThePullSecretAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		also []any
		want string
	}{
		"a name":  {[]any{"Batch"}, "environments.default.pullSecretAlsoIn[0]"},
		"its own": {[]any{"bifrost"}, `environments.default.pullSecretAlsoIn "bifrost": want each namespace once, and not the refresher's own`},
		"twice":   {[]any{"ci", "ci"}, "environments.default.pullSecretAlsoIn"},
	} {
		r, err := runStack(t, "initech", nil, set("environments.default.pullSecretAlsoIn", c.also))
		require.ErrorContains(t, err, c.want, name)
		assert.Empty(t, beyondProviders(r), name)
	}
	_, err := runStack(t, "hanso", nil, set("environments.default.pullSecretAlsoIn", []any{"ci"}))
	require.ErrorContains(t, err, "environments.default.pullSecretAlsoIn belongs to another platform, chain or side")
}
