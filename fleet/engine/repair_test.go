package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyWhatIsHalfWrittenAndTheStacksOwnIsDeleted(t *testing.T) {
	folder := t.TempDir()
	write := func(path, text string) string {
		path = filepath.Join(folder, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	empty := write("stacks/waybill/acme.json.attrs", "")
	half := write("stacks/waybill/acme.json.bak.attrs", `{"user`)
	lock := write("locks/organization/waybill/acme/1.json.attrs", "")
	kept := []string{
		write("stacks/waybill/acme.json", ""),
		write("stacks/waybill/acme-vendor.json.attrs", ""),
		write("stacks/waybill/globex.json.attrs", ""),
		write("stacks/other/acme.json.attrs", ""),
		write("locks/organization/waybill/acme/2.json.attrs", `{}`),
	}
	deleted, err := halfWritten(folder, "waybill", "acme")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{empty, half, lock}, deleted)
	for _, path := range deleted {
		assert.NoFileExists(t, path)
	}
	for _, path := range kept {
		assert.FileExists(t, path)
	}
	deleted, err = halfWritten(folder, "waybill", "nobody")
	require.NoError(t, err)
	assert.Empty(t, deleted)
}
