package kubelet_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// onlyTo lets the pod of the same name reach these ports of everybody.
func onlyTo(t *testing.T, name string, ports ...string) {
	t.Helper()
	var rule networkingv1.NetworkPolicyEgressRule
	for _, text := range ports {
		protocol, port := corev1.ProtocolTCP, intstr.Parse(text[4:])
		if text[:3] == "UDP" {
			protocol = corev1.ProtocolUDP
		}
		rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port})
	}
	policies := client.NetworkingV1().NetworkPolicies(namespace)
	_, err := policies.Create(t.Context(), &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress:      []networkingv1.NetworkPolicyEgressRule{rule},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = policies.Delete(context.Background(), name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	})
}

func TestAPodReachesWhatItsNetworkPoliciesAllow(t *testing.T) {
	const host = registryHost
	for name, c := range map[string]struct {
		ports       []string
		phase       corev1.PodPhase
		says, tells string
	}{
		"all-it-needs": {[]string{"UDP 53", "TCP 53", "TCP 443"}, corev1.PodSucceeded, "418 I'm a teapot", ""},
		"another-port": {[]string{"UDP 53", "TCP 53", "TCP 8443"}, corev1.PodFailed, "network policy shop/another-port of pod shop/another-port allows nothing to registry.example at 203.0.113.80:443 (TCP)",
			"network policy shop/another-port of pod shop/another-port allows nothing to the API server at 10.0.0.4:443 (TCP)"},
		"no-dns": {[]string{"UDP 5353", "TCP 443"}, corev1.PodFailed, "registry.example cannot be resolved: network policy shop/no-dns of pod shop/no-dns allows nothing to DNS at 10.244.0.53:53 (UDP)",
			"network policy shop/no-dns of pod shop/no-dns allows nothing to DNS at 10.244.0.53:53 (UDP)"},
		"no-dns-over-tcp": {[]string{"UDP 53", "TCP 443"}, corev1.PodFailed, "allows nothing to DNS at 10.244.0.53:53 (TCP)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			onlyTo(t, name, c.ports...)
			pod := newPod(name, publicImage, "get:https://"+host+"/hello")
			pod.Labels = map[string]string{"app": name}
			create(t, pod)
			assert.Contains(t, ends(t, name, c.phase), c.says)
			if c.tells != "" {
				_, told := denials.Load(c.tells)
				assert.True(t, told, c.tells)
			}
		})
	}
}

func TestAPodThatMayNotReachTheAPIServerFindsNobodyThere(t *testing.T) {
	reach := func(name string) *corev1.Pod {
		pod := newPod(name, publicImage, "connect:$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)")
		pod.Labels = map[string]string{"app": name}
		return pod
	}
	onlyTo(t, "cut-off", "UDP 53")
	create(t, reach("cut-off"))
	assert.Contains(t, ends(t, "cut-off", corev1.PodFailed), "connection refused")
	onlyTo(t, "connected", "TCP 443")
	create(t, reach("connected"))
	ends(t, "connected", corev1.PodSucceeded)
}
