package provider_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

// serve serves a plugin for the length of the test.
func serve(t *testing.T, path string) *provider.Server {
	t.Helper()
	server, err := provider.Serve(provider.Config{
		Plugin: provider.Plugin{Path: path}, Kubeconfig: "/sandbox/kubeconfig", Proxy: "http://127.0.0.1:1", Dir: filepath.Join(t.TempDir(), "provider"),
	})
	require.NoError(t, err)
	return server
}

func address(server *provider.Server) string {
	return strings.Replace(server.Attachment(), "kubernetes:", "127.0.0.1:", 1)
}

func attach(t *testing.T, server *provider.Server) (pulumirpc.ResourceProviderClient, *grpc.ClientConn) {
	t.Helper()
	connection, err := grpc.NewClient(address(server), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return pulumirpc.NewResourceProviderClient(connection), connection
}

// configure returns a function that gives what the process tells of itself.
func configure(t *testing.T, client pulumirpc.ResourceProviderClient, kube string) func() (context, process string, environment []string) {
	t.Helper()
	//nolint:staticcheck // what engines send to this day
	_, err := client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Variables: map[string]string{"kubernetes:config:context": kube}})
	require.NoError(t, err)
	return func() (string, string, []string) {
		t.Helper()
		answer, err := client.GetSchema(t.Context(), &pulumirpc.GetSchemaRequest{})
		require.NoError(t, err)
		told := strings.Split(answer.GetSchema(), "\n")
		return told[0], told[1], told[2:]
	}
}

func ends(t *testing.T, process string) {
	t.Helper()
	assert.Eventually(t, func() bool {
		_, err := os.Stat("/proc/" + process)
		return os.IsNotExist(err)
	}, 10*time.Second, 10*time.Millisecond, "process %s lives on", process)
}

func TestEachConnectionHasAProcessOfItsOwn(t *testing.T) {
	t.Setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
	path := filepath.Join(t.TempDir(), provider.Executable)
	plugin(t, path, "4.30.0")
	server := serve(t, path)
	one, first := attach(t, server)
	two, _ := attach(t, server)
	ofOne, ofTwo := configure(t, one, "east"), configure(t, two, "west")

	east, processOfOne, environment := ofOne()
	west, processOfTwo, _ := ofTwo()
	assert.Equal(t, []string{"east", "west"}, []string{east, west})
	assert.NotEqual(t, processOfOne, processOfTwo)

	variables := map[string]string{}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	files, err := os.ReadDir(variables["HOME"])
	require.NoError(t, err)
	assert.Empty(t, files)
	for _, shells := range []string{"HOME", "PWD", "SHLVL", "_", "OLDPWD", fakeVersion} {
		delete(variables, shells)
	}
	assert.Equal(t, map[string]string{"KUBECONFIG": "/sandbox/kubeconfig", "HTTPS_PROXY": "http://127.0.0.1:1"}, variables, "and nothing of the operator's")

	require.NoError(t, first.Close())
	ends(t, processOfOne)
	west, still, _ := ofTwo()
	assert.Equal(t, []string{"west", processOfTwo}, []string{west, still})
	require.NoError(t, server.Close())
	ends(t, processOfTwo)
	_, err = net.Dial("tcp", address(server))
	assert.Error(t, err)
}

func TestWhatGoesWrongWithAProcessIsTold(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"it does not start": {"echo no such file >&2; exit 3", "ended early: exit status 3"},
		"it prints no port": {"echo listening; exit 0", "ended early: exit status 0"},
		"it serves nothing": {"echo 1; exec sleep 60", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), provider.Executable)
			script(t, path, c.script)
			server := serve(t, path)
			client, _ := attach(t, server)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := client.Configure(ctx, &pulumirpc.ConfigureRequest{})
			require.Error(t, err)
			assert.ErrorContains(t, server.Close(), c.want)
		})
	}
}
