package kubelet_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/kubelet"
	"waybill.example/waybill/sandbox/network/policy"
	"waybill.example/waybill/sandbox/world"
)

// instead runs the cluster's pods with another kubelet for the length of the test.
func instead(t *testing.T, change func(*kubelet.Config)) {
	t.Helper()
	require.NoError(t, running.Stop())
	other := config
	change(&other)
	var err error
	running, err = kubelet.Start(context.Background(), other)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, running.Stop())
		running, err = kubelet.Start(context.Background(), config)
		require.NoError(t, err)
	})
}

func TestATaintedNodeTakesThePodsThatTolerateIt(t *testing.T) {
	instead(t, func(c *kubelet.Config) {
		c.Labels = map[string]string{"pool": "images"}
		c.Taints = []corev1.Taint{
			{Key: "dedicated", Value: "images", Effect: corev1.TaintEffectNoSchedule},
			{Key: "spot", Effect: corev1.TaintEffectPreferNoSchedule},
		}
	})
	tolerant := []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "images", Effect: corev1.TaintEffectNoSchedule}}
	for name, c := range map[string]struct {
		change func(*corev1.PodSpec)
		waits  string
	}{
		"tolerates":         {func(s *corev1.PodSpec) { s.Tolerations, s.NodeSelector = tolerant, map[string]string{"pool": "images"} }, ""},
		"tolerates-nothing": {func(*corev1.PodSpec) {}, "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: images}."},
		"another-value": {func(s *corev1.PodSpec) {
			s.Tolerations = []corev1.Toleration{{Key: "dedicated", Value: "web"}}
		}, "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: images}"},
		"another-pool": {func(s *corev1.PodSpec) { s.Tolerations, s.NodeSelector = tolerant, map[string]string{"pool": "web"} },
			"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."},
	} {
		t.Run(name, func(t *testing.T) {
			pod := newPod(name, publicImage, "say:hello")
			c.change(&pod.Spec)
			create(t, pod)
			if c.waits == "" {
				ends(t, name, corev1.PodSucceeded)
				return
			}
			requireEvent(t, name, "Warning FailedScheduling: "+c.waits)
			pending := get(t, name)
			assert.Equal(t, corev1.PodPending, pending.Status.Phase)
			assert.Empty(t, pending.Spec.NodeName)
			at := slices.IndexFunc(pending.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodScheduled })
			require.GreaterOrEqual(t, at, 0)
			assert.Equal(t, corev1.PodReasonUnschedulable, pending.Status.Conditions[at].Reason)
		})
	}
}

// A pod gets out by what it brings: the proxy's URL, and what is reached without it.
func TestAPodBehindACustomersProxyBringsItsWayOut(t *testing.T) {
	const host = "https://" + registryHost + "/hello"
	behind := world.Network{Proxy: &world.Proxy{URL: "http://proxy.shop.example:3128"}}
	instead(t, func(c *kubelet.Config) {
		egress, err := outside.Egress(filepath.Join(t.TempDir(), "egress"), *behind.Proxy)
		require.NoError(t, err)
		c.Egress, c.Policies = egress, policy.ForCluster(client, behind, func(string) {})
	})
	brings := []corev1.EnvVar{{Name: "HTTPS_PROXY", Value: behind.Proxy.URL}, {Name: "NO_PROXY", Value: "$(KUBERNETES_SERVICE_HOST)"}}
	const api = "get:https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)/version"
	for name, c := range map[string]struct {
		env    []corev1.EnvVar
		get    string
		policy []string
		phase  corev1.PodPhase
		says   string
	}{
		"out":                 {brings, "get:" + host, nil, corev1.PodSucceeded, "418 I'm a teapot"},
		"out-as-allowed":      {brings, "get:" + host, []string{"UDP 53", "TCP 53", "TCP 3128"}, corev1.PodSucceeded, "418 I'm a teapot"},
		"port-forbidden":      {brings, "get:" + host, []string{"UDP 53", "TCP 53", "TCP 443"}, corev1.PodFailed, "proxyconnect tcp: dial tcp"},
		"without":             {nil, "get:" + host, nil, corev1.PodFailed, "connect: connection refused"},
		"another":             {[]corev1.EnvVar{{Name: "HTTPS_PROXY", Value: "http://other.shop.example:3128"}}, "get:" + host, nil, corev1.PodFailed, "lookup other.shop.example: no such host"},
		"nowhere":             {brings, "get:https://unknown.example/", nil, corev1.PodFailed, "the sandbox has no host unknown.example"},
		"server-direct":       {brings, api, nil, corev1.PodFailed, "certificate signed by unknown authority"},
		"server-by-the-proxy": {brings[:1], api, nil, corev1.PodFailed, "the sandbox answers on port 443 alone"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := newPod(name, publicImage, c.get)
			pod.Labels = map[string]string{"app": name}
			pod.Spec.Containers[0].Env = c.env
			if c.policy != nil {
				onlyTo(t, name, c.policy...)
			}
			create(t, pod)
			assert.Contains(t, ends(t, name, c.phase), c.says)
		})
	}
}
