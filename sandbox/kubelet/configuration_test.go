package kubelet_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func configMap(t *testing.T, name string, data map[string]string) {
	t.Helper()
	_, err := client.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func secret(t *testing.T, name string, data map[string]string) {
	t.Helper()
	_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func reference(name string) corev1.LocalObjectReference {
	return corev1.LocalObjectReference{Name: name}
}

func TestVolumesAreAtTheirPaths(t *testing.T) {
	configMap(t, "volumes", map[string]string{"one": "first", "two": "second"})
	secret(t, "volumes", map[string]string{"password": "open sesame", "other": "x"})
	pod := newPod("volumes", publicImage,
		"cat:/etc/config/one", "cat:/etc/config/two",
		"list:/etc/items", "cat:/etc/items/deep/renamed", "mode:/etc/items/deep/renamed",
		"cat:/etc/app/password", "list:/etc/app",
		"list:/etc/optional", "list:/hidden",
		"cat:/var/run/secrets/fields/name", "cat:/var/run/secrets/fields/namespace",
		"write:/scratch/file=kept", "cat:/scratch/file",
	)
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: reference("volumes")}}},
		{Name: "items", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: reference("volumes"), Items: []corev1.KeyToPath{{Key: "two", Path: "deep/renamed", Mode: ptr.To[int32](0o444)}},
		}}},
		{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "volumes"}}},
		{Name: "optional", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "nobody-made-it", Optional: ptr.To(true)}}},
		{Name: "fields", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}},
			{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
		}}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{
		{Name: "config", MountPath: "/etc/config"},
		{Name: "items", MountPath: "/etc/items"},
		{Name: "secret", MountPath: "/etc/app/password", SubPath: "password"},
		{Name: "optional", MountPath: "/etc/optional"},
		{Name: "optional", MountPath: "/hidden"},
		{Name: "fields", MountPath: "/var/run/secrets/fields"},
		{Name: "scratch", MountPath: "/scratch"},
	}
	create(t, pod)
	assert.Equal(t, strings.Join([]string{
		"/etc/config/one=first", "/etc/config/two=second",
		"deep", "/etc/items/deep/renamed=second", "/etc/items/deep/renamed -r--r--r--",
		"/etc/app/password=open sesame", "password",
		"/var/run/secrets/fields/name=volumes", "/var/run/secrets/fields/namespace=shop",
		"/scratch/file=kept", "",
	}, "\n"), ends(t, "volumes", corev1.PodSucceeded))
}

func TestAProjectedTokenIsBoundToItsPodAndAudience(t *testing.T) {
	const audience = "api://AzureADTokenExchange"
	pod := newPod("token", publicImage, "cat:/tokens/token", "mode:/tokens/token", "user")
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](65532)}
	pod.Spec.Volumes = []corev1.Volume{{Name: "tokens", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Path: "token", Audience: audience, ExpirationSeconds: ptr.To[int64](3600),
		}}},
	}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tokens", MountPath: "/tokens", ReadOnly: true}}
	created := create(t, pod)
	lines := strings.Split(ends(t, "token", corev1.PodSucceeded), "\n")
	assert.Equal(t, "/tokens/token -rw-------", lines[1])
	assert.Equal(t, "uid=65532 gid=0 groups=[]", lines[2])

	parts := strings.Split(strings.TrimPrefix(lines[0], "/tokens/token="), ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		Issuer     string   `json:"iss"`
		Subject    string   `json:"sub"`
		Audience   []string `json:"aud"`
		Expiry     int64    `json:"exp"`
		IssuedAt   int64    `json:"iat"`
		Kubernetes struct {
			Pod struct {
				Name, UID string
			}
		} `json:"kubernetes.io"`
	}
	require.NoError(t, json.Unmarshal(payload, &claims))
	assert.Equal(t, cluster.Issuer(), claims.Issuer)
	assert.Equal(t, "system:serviceaccount:shop:default", claims.Subject)
	assert.Equal(t, []string{audience}, claims.Audience)
	assert.Equal(t, time.Hour, time.Duration(claims.Expiry-claims.IssuedAt)*time.Second)
	assert.Equal(t, "token", claims.Kubernetes.Pod.Name)
	assert.Equal(t, string(created.UID), claims.Kubernetes.Pod.UID)
}

func TestTheTokenThatAdmissionAddsReachesTheAPIServer(t *testing.T) {
	const dir = "/var/run/secrets/kubernetes.io/serviceaccount/"
	create(t, newPod("in-cluster", publicImage, "list:"+dir, "cat:"+dir+"namespace", "env:KUBERNETES_SERVICE_HOST", "env:KUBERNETES_SERVICE_PORT"))
	host, port, found := strings.Cut(strings.TrimPrefix(cluster.RESTConfig().Host, "https://"), ":")
	require.True(t, found)
	assert.Equal(t, "ca.crt\nnamespace\ntoken\n"+dir+"namespace=shop\nKUBERNETES_SERVICE_HOST="+host+"\nKUBERNETES_SERVICE_PORT="+port+"\n",
		ends(t, "in-cluster", corev1.PodSucceeded))
}

