package sandbox_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What somebody else has in a namespace under the name of one of the stack's objects is
// refused and left as it is.
func TestWhatIsInANamespaceAlreadyIsNotTakenOver(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	p.set("environments.default.pullSecretAlsoIn", []any{"batch"})
	p.cluster(func(cluster map[string]any) {
		cluster["namespaces"] = []any{map[string]any{"name": "batch"}}
		cluster["objects"] = []any{map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "ar-pull-secret", "namespace": "batch"},
			"type":       "kubernetes.io/dockerconfigjson",
			"stringData": map[string]any{".dockerconfigjson": `{"auths":{"registry.example":{"username":"u","password":"p"}}}`},
		}, map[string]any{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "hello-refresher", "namespace": "batch"},
		}}
	})
	s := p.start(nil)
	_, err := open(t, s).Up(context.Background())
	t.Log(err)
	held, err := client(t, s).CoreV1().Secrets("batch").Get(context.Background(), "ar-pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	t.Log(held.ManagedFields)
	assert.Contains(t, string(held.Data[".dockerconfigjson"]), "registry.example")
}
