package controlplane_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
)

// kill ends the cluster's API server the hard way.
func kill(t *testing.T, cluster *controlplane.Cluster) {
	t.Helper()
	ids := cluster.ProcessIDs()
	require.Len(t, ids, 2, "etcd and kube-apiserver")
	process, err := os.FindProcess(ids[1])
	require.NoError(t, err)
	require.NoError(t, process.Kill())
}
