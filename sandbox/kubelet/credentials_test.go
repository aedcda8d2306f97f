package kubelet_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/kubelet"
)

// startNode starts a second node, with credentials of its own, and returns what
// puts a pod on it.
func startNode(t *testing.T, name string, credentials func(ctx context.Context, image string) (string, string, bool, error)) func(*corev1.Pod) *corev1.Pod {
	t.Helper()
	own := config
	own.Dir, own.Node, own.Credentials = filepath.Join(t.TempDir(), "kubelet"), name, credentials
	started, err := kubelet.Start(t.Context(), own)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, started.Stop()) })
	return func(pod *corev1.Pod) *corev1.Pod {
		pod.Spec.NodeName = name
		return pod
	}
}

func succeeded(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodSucceeded }

func TestTheNodesOwnCredentialsPullWhereNoPullSecretMatches(t *testing.T) {
	asked := make(chan string, 1)
	on := startNode(t, "node-with-role", func(_ context.Context, image string) (string, string, bool, error) {
		asked <- image
		return registryUser, registryPassword, true, nil
	})
	create(t, on(newPod("by-node", privateImage)))
	eventually(t, "by-node", succeeded)
	assert.Equal(t, privateImage, <-asked)
}

func TestTheNodesOwnCredentialsComeAfterThePullSecret(t *testing.T) {
	right := startNode(t, "node-with-right-role", func(context.Context, string) (string, string, bool, error) {
		return registryUser, registryPassword, true, nil
	})
	pullSecret(t, "stale-secret", "an old password")
	create(t, right(withPullSecret(newPod("node-second", privateImage), "stale-secret")))
	eventually(t, "node-second", succeeded)

	wrong := startNode(t, "node-with-wrong-role", func(context.Context, string) (string, string, bool, error) {
		return registryUser, "not the password", true, nil
	})
	pullSecret(t, "good-secret", registryPassword)
	create(t, wrong(withPullSecret(newPod("secret-first", privateImage), "good-secret")))
	eventually(t, "secret-first", succeeded)

	create(t, wrong(newPod("neither", privateImage)))
	pod := eventually(t, "neither", waits("ImagePullBackOff"))
	assert.Contains(t, pod.Status.ContainerStatuses[0].State.Waiting.Message, denialWords)
}

func TestANodeWithoutCredentialsAsksAnonymously(t *testing.T) {
	on := startNode(t, "node-without-role", func(context.Context, string) (string, string, bool, error) { return "", "", false, nil })
	create(t, on(newPod("anonymous-private", privateImage)))
	pod := eventually(t, "anonymous-private", waits("ImagePullBackOff"))
	assert.Contains(t, pod.Status.ContainerStatuses[0].State.Waiting.Message, "UNAUTHORIZED: authentication required")
	create(t, on(newPod("anonymous-public", publicImage)))
	eventually(t, "anonymous-public", succeeded)
}
