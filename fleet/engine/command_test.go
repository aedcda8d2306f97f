package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// script stands for the CLI: it notes each interrupt, and ends as told.
func script(t *testing.T, text string) (*command, string) {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "pulumi")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
	return &command{path: path}, filepath.Join(folder, "notes")
}

// exists waits for a file.
func exists(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, 10*time.Second, 5*time.Millisecond)
}

func TestWhatTheCLISaysIsRead(t *testing.T) {
	c, _ := script(t, `echo "$@"; echo "$GREETING" >&2; exit 3`)
	stdout, stderr, code, err := c.Run(t.Context(), t.TempDir(), nil, nil, nil, []string{"GREETING=hello"}, "stack", "ls")
	require.Error(t, err)
	assert.Equal(t, []any{"--non-interactive stack ls\n", "hello\n", 3}, []any{stdout, stderr, code})
}

func TestTheEndOfTheContextAsksOnceAndWaits(t *testing.T) {
	c, notes := script(t, `trap 'echo asked >> `+"$NOTES"+`' INT
: > $NOTES.ready
while [ ! -s $NOTES ]; do sleep 0.02; done
while [ ! -e $NOTES.done ]; do sleep 0.02; done # what is in flight
echo finished`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		exists(t, notes+".ready")
		cancel()
		exists(t, notes)
		assert.NoError(t, os.WriteFile(notes+".done", nil, 0o600))
	}()
	stdout, _, code, err := c.Run(ctx, t.TempDir(), nil, nil, nil, []string{"NOTES=" + notes})
	require.NoError(t, err)
	assert.Equal(t, []any{"finished\n", 0}, []any{stdout, code})
	text, err := os.ReadFile(notes)
	require.NoError(t, err)
	assert.Equal(t, "asked\n", string(text))
}

func TestAnAbortAsksAgain(t *testing.T) {
	c, notes := script(t, `trap 'echo asked >> `+"$NOTES"+`' INT
: > $NOTES.ready
while [ "$(wc -l < $NOTES 2>/dev/null || echo 0)" -lt 2 ]; do sleep 0.02; done
echo gave up`)
	abort := make(chan struct{})
	c.abort = abort
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		exists(t, notes+".ready")
		cancel()
		exists(t, notes)
		close(abort)
	}()
	stdout, _, _, err := c.Run(ctx, t.TempDir(), nil, nil, nil, []string{"NOTES=" + notes})
	require.NoError(t, err)
	assert.Equal(t, "gave up\n", stdout)
}

func TestNothingStartsOnceTheContextHasEnded(t *testing.T) {
	c, notes := script(t, `: > $NOTES`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err := c.Run(ctx, t.TempDir(), nil, nil, nil, []string{"NOTES=" + notes})
	require.ErrorIs(t, err, context.Canceled)
	assert.NoFileExists(t, notes)
}
