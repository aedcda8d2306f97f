package provider_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/blang/semver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

var wanted = semver.MustParse("4.30.0")

// machine is where plugins can be.
type machine struct{ home, path, tools string }

func newMachine(t *testing.T) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{filepath.Join(dir, "home"), filepath.Join(dir, "path"), filepath.Join(dir, "tools")}
	t.Setenv("PULUMI_HOME", m.home)
	t.Setenv("PATH", m.path)
	return m
}

func installedIn(home, version string) string {
	return filepath.Join(home, "plugins", "resource-kubernetes-v"+version, provider.Executable)
}

func TestThePluginIsTheBestThatIsThere(t *testing.T) {
	m := newMachine(t)
	found := func() string {
		t.Helper()
		plugin, err := provider.Find(t.Context(), m.tools, wanted)
		require.NoError(t, err)
		return plugin.String()
	}
	_, err := provider.Find(t.Context(), m.tools, wanted)
	require.ErrorContains(t, err, "none of version 4.30.0 or newer is installed, and none is in "+m.tools+"/bin (run `make tools`)")
	assert.False(t, provider.Built(m.tools))

	built := filepath.Join(m.tools, "bin", provider.Executable)
	plugin(t, built, "v4.0.0-20260115033456-f47bc2d6f199")
	assert.Equal(t, "v4.0.0-20260115033456-f47bc2d6f199 ("+built+")", found(), "of its module's version, which is no release's")
	assert.True(t, provider.Built(m.tools))
	_, installed := provider.Installed(t.Context(), m.tools, wanted)
	assert.False(t, installed)

	// None of these will do.
	plugin(t, installedIn(m.home, "4.29.9"), "4.29.9")
	plugin(t, installedIn(m.home, "5.0.0"), "5.0.0")
	plugin(t, installedIn(m.home, "latest"), "4.31.0")
	require.NoError(t, os.MkdirAll(filepath.Dir(installedIn(m.home, "4.33.0")), 0o755))
	onPath := filepath.Join(m.path, provider.Executable)
	for _, useless := range []string{"exit 1", "echo 0; sleep 0.01"} {
		script(t, onPath, useless)
		assert.Contains(t, found(), built)
	}
	plugin(t, onPath, "4.29.9")
	assert.Contains(t, found(), built)

	downloaded := installedIn(filepath.Join(m.tools, "pulumi"), "4.30.0")
	plugin(t, downloaded, "4.30.0")
	assert.Equal(t, "v4.30.0 ("+downloaded+")", found())
	plugin(t, onPath, "v4.30.0")
	assert.Equal(t, "v4.30.0 ("+onPath+")", found())
	for _, version := range []string{"4.30.0", "4.31.0", "4.30.1"} {
		plugin(t, installedIn(m.home, version), version)
	}
	assert.Equal(t, "v4.31.0 ("+installedIn(m.home, "4.31.0")+")", found())
}

// cli is a Pulumi CLI that does as it is told.
type cli func(ctx context.Context, environment, arguments []string) (stderr string, err error)

func (cli) Version() semver.Version { return semver.Version{} }

func (c cli) Run(ctx context.Context, _ string, _ io.Reader, _, _ []io.Writer, environment []string, arguments ...string) (string, string, int, error) {
	stderr, err := c(ctx, environment, arguments)
	return "", stderr, 0, err
}

func TestADownloadTakesSecondsOrFails(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, provider.Download(t.Context(), cli(func(ctx context.Context, environment, arguments []string) (string, error) {
		_, limited := ctx.Deadline()
		assert.True(t, limited)
		assert.Contains(t, environment, "PULUMI_HOME="+filepath.Join(m.tools, "pulumi"))
		assert.Equal(t, []string{"plugin", "install", "resource", "kubernetes", "v4.30.0"}, arguments)
		plugin(t, installedIn(filepath.Join(m.tools, "pulumi"), "4.30.0"), "4.30.0")
		return "", nil
	}), m.tools, wanted))
	_, installed := provider.Installed(t.Context(), m.tools, wanted)
	assert.True(t, installed)

	assert.EqualError(t, provider.Download(t.Context(), cli(func(context.Context, []string, []string) (string, error) {
		return "warning: no such host\nerror: failed all 5 attempts\n", errors.New("exit status 1")
	}), m.tools, wanted), "error: failed all 5 attempts")

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	assert.EqualError(t, provider.Download(ctx, cli(func(ctx context.Context, _, _ []string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}), m.tools, wanted), "it takes longer than 20s")
}
