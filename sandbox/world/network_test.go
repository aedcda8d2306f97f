package world_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func TestAClustersNetworkIsRead(t *testing.T) {
	read, err := load(t, `
kubernetes:
  clusters:
    - {context: managed, issuer: "https://one.example"}
    - {context: rack, issuer: "https://two.example", network: {apiServer: "10.20.0.11:6443"}}
    - {context: shift, issuer: "https://three.example", network: {kind: openshift, dns: "[2001:db8::1]:5353"}}
    - {context: bees, issuer: "https://four.example", network: {kind: cilium}}
`)
	require.NoError(t, err)
	for i, want := range []world.Network{
		{Kind: world.Standard, APIServer: "10.0.0.4:443", DNS: "10.244.0.53:53"},
		{Kind: world.Standard, APIServer: "10.20.0.11:6443", DNS: "10.244.0.53:53"},
		{Kind: world.OpenShift, APIServer: "10.0.0.4:6443", DNS: "[2001:db8::1]:5353"},
		{Kind: world.Cilium, APIServer: "10.0.0.4:6443", DNS: "10.244.0.53:53"},
	} {
		assert.Equal(t, want, read.Kubernetes.Clusters[i].Network.WithDefaults())
	}
}

func TestAWrongNetworkIsRefused(t *testing.T) {
	for network, want := range map[string]string{
		`{kind: calico}`:           `kubernetes.clusters[0].network.kind "calico": want one of ["standard" "cilium" "openshift"]`,
		`{apiServer: "10.20.0.1"}`: `kubernetes.clusters[0].network.apiServer "10.20.0.1": want an IP address and a port`,
		`{ports: [443]}`:           `network.ports: want one of apiServer, dns, kind, plainHttp, proxy`,
	} {
		_, err := load(t, `{kubernetes: {clusters: [{context: one, issuer: "https://one.example", network: `+network+`}]}}`)
		require.ErrorContains(t, err, want)
	}
}
