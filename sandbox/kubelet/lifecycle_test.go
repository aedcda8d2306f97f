package kubelet_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"waybill.example/waybill/sandbox/kubelet"
)

func TestTheNodeIsReadyAndSaysWhereItIs(t *testing.T) {
	found, err := client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, node, found.Labels[corev1.LabelHostname])
	assert.Equal(t, "linux", found.Labels[corev1.LabelOSStable])
	assert.Empty(t, found.Spec.Taints)
	require.Len(t, found.Status.Conditions, 1)
	assert.Equal(t, corev1.ConditionTrue, found.Status.Conditions[0].Status)
}

func job(t *testing.T, name string, steps ...string) func() *batchv1.Job {
	t.Helper()
	pod := newPod("", publicImage, steps...)
	_, err := client.BatchV1().Jobs(namespace).Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       batchv1.JobSpec{BackoffLimit: new(int32), Template: corev1.PodTemplateSpec{Spec: pod.Spec}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.BatchV1().Jobs(namespace).Delete(context.Background(), name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
	})
	return func() *batchv1.Job {
		found, err := client.BatchV1().Jobs(namespace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		return found
	}
}

func TestAJobCompletesWhenItsProgramSucceeds(t *testing.T) {
	get := job(t, "succeeds", "say:done")
	require.Eventually(t, func() bool { return get().Status.Succeeded == 1 }, patience, interval)
}

func TestAJobFailsWithItsProgramsExitCodeAndMessage(t *testing.T) {
	get := job(t, "fails", "write:/dev/termination-log=hop sts: invalid_target", "exit:12")
	require.Eventually(t, func() bool { return get().Status.Failed == 1 }, patience, interval)
	pods, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=fails"})
	require.NoError(t, err)
	require.Len(t, pods.Items, 1)
	end := pods.Items[0].Status.ContainerStatuses[0].State.Terminated
	require.NotNil(t, end)
	assert.Equal(t, int32(12), end.ExitCode)
	assert.Equal(t, "Error", end.Reason)
	assert.Equal(t, "hop sts: invalid_target", end.Message)
	assert.Equal(t, corev1.PodFailed, pods.Items[0].Status.Phase)
}

func TestTheLogStandsInForTheTerminationMessage(t *testing.T) {
	pod := newPod("fallback", publicImage, "say:the last words", "exit:3")
	pod.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	create(t, pod)
	ends(t, "fallback", corev1.PodFailed)
	assert.Equal(t, "the last words\n", get(t, "fallback").Status.ContainerStatuses[0].State.Terminated.Message)
}

func TestAProgramThatIsNotInTheImageCannotStart(t *testing.T) {
	pod := newPod("no-program", publicImage)
	pod.Spec.Containers[0].Command = []string{"/bin/curl"}
	create(t, pod)
	eventually(t, "no-program", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed })
	end := get(t, "no-program").Status.ContainerStatuses[0].State.Terminated
	assert.Equal(t, "StartError", end.Reason)
	assert.Equal(t, int32(128), end.ExitCode)
	assert.Contains(t, end.Message, "/bin/curl: no such file or directory")
}

func deployment(t *testing.T, name, image string) func() *appsv1.Deployment {
	t.Helper()
	pod := withPullSecret(newPod("", image), name)
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
	labels := map[string]string{"app": name}
	_, err := client.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.AppsV1().Deployments(namespace).Delete(context.Background(), name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
	})
	return func() *appsv1.Deployment {
		found, err := client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		return found
	}
}

func podsOf(t *testing.T, app string) []corev1.Pod {
	t.Helper()
	pods, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	require.NoError(t, err)
	return pods.Items
}

func TestAProductIsAvailableOnlyOnceItsImageWasPulled(t *testing.T) {
	pullSecret(t, "product", "an old password")
	get := deployment(t, "product", productImage)
	require.Eventually(t, func() bool {
		pods := podsOf(t, "product")
		return len(pods) == 2 && waits("ImagePullBackOff")(&pods[0]) && waits("ImagePullBackOff")(&pods[1])
	}, patience, interval)
	assert.Zero(t, get().Status.AvailableReplicas)

	secret, err := client.CoreV1().Secrets(namespace).Get(t.Context(), "product", metav1.GetOptions{})
	require.NoError(t, err)
	secret.Data[corev1.DockerConfigJsonKey] = dockerConfig(t, registryPassword)
	_, err = client.CoreV1().Secrets(namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return get().Status.AvailableReplicas == 2 }, patience, interval)
	pods := podsOf(t, "product")
	require.Len(t, pods, 2)
	assert.NotEqual(t, pods[0].Status.PodIP, pods[1].Status.PodIP)
	requireEvent(t, pods[0].Name, `Normal Placeholder: Image "`+productImage+`" was pulled; the sandbox does not run the product`)
	assert.Contains(t, logOf(t, pods[0].Name), "does not run the product")
}

