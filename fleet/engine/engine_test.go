package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opened is a stack of an empty project; a script stands for its CLI.
func opened(t *testing.T, text string, environment map[string]string) (s *Stack, notes string) {
	t.Helper()
	c, notes := script(t, text)
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.yaml"), []byte("name: waybill\nruntime: go\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.acme.yaml"), []byte("config: {}\n"), 0o600))
	variables := map[string]string{"NOTES": notes}
	for key, value := range environment {
		variables[key] = value
	}
	e := &Engine{options: Options{Root: root, Environment: variables}, command: c}
	s, err := e.Stack(t.Context(), "acme")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s, notes
}

// The record of a new stack is made from another folder than the rest, because
// the CLI writes into the stack's file then.
func TestARelativeBackendIsTheSameForEveryCommand(t *testing.T) {
	const note = `echo "$PULUMI_BACKEND_URL" >> $NOTES`
	check := func(s *Stack, notes string) {
		require.NoError(t, s.Init(t.Context()))
		require.NoError(t, s.Cancel(t.Context()))
		text, err := os.ReadFile(notes)
		require.NoError(t, err)
		want := "file://" + filepath.Join(s.engine.options.Root, "state") + "\n"
		assert.Equal(t, want+want, string(text))
	}
	check(opened(t, note, map[string]string{backendKey: "file://./state"}))
	t.Setenv(backendKey, "file://state")
	check(opened(t, note, nil))
}

func TestOnlyARelativeFolderIsMadeAbsolute(t *testing.T) {
	for url, want := range map[string]string{
		"file://.":                  "file:///project",
		"file://./state?no_tmp=1":   "file:///project/state?no_tmp=1",
		"file://../state":           "file:///state",
		"file:///state":             "file:///state",
		"file://~":                  "file://~",
		"file://~/state":            "file://~/state",
		"s3://bucket/state":         "s3://bucket/state",
		"https://api.pulumi.com":    "https://api.pulumi.com",
		"azblob://state?account=me": "azblob://state?account=me",
	} {
		assert.Equal(t, want, absolute(url, "/project"), url)
	}
	assert.Equal(t, "file:///my%20project/100%25/a%23b/state", absolute("file://state", "/my project/100%/a#b"), "a folder may have any name")
}

// After an update the Automation API calls the CLI for outputs and history.
func TestAnUpdateThatEndedBeforeTheInterruptIsDone(t *testing.T) {
	s, _ := opened(t, `exit "$CODE"`, nil)
	// update is interrupted before one of its calls.
	update := func(code, interrupted string) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := s.operate(nil, s.unlessDone("up", func(chan events.EngineEvent) error {
			for _, call := range []string{"up", "stack"} {
				if call == interrupted {
					cancel()
				}
				if _, _, _, err := s.command.Run(ctx, s.folder, nil, nil, nil, []string{"CODE=" + code}, call); err != nil {
					return err
				}
			}
			return nil
		}))
		return err
	}
	require.NoError(t, update("0", "stack"))
	require.ErrorIs(t, update("0", "up"), context.Canceled, "how an earlier update ended is no matter")
	require.ErrorContains(t, update("3", "stack"), "exit status 3")
}
