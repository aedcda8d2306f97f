package content_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/world"
)

func TestAPlaceholderIsTheSameEverywhereAndAlways(t *testing.T) {
	index, err := content.Placeholder(world.Image{Name: "server", Tag: "1.4.2"})
	require.NoError(t, err)
	digest, err := index.Digest()
	require.NoError(t, err)
	assert.Equal(t, "sha256:9183cfcafce8307dd6e28a51f9be5c56ce33c6a3cc21f2c8f114bddd7e462a87", digest.String())

	other, err := content.Placeholder(world.Image{Name: "server", Tag: "1.4.3"})
	require.NoError(t, err)
	otherDigest, err := other.Digest()
	require.NoError(t, err)
	assert.NotEqual(t, digest, otherDigest)

	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	for i, architecture := range []string{"amd64", "arm64"} {
		assert.Equal(t, &v1.Platform{OS: "linux", Architecture: architecture}, manifest.Manifests[i].Platform)
		image, err := index.Image(manifest.Manifests[i].Digest)
		require.NoError(t, err)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, architecture, config.Architecture)
		assert.Equal(t, "placeholder", config.Config.Labels["waybill.example/sandbox"])
		assert.Equal(t, "65532:65532", config.Config.User)
		assert.Contains(t, config.Config.ExposedPorts, "8080/tcp")
	}
}
