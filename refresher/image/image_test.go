package image_test

import (
	"archive/tar"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/image"
)

// maxSize is what one platform's image may take on the wire, in bytes: a refresh must not be slow because of
// its own pull.
const maxSize = 20e6

func binaries(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, platform := range image.Platforms {
		path := filepath.Join(t.TempDir(), "binary")
		require.NoError(t, os.WriteFile(path, []byte("binary for "+platform), 0o600))
		found[platform] = path
	}
	return found
}

func TestTheSameBinariesGiveTheSameDigest(t *testing.T) {
	first, err := image.Build(binaries(t), "1.2.3")
	require.NoError(t, err)
	again := binaries(t)
	for _, path := range again {
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
		require.NoError(t, os.Chmod(path, 0o777))
	}
	second, err := image.Build(again, "1.2.3")
	require.NoError(t, err)
	other, err := image.Build(binaries(t), "1.2.4")
	require.NoError(t, err)
	assert.Equal(t, digest(t, first), digest(t, second))
	assert.NotEqual(t, digest(t, first), digest(t, other))
}

func digest(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	found, err := index.Digest()
	require.NoError(t, err)
	return found.String()
}

func TestTheImageHoldsTheBinaryAndNothingElse(t *testing.T) {
	index, err := image.Build(binaries(t), "1.2.3")
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	for i, platform := range image.Platforms {
		descriptor := manifest.Manifests[i]
		assert.Equal(t, platform, descriptor.Platform.String())
		built, err := index.Image(descriptor.Digest)
		require.NoError(t, err)
		config, err := built.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, platform, config.Platform().String())
		assert.Equal(t, "65532:65532", config.Config.User)
		assert.Equal(t, []string{"/refresher"}, config.Config.Entrypoint)
		assert.Empty(t, config.Config.Cmd)
		assert.Empty(t, config.Config.Env)
		assert.Equal(t, "1.2.3", config.Config.Labels["org.opencontainers.image.version"])
		assert.True(t, config.Created.Equal(time.Unix(0, 0)))

		layers, err := built.Layers()
		require.NoError(t, err)
		require.Len(t, layers, 1)
		archive, err := layers[0].Uncompressed()
		require.NoError(t, err)
		reader := tar.NewReader(archive)
		header, err := reader.Next()
		require.NoError(t, err)
		assert.Equal(t, []any{"refresher", int64(0o755), 0, 0}, []any{header.Name, header.Mode, header.Uid, header.Gid})
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		assert.Equal(t, "binary for "+platform, string(content))
		_, err = reader.Next()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, archive.Close())
	}
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	_, err := image.Build(nil, "1")
	require.ErrorContains(t, err, "at least one binary")
	_, err = image.Build(binaries(t), "")
	require.ErrorContains(t, err, "a version")
	_, err = image.Build(map[string]string{"linux": "x"}, "1")
	require.ErrorContains(t, err, `platform "linux"`)
	_, err = image.Build(map[string]string{"linux/amd64": "/nowhere/binary"}, "1")
	require.ErrorContains(t, err, "/nowhere/binary")
	_, err = image.Compile(t.Context(), ".", t.TempDir(), "1 -X main.other=2", image.Platforms)
	require.ErrorContains(t, err, "version")
	_, err = image.Compile(t.Context(), ".", t.TempDir(), "1", []string{"linux"})
	require.ErrorContains(t, err, "OS/ARCHITECTURE")
}

func TestTheRefresherItselfIsStaticSmallAndReproducible(t *testing.T) {
	platform := "linux/" + runtime.GOARCH
	var digests []string
	for range 2 {
		directory := t.TempDir()
		found, err := image.Compile(t.Context(), "..", directory, "9.8.7", []string{platform})
		require.NoError(t, err)
		index, err := image.Build(found, "9.8.7")
		require.NoError(t, err)
		digests = append(digests, digest(t, index))
		sizes, err := image.Sizes(index)
		require.NoError(t, err)
		t.Logf("%s: %d bytes compressed", platform, sizes[platform])
		assert.Less(t, sizes[platform], int64(maxSize))

		if runtime.GOOS == "linux" {
			version, err := exec.CommandContext(t.Context(), found[platform], "--version").Output()
			require.NoError(t, err)
			assert.Equal(t, "refresher version 9.8.7\n", string(version))
		}
	}
	assert.Equal(t, digests[0], digests[1])
}