func TestTheEnvironmentIsResolvedAndExpanded(t *testing.T) {
	configMap(t, "environment", map[string]string{"image": "registry.example/a:1"})
	pod := newPod("environment", publicImage,
		"env:OF_IMAGE", "env:OVERRIDDEN", "env:FROM_MAP", "env:NAME", "env:NODE", "env:IP",
		"env:EXPANDED", "env:MISSING", "env:HOME", "env:HOSTNAME", "say:$(FROM_MAP) $$(FROM_MAP) $(NOBODY)", "dir")
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "OVERRIDDEN", Value: "pod"},
		{Name: "FROM_MAP", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: reference("environment"), Key: "image"}}},
		{Name: "MISSING", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: reference("environment"), Key: "no", Optional: ptr.To(true)}}},
		field("NAME", "metadata.name"), field("NODE", "spec.nodeName"), field("IP", "status.podIP"),
		{Name: "EXPANDED", Value: "$(FROM_MAP)@$(KUBERNETES_SERVICE_HOST)"},
	}
	create(t, pod)
	log := ends(t, "environment", corev1.PodSucceeded)
	assert.Equal(t, strings.Join([]string{
		"OF_IMAGE=image", "OVERRIDDEN=pod", "FROM_MAP=registry.example/a:1",
		"NAME=environment", "NODE=" + node, "IP=" + get(t, "environment").Status.PodIP,
		"EXPANDED=registry.example/a:1@127.0.0.1", "MISSING=", "HOME=/", "HOSTNAME=environment",
		"registry.example/a:1 $(FROM_MAP) $(NOBODY)", "dir=/work", "",
	}, "\n"), log)
}

func TestContainersReachTheWorldThroughTheProxy(t *testing.T) {
	create(t, newPod("egress", publicImage, "get:https://"+registryHost+"/hello", "env:NO_PROXY"))
	log := ends(t, "egress", corev1.PodSucceeded)
	assert.Contains(t, log, "418 I'm a teapot\n")
	assert.Contains(t, log, "NO_PROXY=127.0.0.1,localhost,")
}

func TestMissingConfigurationIsWaitedFor(t *testing.T) {
	pod := newPod("unconfigured", publicImage, "env:VALUE")
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "VALUE", ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: reference("later"), Key: "value"},
	}}}
	create(t, pod)
	found := eventually(t, "unconfigured", waits("CreateContainerConfigError"))
	assert.Equal(t, `configmap "later" not found`, found.Status.ContainerStatuses[0].State.Waiting.Message)
	requireEvent(t, "unconfigured", `Warning Failed: Error: configmap "later" not found`)
	configMap(t, "later", map[string]string{"value": "at last"})
	assert.Equal(t, "VALUE=at last\n", ends(t, "unconfigured", corev1.PodSucceeded))
}

func TestAMissingVolumeIsWaitedFor(t *testing.T) {
	pod := newPod("unmounted", publicImage, "cat:/etc/late/value")
	pod.Spec.Volumes = []corev1.Volume{{Name: "late", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "late"}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "late", MountPath: "/etc/late"}}
	create(t, pod)
	requireEvent(t, "unmounted", `Warning FailedMount: MountVolume.SetUp failed for volume "late" : secret "late" not found`)
	eventually(t, "unmounted", waits("ContainerCreating"))
	secret(t, "late", map[string]string{"value": "at last"})
	assert.Equal(t, "/etc/late/value=at last\n", ends(t, "unmounted", corev1.PodSucceeded))
}

func TestRunAsNonRootIsCheckedInTheKubeletsWords(t *testing.T) {
	for name, c := range map[string]struct {
		image string
		user  *int64
		words string
	}{
		"as-root":     {rootImage, nil, "container has runAsNonRoot and image will run as root (pod: "},
		"as-somebody": {namedImage, nil, "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root (pod: "},
		"as-zero":     {publicImage, ptr.To[int64](0), "container's runAsUser breaks non-root policy (pod: "},
	} {
		pod := newPod(name, c.image)
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true)}
		pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: c.user}
		created := create(t, pod)
		found := eventually(t, name, waits("CreateContainerConfigError"))
		assert.Equal(t, c.words+`"`+name+"_shop("+string(created.UID)+`)", container: main)`, found.Status.ContainerStatuses[0].State.Waiting.Message)
	}
	pod := newPod("as-other", rootImage, "user")
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](1234), RunAsGroup: ptr.To[int64](5678)}
	create(t, pod)
	assert.Equal(t, "uid=1234 gid=5678 groups=[]\n", ends(t, "as-other", corev1.PodSucceeded))
}