// The product is not run, and would read its configuration: a file has to be one.
func TestTheProductIsGivenNoDirectoryInAFilesPlace(t *testing.T) {
	pullSecret(t, "misnamed", registryPassword)
	pod := newPod("misnamed", productImage)
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "misnamed"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "misnamed"}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "config", MountPath: "/etc/product/config.json", SubPath: "config.json"}}
	create(t, pod)
	eventually(t, "misnamed", waits("CreateContainerError"))
	requireEvent(t, "misnamed", `volume "config" has no "config.json": an empty directory would be mounted at /etc/product/config.json`)
}

func TestDeletionEndsTheProgramAndRemovesThePod(t *testing.T) {
	pod := newPod("deleted", publicImage, "deaf", "wait")
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1)
	created := create(t, pod)
	eventually(t, "deleted", isReady)
	require.Eventually(t, func() bool { return logOf(t, "deleted") == "waiting\n" }, patience, interval)
	ids := processesIn(t, string(created.UID))
	require.Len(t, ids, 1)

	require.NoError(t, client.CoreV1().Pods(namespace).Delete(t.Context(), "deleted", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := client.CoreV1().Pods(namespace).Get(t.Context(), "deleted", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, patience, interval)
	assert.Empty(t, processesIn(t, string(created.UID)))
	require.Eventually(t, func() bool {
		_, err := os.Stat(config.Dir + "/pods/" + string(created.UID))
		return os.IsNotExist(err)
	}, patience, interval)
	requireEvent(t, "deleted", "Normal Killing: Stopping container main")
}

// processesIn are the processes whose root directory is below the pod's.
func processesIn(t *testing.T, uid string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var ids []int
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if root, err := os.Readlink(fmt.Sprintf("/proc/%d/root", id)); err == nil && strings.Contains(root, uid) {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestTheAPIServerServesLogs(t *testing.T) {
	create(t, newPod("logs", publicImage, "say:one", "say:two", "say:three"))
	ends(t, "logs", corev1.PodSucceeded)
	assert.Equal(t, "one\ntwo\nthree\n", logOf(t, "logs"))
	for option, options := range map[string]corev1.PodLogOptions{
		"tailLines": {TailLines: ptr.To[int64](2)}, "limitBytes": {LimitBytes: ptr.To[int64](5)}, "timestamps": {Timestamps: true},
		"follow": {Follow: true}, "previous": {Previous: true}, "sinceSeconds": {SinceSeconds: ptr.To[int64](5)},
	} {
		_, err := client.CoreV1().Pods(namespace).GetLogs("logs", &options).Stream(t.Context())
		require.ErrorContains(t, err, option+": want none: the sandbox serves a log as a whole")
	}

	create(t, newPod("unpulled", privateImage))
	eventually(t, "unpulled", waits("ImagePullBackOff"))
	_, err := client.CoreV1().Pods(namespace).GetLogs("unpulled", &corev1.PodLogOptions{}).Stream(t.Context())
	require.ErrorContains(t, err, `container "main" in pod "unpulled" is waiting to start: ImagePullBackOff`)
}

func TestPodsAreTakenOverAfterARestart(t *testing.T) {
	pullSecret(t, "kept", registryPassword)
	get := deployment(t, "kept", productImage)
	require.Eventually(t, func() bool { return get().Status.AvailableReplicas == 2 }, patience, interval)
	before := podsOf(t, "kept")
	fails := newPod("interrupted", publicImage, "wait")
	created := create(t, fails)
	eventually(t, "interrupted", isReady)

	require.NoError(t, running.Stop())
	assert.Empty(t, processesIn(t, string(created.UID)))
	assert.Equal(t, int32(2), get().Status.AvailableReplicas, "nobody told the API server")
	// What opened the registry is gone: the product goes on all the same.
	require.NoError(t, client.CoreV1().Secrets(namespace).Delete(t.Context(), "kept", metav1.DeleteOptions{}))

	var err error
	running, err = kubelet.Start(t.Context(), config)
	require.NoError(t, err)
	found := eventually(t, "interrupted", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed })
	assert.Equal(t, int32(137), found.Status.ContainerStatuses[0].State.Terminated.ExitCode)
	after := podsOf(t, "kept")
	require.Len(t, after, 2)
	for i := range after {
		assert.Equal(t, before[i].UID, after[i].UID)
		assert.True(t, isReady(&after[i]))
		assert.Equal(t, before[i].Status.PodIP, after[i].Status.PodIP)
		assert.Zero(t, after[i].Status.ContainerStatuses[0].RestartCount)
	}
}
