package provider_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

// kubectl is the field manager of `kubectl apply`.
var kubectl = metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}

func TestWhatSomebodyAppliedIsImportedAndThenTakenOver(t *testing.T) {
	_, err := client.CoreV1().ConfigMaps("shop").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "by-hand"}, Data: map[string]string{"a": "1"},
	}, kubectl)
	require.NoError(t, err)
	e := open(t, provider.Options{}, map[string]any{"enableConfigMapMutable": true})
	inputs := func(value string) object {
		return object{"metadata": object{"name": "by-hand", "namespace": "shop"}, "data": object{"a": value}}
	}
	adopted, err := e.refresh(state{urn: urnOf("core/v1:ConfigMap", "by-hand"), id: "shop/by-hand"})
	require.NoError(t, err)
	_, same := e.diff(adopted, inputs("1"))
	assert.Empty(t, same.ChangedKeys, "a program that wants what is there changes nothing")
	_, different := e.diff(adopted, inputs("2"))
	assert.Equal(t, keys("data.a"), different.ChangedKeys)
	assert.False(t, different.Replace())

	_, err = e.previewUpdate(adopted, inputs("2"))
	require.ErrorContains(t, err, `conflict with "kubectl-client-side-apply"`, "v4.30 takes nothing over in a preview")
	assert.Equal(t, "2", e.mustUpdate(adopted, inputs("2")).text("data.a"))
	live, err := client.CoreV1().ConfigMaps("shop").Get(t.Context(), "by-hand", metav1.GetOptions{})
	require.NoError(t, err)
	for _, entry := range live.ManagedFields {
		assert.NotContains(t, entry.Manager, "kubectl")
	}

	forced := open(t, provider.Options{}, map[string]any{"enableConfigMapMutable": true, "enablePatchForce": true})
	_, err = client.CoreV1().ConfigMaps("shop").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "by-hand-too"}, Data: map[string]string{"a": "1"},
	}, kubectl)
	require.NoError(t, err)
	adopted, err = forced.refresh(state{urn: urnOf("core/v1:ConfigMap", "by-hand-too"), id: "shop/by-hand-too"})
	require.NoError(t, err)
	wish := inputs("2")
	wish["metadata"].(object)["name"] = "by-hand-too"
	previewed, err := forced.previewUpdate(adopted, wish)
	require.NoError(t, err)
	assert.Equal(t, "2", previewed.text("data.a"))
}

func (e *engine) previewUpdate(old state, news object) (state, error) {
	e.t.Helper()
	response, err := e.provider.Update(e.t.Context(), plugin.UpdateRequest{
		URN: old.urn, ID: old.id, OldInputs: old.inputs, OldOutputs: old.outputs, NewInputs: e.mustCheck(old, properties(news)), Preview: true,
	})
	return state{outputs: response.Properties}, err
}

func TestASelectorMadeByHandIsReplacedOnlyIfItIsAnother(t *testing.T) {
	text, err := yaml.Marshal(deployment("by-hand", "registry.example.com/server:1.0"))
	require.NoError(t, err)
	var existing appsv1.Deployment
	require.NoError(t, yaml.Unmarshal(text, &existing))
	_, err = client.AppsV1().Deployments("shop").Create(t.Context(), &existing, kubectl)
	require.NoError(t, err)
	e := open(t, provider.Options{}, nil)
	adopted, err := e.refresh(state{urn: urnOf("apps/v1:Deployment", "by-hand"), id: "shop/by-hand"})
	require.NoError(t, err)
	_, same := e.diff(adopted, deployment("by-hand", "registry.example.com/server:1.0"))
	assert.Contains(t, same.ChangedKeys, keys("spec.revisionHistoryLimit")[0], "an import's inputs hold what the API server filled in")
	assert.False(t, same.Replace())
	_, newer := e.diff(adopted, deployment("by-hand", "registry.example.com/server:1.1"))
	assert.NotEmpty(t, newer.ChangedKeys)
	assert.False(t, newer.Replace())
	other := deployment("by-hand", "registry.example.com/server:1.0")
	other["spec"].(object)["selector"] = object{"matchLabels": object{"app": "other"}}
	_, selector := e.diff(adopted, other)
	assert.True(t, selector.Replace())
}
