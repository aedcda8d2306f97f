package controlplane_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
)

// parentEnv makes this test binary a program that runs the cluster described in
// it, prints the processes' IDs and waits to be killed.
const parentEnv = "WAYBILL_TEST_PARENT"

func TestMain(m *testing.M) {
	description := os.Getenv(parentEnv)
	if description == "" {
		os.Exit(m.Run())
	}
	var config controlplane.Config
	err := json.Unmarshal([]byte(description), &config)
	if err == nil {
		var cluster *controlplane.Cluster
		if cluster, err = controlplane.Start(context.Background(), config); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(cluster.ProcessIDs())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestTheProcessesDieWithTheirParent(t *testing.T) {
	description, err := json.Marshal(controlplane.Config{
		Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer,
	})
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), parentEnv+"="+string(description))
	parent.Stderr = os.Stderr
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	t.Cleanup(func() { _ = parent.Process.Kill() })
	line, err := bufio.NewReader(output).ReadBytes('\n')
	require.NoError(t, err)
	var ids []int
	require.NoError(t, json.Unmarshal(line, &ids))
	require.Len(t, ids, 3)

	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // It was killed.
	for _, id := range ids {
		require.Eventually(t, func() bool {
			// A process that nobody has waited for yet has an empty command line.
			command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id))
			return err != nil || len(command) == 0
		}, 20*time.Second, 20*time.Millisecond, "process %d lives on", id)
	}
}
