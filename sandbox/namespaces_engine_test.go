package sandbox_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pull secret that somebody else made is refused and left as it is, and so is a
// namespace that is not there. Once both are mended, the refresher fills the secret
// there too; what the stack lets go of, it deletes.
func TestOtherNamespacesGetThePullSecret(t *testing.T) {
	t.Parallel()
	const theirs = `{"auths":{"registry.example":{"username":"u","password":"p"}}}`
	p := newProject(t, "dev")
	p.cluster(func(cluster map[string]any) {
		cluster["namespaces"] = []any{map[string]any{"name": "batch"}}
		cluster["objects"] = []any{map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": secret, "namespace": "batch"},
			"type":       "kubernetes.io/dockerconfigjson",
			"stringData": map[string]any{corev1.DockerConfigJsonKey: theirs},
		}}
	})
	s := p.start(nil)
	ctx, cluster := context.Background(), client(t, s)

	p.set("environments.default.pullSecretAlsoIn", []any{"batch", "missing"})
	_, err := open(t, s).Up(ctx)
	require.ErrorContains(t, err, "missing-namespace: error: resource 'missing' does not exist")

	p.set("environments.default.pullSecretAlsoIn", []any{"batch"})
	_, err = open(t, s).Up(ctx)
	require.ErrorContains(t, err, "somebody else set these fields: ")
	held, err := cluster.CoreV1().Secrets("batch").Get(ctx, secret, metav1.GetOptions{})
	require.NoError(t, err)
	assert.JSONEq(t, theirs, string(held.Data[corev1.DockerConfigJsonKey]))

	require.NoError(t, cluster.CoreV1().Secrets("batch").Delete(ctx, secret, metav1.DeleteOptions{}))
	up(t, s)
	own, err := cluster.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
	require.NoError(t, err)
	held, err = cluster.CoreV1().Secrets("batch").Get(ctx, secret, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Contains(t, string(held.Data[corev1.DockerConfigJsonKey]), "europe-west1-docker.pkg.dev")
	assert.Equal(t, own.Data, held.Data)

	p.set("environments.default.pullSecretAlsoIn", nil)
	assert.ElementsMatch(t, []string{
		"delete pull-binding-batch", "delete pull-role-batch", "delete pull-secret-batch", "replace pull-first-refresh", "update pull-refresh",
	}, changes(up(t, s)))
}
