package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pulledImage is an image for linux and this machine's architecture.
type pulledImage struct {
	// id is REPOSITORY@DIGEST of what the reference named: the image, or the
	// index that has it.
	id string
	// config says how its containers start.
	config v1.Config
	// size is that of its compressed layers, in bytes.
	size int64
	// files are its file system as an uncompressed tar stream, the uppermost layers
	// first, each name once.
	files []byte
}

// fetchImage asks the reference's registry, through transport, for the image with each of
// the credentials, one after another until it is given, or anonymously where there
// are none. The error holds the registry's answer to every attempt. What a registry
// allowed once is not remembered: it is asked for the manifest and every layer.
func fetchImage(ctx context.Context, transport http.RoundTripper, reference name.Reference, credentials []authn.AuthConfig) (*pulledImage, error) {
	attempts := []authn.Authenticator{authn.Anonymous}
	if len(credentials) > 0 {
		attempts = attempts[:0]
		for _, c := range credentials {
			attempts = append(attempts, authn.FromConfig(c))
		}
	}
	var problems []error
	for _, attempt := range attempts {
		image, err := fetchAs(ctx, transport, reference, attempt)
		if err == nil {
			return image, nil
		}
		problems = append(problems, fmt.Errorf("failed to pull and unpack image %q: %w", reference.Name(), err))
	}
	return nil, errors.Join(problems...)
}

func fetchAs(ctx context.Context, transport http.RoundTripper, reference name.Reference, auth authn.Authenticator) (*pulledImage, error) {
	described, err := remote.Get(reference,
		remote.WithContext(ctx), remote.WithTransport(transport), remote.WithAuth(auth),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return nil, err
	}
	image, err := described.Image()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	pulled := &pulledImage{id: reference.Context().Digest(described.Digest.String()).Name(), config: config.Config}
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return nil, err
		}
		pulled.size += size
	}
	files := mutate.Extract(image) // asks for every layer
	pulled.files, err = io.ReadAll(files)
	return pulled, errors.Join(err, files.Close())
}
