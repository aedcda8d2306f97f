package kubelet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox/kubelet"
	"waybill.example/waybill/sandbox/kubelet/internal/containertest"
	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/network/policy"
	"waybill.example/waybill/sandbox/world"
)

const (
	namespace = "shop"
	node      = "sandbox-node"
	// patience is how long a test waits for what takes a moment.
	patience = 30 * time.Second
	interval = 20 * time.Millisecond
)

// What every test of the package shares: one control plane, one registry, and
// one kubelet, as they start in seconds and each test keeps to pods of its own.
var (
	cluster *controlplane.Cluster
	client  kubernetes.Interface
	outside *registryWorld
	config  kubelet.Config
	running *kubelet.Kubelet
	denials sync.Map // what network policies denied, as reported
	// References of the images that containertest's program is in.
	publicImage, privateImage, rootImage, namedImage, productImage string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	binary := os.Getenv("WAYBILL_CONTROLPLANE")
	if binary == "" {
		if binary, err = filepath.Abs(filepath.Join("..", "..", ".build", "bin", "controlplane")); err != nil {
			return 0, err
		}
	}
	dir, err := os.MkdirTemp("", "waybill-kubelet")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if outside, err = newWorld(filepath.Join(dir, "network")); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, outside.Close()) }()
	if err := pushImages(dir); err != nil {
		return 0, err
	}
	cluster, err = controlplane.Start(context.Background(), controlplane.Config{
		Binary: binary, Dir: filepath.Join(dir, "cluster"), Context: "customer", Issuer: "https://issuer.example/",
		Namespaces: []world.Namespace{{Name: namespace}},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if client, err = kubernetes.NewForConfig(cluster.RESTConfig()); err != nil {
		return 0, err
	}
	config = kubelet.Config{
		REST: cluster.RESTConfig(), Dir: filepath.Join(dir, "kubelet"), Node: node,
		Network:  outside.Network,
		Policies: policy.ForCluster(client, world.Network{}, func(message string) { denials.Store(message, true) }),
		Progress: func(string) {},
	}
	if running, err = kubelet.Start(context.Background(), config); err != nil {
		return 0, err
	}
	// A test stops and starts it: the last one is stopped.
	defer func() { err = errors.Join(err, running.Stop()) }()
	return m.Run(), nil
}

func pushImages(dir string) error {
	path, err := containertest.BuildProgram(dir)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	files := []imageFile{
		{Name: "program", Mode: 0o755, Content: program},
		{Name: "hidden/image", Mode: 0o644, Content: []byte("of the image")},
	}
	ordinary := v1.Config{
		User: "65532:65532", Entrypoint: []string{"/program"}, Cmd: []string{"say:the image's arguments"},
		Env: []string{"OF_IMAGE=image", "OVERRIDDEN=image", "SSL_CERT_FILE=/image"}, WorkingDir: "/work",
	}
	asRoot, named, product := ordinary, ordinary, ordinary
	asRoot.User, named.User = "", "app"
	product.Labels = map[string]string{kubelet.PlaceholderLabel: kubelet.PlaceholderValue}
	product.Entrypoint = []string{"/no/such/program"}
	for _, image := range []struct {
		reference  *string
		repository string
		config     v1.Config
	}{
		{&publicImage, "public/program:1", ordinary},
		{&privateImage, "private/program:1", ordinary},
		{&rootImage, "public/root:1", asRoot},
		{&namedImage, "public/named:1", named},
		{&productImage, "private/product:1", product},
	} {
		if *image.reference, err = outside.push(image.repository, image.config, files...); err != nil {
			return err
		}
	}
	return nil
}

// newPod is a pod that runs once, with one container that does the steps.
func newPod(name, image string, steps ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "main", Image: image, Args: steps}},
		},
	}
}

// create creates the pod and removes it when the test ends.
func create(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	created, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.CoreV1().Pods(namespace).Delete(context.Background(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	})
	return created
}

func get(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	pod, err := client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return pod
}

// eventually waits until the pod is as wanted and returns it.
func eventually(t *testing.T, name string, wanted func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var pod *corev1.Pod
	if !within(patience, func() bool {
		pod = get(t, name)
		return wanted(pod)
	}) {
		status, err := json.MarshalIndent(pod.Status, "", "  ")
		require.NoError(t, err)
		log, _ := logs(t, name) // the pod may have none yet
		require.Failf(t, "the pod did not become what it should", "%s\nevents: %q\nlog: %s", status, messages(t, name), log)
	}
	return pod
}

func within(limit time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(interval) {
		if holds() {
			return true
		}
	}
	return false
}

// ends waits for the pod's end and returns its log.
func ends(t *testing.T, name string, phase corev1.PodPhase) string {
	t.Helper()
	eventually(t, name, func(pod *corev1.Pod) bool {
		if phase == corev1.PodSucceeded && pod.Status.Phase == corev1.PodFailed {
			require.Failf(t, "the pod failed", "%s", logOf(t, name))
		}
		return pod.Status.Phase == phase
	})
	return logOf(t, name)
}

func logOf(t *testing.T, name string) string {
	t.Helper()
	log, err := logs(t, name)
	require.NoError(t, err)
	return log
}

// logs is what the API server has of the pod's first container.
func logs(t *testing.T, name string) (string, error) {
	t.Helper()
	text, err := client.CoreV1().Pods(namespace).GetLogs(name, &corev1.PodLogOptions{Container: get(t, name).Spec.Containers[0].Name}).DoRaw(t.Context())
	return string(text), err
}

// waits says whether the pod's only container waits for the reason.
func waits(reason string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		statuses := pod.Status.ContainerStatuses
		return len(statuses) == 1 && statuses[0].State.Waiting != nil && statuses[0].State.Waiting.Reason == reason
	}
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// messages are those of the pod's events, each after its type and reason.
func messages(t *testing.T, name string) []string {
	t.Helper()
	events, err := client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=" + name})
	require.NoError(t, err)
	var texts []string
	for _, event := range events.Items {
		texts = append(texts, event.Type+" "+event.Reason+": "+event.Message)
	}
	return texts
}

// requireEvent waits for an event with the text in it.
func requireEvent(t *testing.T, pod, text string) {
	t.Helper()
	if !within(patience, func() bool { return strings.Contains(strings.Join(messages(t, pod), "\n"), text) }) {
		require.Contains(t, strings.Join(messages(t, pod), "\n"), text)
	}
}

// pullSecret creates a pull secret that the registry accepts, or one that it
// refuses.
func pullSecret(t *testing.T, name, password string) {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: dockerConfig(t, password)},
	}
	_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.CoreV1().Secrets(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	})
}

func dockerConfig(t *testing.T, password string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{"auths": map[string]any{
		registryHost: map[string]string{"username": registryUser, "password": password},
	}})
	require.NoError(t, err)
	return data
}

func withPullSecret(pod *corev1.Pod, name string) *corev1.Pod {
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: name}}
	return pod
}
