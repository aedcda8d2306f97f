package schema

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A folder may have any name, and the program runs in any folder.
func TestTheSchemasAreReadInAFolderWhoseNameIsNoURL(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "my project", "100%", "a#b?ü")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	t.Chdir(folder)
	compiled.schemas = nil
	for _, name := range []string{Customer, Request, Grant, Stack} {
		_, err := Compile(name)
		require.NoError(t, err, name)
	}
}
