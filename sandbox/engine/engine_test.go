package engine

import (
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/state"
)

// The backend's address is a URL, and a folder may have any name.
func TestTheBackendIsInAFolderOfAnyName(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "my project", "100%", "a#b?ü")
	dir, err := state.Open(folder)
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	environment, err := Environment(dir, "")
	require.NoError(t, err)
	address, err := url.Parse(environment["PULUMI_BACKEND_URL"])
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(folder, "backend"), address.Path)
}
