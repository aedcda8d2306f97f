package kubelet_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAPrivateImageIsPulledWithThePodsPullSecret(t *testing.T) {
	pullSecret(t, "right", registryPassword)
	create(t, withPullSecret(newPod("pulls", privateImage), "right"))
	assert.Equal(t, "the image's arguments\n", ends(t, "pulls", corev1.PodSucceeded))
	status := get(t, "pulls").Status.ContainerStatuses[0]
	assert.Regexp(t, `^registry\.example/private/program@sha256:[0-9a-f]{64}$`, status.ImageID)
	requireEvent(t, "pulls", `Normal Pulled: Successfully pulled image "`+privateImage+`" in `)
}

func TestWhatOnePodMayPullAnotherMayNot(t *testing.T) {
	pullSecret(t, "mine", registryPassword)
	create(t, withPullSecret(newPod("allowed", privateImage), "mine"))
	ends(t, "allowed", corev1.PodSucceeded)

	create(t, newPod("stranger", privateImage))
	pod := eventually(t, "stranger", waits("ImagePullBackOff"))
	message := pod.Status.ContainerStatuses[0].State.Waiting.Message
	assert.Contains(t, message, `Back-off pulling image "`+privateImage+`": ErrImagePull: failed to pull and unpack image "`+privateImage+`": `)
	assert.Contains(t, message, "UNAUTHORIZED: authentication required")
	assert.Equal(t, corev1.PodPending, pod.Status.Phase)
}

func TestAWrongPullSecretShowsTheRegistrysWordsAndIsTriedAgain(t *testing.T) {
	pullSecret(t, "stale", "an old password")
	create(t, withPullSecret(newPod("stale", privateImage), "stale"))
	pod := eventually(t, "stale", waits("ErrImagePull"))
	assert.Contains(t, pod.Status.ContainerStatuses[0].State.Waiting.Message, denialWords)
	eventually(t, "stale", waits("ImagePullBackOff"))
	requireEvent(t, "stale", `Normal Pulling: Pulling image "`+privateImage+`"`)
	requireEvent(t, "stale", `Warning Failed: Failed to pull image "`+privateImage+`": `)
	requireEvent(t, "stale", denialWords)
	requireEvent(t, "stale", "Warning Failed: Error: ErrImagePull")
	requireEvent(t, "stale", `Normal BackOff: Back-off pulling image "`+privateImage+`"`)
	requireEvent(t, "stale", "Warning Failed: Error: ImagePullBackOff")

	secret, err := client.CoreV1().Secrets(namespace).Get(t.Context(), "stale", metav1.GetOptions{})
	require.NoError(t, err)
	secret.Data[corev1.DockerConfigJsonKey] = dockerConfig(t, registryPassword)
	_, err = client.CoreV1().Secrets(namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
	require.NoError(t, err)
	ends(t, "stale", corev1.PodSucceeded)
}

func TestAMissingPullSecretIsReportedAndThePullIsTried(t *testing.T) {
	create(t, withPullSecret(newPod("without", privateImage), "nobody-made-it"))
	eventually(t, "without", waits("ImagePullBackOff"))
	requireEvent(t, "without", "Warning FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (nobody-made-it); attempting to pull the image may not succeed.")

	create(t, withPullSecret(newPod("without-public", publicImage), "nobody-made-it"))
	ends(t, "without-public", corev1.PodSucceeded)
}

func TestThePullSecretsOfTheServiceAccountCount(t *testing.T) {
	pullSecret(t, "of-account", registryPassword)
	_, err := client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta:       metav1.ObjectMeta{Name: "puller"},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "of-account"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	pod := newPod("by-account", privateImage)
	pod.Spec.ServiceAccountName = "puller"
	create(t, pod)
	ends(t, "by-account", corev1.PodSucceeded)
}

func TestAnImageThatIsNotThereOrCannotBeNamed(t *testing.T) {
	create(t, newPod("absent", registryHost+"/public/absent:1"))
	pod := eventually(t, "absent", waits("ImagePullBackOff"))
	assert.Contains(t, pod.Status.ContainerStatuses[0].State.Waiting.Message, "NAME_UNKNOWN")

	create(t, newPod("unnamed", "registry.example/Upper:1"))
	eventually(t, "unnamed", waits("InvalidImageName"))

	never := newPod("never", publicImage)
	never.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
	create(t, never)
	eventually(t, "never", waits("ErrImageNeverPull"))
}
