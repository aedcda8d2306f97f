package controlplane_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/world"
)

func manifests(texts ...string) []json.RawMessage {
	var objects []json.RawMessage
	for _, text := range texts {
		objects = append(objects, json.RawMessage(text))
	}
	return objects
}

func TestObjectsThatSomebodyAppliedAreThereOnce(t *testing.T) {
	config := controlplane.Config{
		Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer,
		Namespaces: []world.Namespace{{Name: "shop"}},
		Objects: manifests(
			`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bifrost", "labels": {"team": "shop"}}}`,
			`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ar-pull-secret", "namespace": "bifrost"}, "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}}`,
			`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "secret-manager", "namespace": "bifrost"}, "rules": []}`,
			`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}`,
			`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"left": "alone"}}}`,
		),
	}
	cluster, client := start(t, config)
	secret, err := client.CoreV1().Secrets("bifrost").Get(t.Context(), "ar-pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	require.Len(t, secret.ManagedFields, 1)
	assert.Equal(t, "kubectl-client-side-apply", secret.ManagedFields[0].Manager)
	assert.Equal(t, metav1.ManagedFieldsOperationUpdate, secret.ManagedFields[0].Operation)
	_, err = client.RbacV1().Roles("bifrost").Get(t.Context(), "secret-manager", metav1.GetOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().ConfigMaps("default").Get(t.Context(), "settings", metav1.GetOptions{})
	require.NoError(t, err, "without a namespace it goes where kubectl would put it")
	existing, err := client.CoreV1().Namespaces().Get(t.Context(), "shop", metav1.GetOptions{})
	require.NoError(t, err)
	assert.NotContains(t, existing.Labels, "left", "what exists already is left as it is")

	require.NoError(t, client.CoreV1().Secrets("bifrost").Delete(t.Context(), "ar-pull-secret", metav1.DeleteOptions{}))
	require.NoError(t, cluster.Stop())
	_, client = start(t, config)
	_, err = client.CoreV1().Secrets("bifrost").Get(t.Context(), "ar-pull-secret", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "what was deleted since does not come back: %v", err)
}

func TestAnObjectThatTheServerWouldPruneOrRefuseIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown field": {
			`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "date": {}}`,
			`objects[0] v1/ConfigMap//settings: ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "date"`,
		},
		"unknown kind":      {`{"apiVersion": "v1", "kind": "ConfigMop", "metadata": {"name": "settings"}}`, `no matches for kind "ConfigMop"`},
		"missing namespace": {`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "nowhere"}}`, `namespaces "nowhere" not found`},
	} {
		_, err := controlplane.Start(t.Context(), controlplane.Config{
			Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer, Objects: manifests(c.text),
		})
		require.ErrorContains(t, err, c.want, name)
	}
}
