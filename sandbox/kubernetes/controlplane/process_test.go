package controlplane_test

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
)

// kill ends the cluster's API server the hard way.
func kill(t *testing.T, cluster *controlplane.Cluster) {
	t.Helper()
	ids := cluster.ProcessIDs()
	require.Len(t, ids, 3, "etcd, kube-apiserver and kube-controller-manager")
	process, err := os.FindProcess(ids[1])
	require.NoError(t, err)
	require.NoError(t, process.Kill())
}

// free returns an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestAPortThatWasLostIsReplacedByAnother(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	go func() {
		for {
			connection, err := taken.Accept()
			if err != nil {
				return
			}
			_ = connection.Close()
		}
	}()
	tries := 0
	cluster, err := controlplane.LaunchEtcd(t.Context(), binary(t), t.TempDir(), func() []string {
		tries++
		if tries == 1 {
			return []string{taken.Addr().String(), free(t)}
		}
		return []string{free(t), free(t)}
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, tries, 2)
	require.NoError(t, cluster.Stop())
}
