package kubelet_test

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubelet"
)

var (
	reader   = authn.AuthConfig{Username: registryUser, Password: registryPassword}
	stranger = authn.AuthConfig{Username: "stranger", Password: "none"}
)

// fetching runs a registry with one private image and returns what pulls it.
func fetching(t *testing.T) func(...authn.AuthConfig) (*kubelet.Fetched, error) {
	t.Helper()
	world, err := newWorld(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Close()) })
	pushed, err := world.push("private/image:1", v1.Config{User: "65532"},
		imageFile{Name: "file", Mode: 0o644, Content: []byte("content")})
	require.NoError(t, err)
	reference, err := name.ParseReference(pushed)
	require.NoError(t, err)
	return func(credentials ...authn.AuthConfig) (*kubelet.Fetched, error) {
		return kubelet.FetchImage(t.Context(), world.Client().Transport, reference, credentials)
	}
}

func TestAnImageIsPulledWithTheFirstCredentialsThatOpenIt(t *testing.T) {
	pull := fetching(t)
	image, err := pull(stranger, reader)
	require.NoError(t, err)
	assert.Equal(t, "65532", image.User)
	assert.Regexp(t, `^registry\.example/private/image@sha256:[0-9a-f]{64}$`, image.ID)
	assert.Positive(t, image.Size)

	stream := tar.NewReader(bytes.NewReader(image.Files))
	header, err := stream.Next()
	require.NoError(t, err)
	content, err := io.ReadAll(stream)
	require.NoError(t, err)
	assert.Equal(t, "file: content", header.Name+": "+string(content))
}

func TestWhatWasAllowedOnceIsAskedForAgain(t *testing.T) {
	pull := fetching(t)
	_, err := pull(reader)
	require.NoError(t, err)
	_, err = pull(stranger)
	require.ErrorContains(t, err, denialWords)
	_, err = pull()
	require.ErrorContains(t, err, "UNAUTHORIZED: authentication required")
	require.ErrorContains(t, err, `failed to pull and unpack image "registry.example/private/image:1": `)
}

func TestEveryRefusalIsTold(t *testing.T) {
	pull := fetching(t)
	_, err := pull(stranger, authn.AuthConfig{Username: registryUser, Password: "old"})
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	assert.Len(t, joined.Unwrap(), 2)
	assert.NotContains(t, err.Error(), "old")
}
