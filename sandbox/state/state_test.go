package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/state"
)

// What another version of the sandbox left would be read as if half of it were missing.
func TestADirectoryOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	claim := func(path string) error {
		dir, err := state.Open(path)
		require.NoError(t, err)
		defer func() { require.NoError(t, dir.Close()) }()
		return dir.Claim()
	}
	fresh, old := t.TempDir(), t.TempDir()
	require.NoError(t, claim(fresh))
	require.NoError(t, os.WriteFile(filepath.Join(fresh, "gcp.json"), []byte("{}"), 0o600))
	require.NoError(t, claim(fresh), "its own")
	require.NoError(t, os.WriteFile(filepath.Join(old, "gcp.json"), []byte("{}"), 0o600))
	require.ErrorContains(t, claim(old), old+" was written by another version of the sandbox")
	require.NoError(t, os.WriteFile(filepath.Join(fresh, "format"), []byte("1"), 0o600))
	assert.Error(t, claim(fresh))
}
