package tests_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nothingRuns ends a stack with its pull secret.
func nothingRuns(customer map[string]any) {
	for _, key := range []string{"workload", "workloads", "product.port", "product.healthPath", "product.configPath"} {
		set(key, nil)(customer)
	}
	set("pullSecretOnly", true)(customer)
}

// Where the product is somebody else's chart, the stack ends with the pull secret, and
// a new token is tried on the product's image, or on what is named.
func TestExampleAStackMayEndWithThePullSecret(t *testing.T) {
	for stack, c := range map[string]struct {
		images        []any
		first, second string
	}{
		"wayne": {
			[]any{map[string]any{"image": "charts/bifrost", "tag": "2.0.0"}, map[string]any{"tag": "1.5.0"}},
			"/bifrost:1.4.2", "/bifrost:1.5.0\nREPOSITORY/charts/bifrost:2.0.0",
		},
		"initech": {[]any{map[string]any{"tag": "1.5.0"}}, "/initech/bifrost:1.4.2", "/initech/bifrost:1.5.0"},
	} {
		r, err := runStack(t, stack, nil, nothingRuns)
		require.NoError(t, err, stack)
		assert.Empty(t, r.Of("Deployment"))
		assert.Empty(t, r.Of("Service"))
		assert.Len(t, r.Of("CronJob"), 1)
		whole := r.Named("pull-images").Text("data.images")
		repository := strings.TrimSuffix(whole, c.first)
		assert.NotEqual(t, whole, repository, "%s tries %s", stack, whole)

		r, err = runStack(t, stack, nil, nothingRuns, set("product.tag", nil), set("refresher.images", c.images))
		require.NoError(t, err, stack)
		assert.Equal(t, repository+strings.ReplaceAll(c.second, "REPOSITORY", repository), r.Named("pull-images").Text("data.images"))
	}
	r, err := runStack(t, "initech", nil, set("refresher.images", []any{map[string]any{"tag": "1.5.0"}}))
	require.NoError(t, err)
	assert.Len(t, r.Of("Deployment"), 1, "what runs may be another than what is tried")
	assert.True(t, strings.HasSuffix(r.Named("pull-images").Text("data.images"), ":1.5.0"))
}

func TestExampleAStackThatEndsWithThePullSecretRefusesWhatNothingReads(t *testing.T) {
	tag := func(tag string) []any { return []any{map[string]any{"tag": tag}} }
	for name, c := range map[string]struct {
		stack string
		edits []func(map[string]any)
		want  string
	}{
		"a workload":        {"initech", []func(map[string]any){nothingRuns, set("workload.replicas", 3)}, "workload and pullSecretOnly, with which nothing reads it"},
		"a port":            {"initech", []func(map[string]any){nothingRuns, set("product.port", 8080)}, "product.port and pullSecretOnly"},
		"replicas":          {"initech", []func(map[string]any){nothingRuns, set("environments.default.replicas", 3)}, "environments.default.replicas and pullSecretOnly"},
		"two kinds of tags": {"initech", []func(map[string]any){nothingRuns, set("refresher.images", tag("1.5.0"))}, "product.tag and pullSecretOnly"},
		"no tag":            {"initech", []func(map[string]any){nothingRuns, set("product.tag", nil)}, "product has 0 of tag, digest: want exactly one"},
		"an image without":  {"initech", []func(map[string]any){set("refresher.images", []any{map[string]any{}})}, "refresher.images[0] has 0 of tag, digest"},
		"an image on ECR":   {"initech", []func(map[string]any){set("refresher.images", []any{map[string]any{"image": "chart", "tag": "1"}})}, `refresher.images[0].image "chart": want a tag or a digest alone`},
		"an image of the vendor's role": {"nakatomi", []func(map[string]any){set("refresher.images", []any{map[string]any{"image": "chart", "tag": "1"}})},
			`refresher.images[0].image "chart": want a tag or a digest alone`},
		"no refresher":       {"hanso", []func(map[string]any){set("pullSecretOnly", true)}, "pullSecretOnly belongs to another platform, chain or side"},
		"a port that is not": {"initech", []func(map[string]any){set("product.port", nil)}, "product.port is missing"},
	} {
		r, err := runStack(t, c.stack, nil, c.edits...)
		require.ErrorContains(t, err, c.want, name)
		assert.Empty(t, beyondProviders(r), name)
	}
}
