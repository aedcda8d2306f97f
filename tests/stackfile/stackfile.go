// Package stackfile reads stack files as the engine does, for tests that run
// the program without one.
package stackfile

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/stretchr/testify/require"
)

// Placeholder stands for every secret of a stack file.
const Placeholder = `{"placeholder": true}`

// Load gives a stack file's configuration and the keys that are secret, whose
// values are the placeholder.
func Load(t testing.TB, path string) (values map[string]string, secrets []string) {
	t.Helper()
	project, err := workspace.LoadProject(filepath.Join(filepath.Dir(path), "Pulumi.yaml"))
	require.NoError(t, err)
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	stack, err := workspace.LoadProjectStack(sink, project, path)
	require.NoError(t, err)
	values = map[string]string{}
	for key, value := range stack.Config {
		if value.Secure() {
			values[key.String()] = Placeholder
			secrets = append(secrets, key.String())
			continue
		}
		text, err := value.Value(config.NopDecrypter)
		require.NoError(t, err)
		values[key.String()] = text
	}
	return values, secrets
}

// Names are the stacks of a folder: NAME of each Pulumi.NAME.yaml.
func Names(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml"))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	require.NotEmpty(t, names)
	return names
}
