// Package stackfile reads stack files as the engine does, for tests that run
// the program without one.
package stackfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks/config"
)

// Placeholder stands for every secret of a stack file.
const Placeholder = `{"placeholder": true}`

// Load gives the configuration of a stack of the project in root and the keys
// that are secret, whose values are the placeholder.
func Load(t testing.TB, root, stack string) (values map[string]string, secrets []string) {
	t.Helper()
	file, err := config.Read(Path(t, root, stack))
	require.NoError(t, err)
	for _, secret := range file.Secrets {
		file.Values[secret] = Placeholder
	}
	return file.Values, file.Secrets
}

// Path is the file of a stack of the project in root: there, or among the
// examples.
func Path(t testing.TB, root, stack string) string {
	t.Helper()
	name := "Pulumi." + stack + ".yaml"
	for _, folder := range []string{root, filepath.Join(root, "examples")} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return filepath.Join(folder, name)
		}
	}
	require.FailNow(t, "no file", "stack %s has no %s in %s and no example", stack, name, root)
	return ""
}

// Names are the stacks of the project in root, its examples among them.
func Names(t testing.TB, root string) []string {
	t.Helper()
	var names []string
	for _, folder := range []string{root, filepath.Join(root, "examples")} {
		files, err := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml"))
		require.NoError(t, err)
		for _, file := range files {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
		}
	}
	require.NotEmpty(t, names)
	return names
}
