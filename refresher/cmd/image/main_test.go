package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program is a module in the refresher's place that compiles in a moment.
func program(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	for file, content := range map[string]string{
		"go.mod":  "module example.test/small\n\ngo 1.26\n",
		"main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, file), []byte(content), 0o600))
	}
	return directory
}

func TestTheImageIsPushedAndWrittenUnderOneDigest(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	reference := strings.TrimPrefix(server.URL, "http://") + "/waybill/refresher:1.2.3"
	output := filepath.Join(t.TempDir(), "layout")
	platform := "linux/" + runtime.GOARCH
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--source", program(t), "--version", "1.2.3", "--platforms", platform, "--push", reference, "--output", output}, &out, io.Discard))

	parsed, err := name.ParseReference(reference)
	require.NoError(t, err)
	pushed, err := remote.Index(parsed)
	require.NoError(t, err)
	require.NoError(t, validate.Index(pushed))
	digest, err := pushed.Digest()
	require.NoError(t, err)
	lines := strings.Split(out.String(), "\n")
	assert.Equal(t, "digest "+digest.String(), lines[0])
	assert.Regexp(t, `^`+platform+` \d+ bytes \(\d+\.\d MB\)$`, lines[1])

	written, err := layout.ImageIndexFromPath(output)
	require.NoError(t, err)
	manifest, err := written.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	assert.Equal(t, digest, manifest.Manifests[0].Digest)

	require.ErrorContains(t, run(t.Context(), []string{"--source", program(t), "--version", "1.2.3", "--platforms", platform, "--output", output}, &out, io.Discard), "holds a layout already")
}

func TestWrongFlagsAreReportedTogether(t *testing.T) {
	err := run(t.Context(), []string{"--push", "no-tag", "extra"}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "--version")
	require.ErrorContains(t, err, `--push "no-tag"`)
	require.ErrorContains(t, err, "extra")
}