func TestAReadOnlyRootIsNotWritten(t *testing.T) {
	pod := newPod("read-only", publicImage, "refused:/work/file", "refused:/etc/config/file", "write:/scratch/file=x", "write:/dev/null=x", "write:/dev/termination-log=ok")
	configMap(t, "read-only", map[string]string{"key": "value"})
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: ptr.To(true)}
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: reference("read-only")}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "config", MountPath: "/etc/config"}, {Name: "scratch", MountPath: "/scratch"}}
	create(t, pod)
	ends(t, "read-only", corev1.PodSucceeded)
	assert.Equal(t, "ok", get(t, "read-only").Status.ContainerStatuses[0].State.Terminated.Message)
}

func TestWhatTheSandboxCannotDoIsRefusedAllAtOnce(t *testing.T) {
	pod := newPod("unsupported", publicImage)
	pod.Spec.HostPID = true
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}}},
		{Name: "claim", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}},
	}
	second := *pod.Spec.Containers[0].DeepCopy()
	second.Name = "second"
	second.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/program"}}}}
	pod.Spec.Containers = append(pod.Spec.Containers, second)
	pod.Spec.InitContainers = []corev1.Container{{Name: "first", Image: publicImage}}
	create(t, pod)
	found := eventually(t, "unsupported", func(pod *corev1.Pod) bool {
		statuses := pod.Status.ContainerStatuses
		return len(statuses) == 2 && statuses[0].State.Waiting != nil && statuses[0].State.Waiting.Reason == "UnsupportedBySandbox"
	})
	for _, words := range []string{
		"hostPID", `volume "host": hostPath "/etc"`, `volume "claim": want a configMap`,
		`container "second": lifecycle`, `init container "first": want none`,
	} {
		assert.Contains(t, found.Status.ContainerStatuses[1].State.Waiting.Message, words)
		requireEvent(t, "unsupported", words)
	}
	assert.Equal(t, corev1.PodPending, found.Status.Phase)
}

func TestWhatTheSandboxExecutesIsPlain(t *testing.T) {
	for name, c := range map[string]struct {
		image  string
		change func(*corev1.PodSpec)
		reason string
		words  string
	}{
		"asks-for-more": {publicImage, func(s *corev1.PodSpec) {
			s.RestartPolicy = corev1.RestartPolicyOnFailure
			s.SecurityContext = &corev1.PodSecurityContext{SupplementalGroups: []int64{1}}
			s.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch", SubPathExpr: "$(NAME)"}}
			s.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: reference("any")}}}
			s.Containers[0].Env = []corev1.EnvVar{{Name: "NAME", ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: reference("any"), Key: "key"},
			}}}
		}, "UnsupportedBySandbox", "the sandbox executes no container with restartPolicy OnFailure, supplementalGroups, envFrom, " +
			"env NAME from neither fieldRef nor configMapKeyRef, subPathExpr $(NAME)"},
		"by-name": {publicImage, func(s *corev1.PodSpec) { s.Containers[0].Command = []string{"program"} },
			"CreateContainerError", `command ["program"]: want an absolute path: the sandbox looks for a program in no PATH`},
		"named-user": {namedImage, func(*corev1.PodSpec) {},
			"CreateContainerError", `user "app" of the image: want a number: the sandbox reads no /etc/passwd`},
		"another-field": {publicImage, func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "LABELS", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['app']"}}}}
		}, "CreateContainerConfigError", `field "metadata.labels['app']": want one of ["metadata.name" `},
	} {
		t.Run(name, func(t *testing.T) {
			pullSecret(t, name, registryPassword)
			pod := newPod(name, c.image)
			c.change(&pod.Spec)
			create(t, pod)
			found := eventually(t, name, waits(c.reason))
			assert.Contains(t, found.Status.ContainerStatuses[0].State.Waiting.Message, c.words)
			requireEvent(t, name, c.words)
			assert.Equal(t, corev1.PodPending, found.Status.Phase)
		})
	}
}

func TestWhatTheSandboxExecutesIsAloneInItsPod(t *testing.T) {
	pullSecret(t, "accompanied", registryPassword)
	pod := withPullSecret(newPod("accompanied", publicImage), "accompanied")
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "second", Image: productImage})
	create(t, pod)
	eventually(t, "accompanied", func(pod *corev1.Pod) bool {
		statuses := pod.Status.ContainerStatuses
		return len(statuses) == 2 && statuses[0].State.Waiting != nil && statuses[0].State.Waiting.Reason == "UnsupportedBySandbox" &&
			statuses[1].State.Running != nil
	})
	requireEvent(t, "accompanied", "the sandbox executes no container with another container in the pod")
}
