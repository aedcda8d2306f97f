package engine

import (
	"context"
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
)

// attach serves a shell script as the program and attaches to its host as an
// engine at the address "engine:1" does.
func attach(t *testing.T, script string) pulumirpc.LanguageRuntimeClient {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	attachment, err := serveHost(t.Context(), program, t.TempDir())
	require.NoError(t, err)
	port, found := strings.CutPrefix(attachment, "go:")
	require.True(t, found)
	connection, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, connection.Close()) })
	host := pulumirpc.NewLanguageRuntimeClient(connection)
	_, err = host.Handshake(t.Context(), &pulumirpc.LanguageHandshakeRequest{EngineAddress: "engine:1"})
	require.NoError(t, err)
	return host
}

func TestTheProgramIsToldWhatItRunsFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "environment")
	host := attach(t, "env | grep ^PULUMI_ > "+file)
	answer, err := host.Run(t.Context(), &pulumirpc.RunRequest{
		Project: "waybill", Stack: "dev", Organization: "organization", MonitorAddress: "monitor:2", DryRun: true, Parallel: 3,
		Config: map[string]string{"waybill:customer": "{}"}, ConfigSecretKeys: []string{"waybill:productConfig"},
	})
	require.NoError(t, err)
	assert.Equal(t, "", answer.GetError())
	assert.False(t, answer.GetBail())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, want := range []string{
		"PULUMI_PROJECT=waybill", "PULUMI_STACK=dev", "PULUMI_ORGANIZATION=organization", "PULUMI_MONITOR=monitor:2", "PULUMI_ENGINE=engine:1",
		"PULUMI_DRY_RUN=true", "PULUMI_PARALLEL=3", `PULUMI_CONFIG={"waybill:customer":"{}"}`, `PULUMI_CONFIG_SECRET_KEYS=["waybill:productConfig"]`,
	} {
		assert.Contains(t, string(text), want+"\n")
	}
}

func TestAProgramThatFailsSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		script, err string
		bail        bool
	}{
		"it told the engine itself": {"echo loud; exit 32", "", true},
		"it broke":                  {"echo 'panic: no luck' >&2; exit 2", "exit status 2\npanic: no luck", false},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := attach(t, c.script).Run(t.Context(), &pulumirpc.RunRequest{})
			require.NoError(t, err)
			assert.Equal(t, c.err, answer.GetError())
			assert.Equal(t, c.bail, answer.GetBail())
		})
	}
}

func TestAnInterruptEndsTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	host := attach(t, "trap 'touch "+file+"; exit' TERM; sleep 60 & wait")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := host.Run(ctx, &pulumirpc.RunRequest{})
	require.Error(t, err)
	require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, 10*time.Second, 50*time.Millisecond)
}

func TestAProgramThatIsNotBuiltIsNamed(t *testing.T) {
	_, err := serveHost(t.Context(), filepath.Join(t.TempDir(), "waybill"), "")
	require.ErrorContains(t, err, "make build")
}
