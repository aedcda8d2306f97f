// Package images pulls container images as a node does, with the credentials
// that a pod's pull secrets hold.
//
// What a registry allowed once is not remembered: every pull asks it for the
// manifest and every layer, with the pod's own credentials.
package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is a pulled image for linux and this machine's architecture.
type Image struct {
	// ID is REPOSITORY@DIGEST of what the reference named: the image, or the
	// index that has it.
	ID string
	// Config says how its containers start.
	Config v1.Config
	// Size is that of its compressed layers, in bytes.
	Size int64

	image v1.Image
}

// Files returns the image's file system as an uncompressed tar stream, the
// uppermost layers first, each name once. The caller closes it.
func (i *Image) Files() io.ReadCloser { return mutate.Extract(i.image) }

// Pull asks the reference's registry, through transport, for the image with each of
// the credentials, one after another until it is given, or anonymously where there
// are none. The error holds the registry's answer to every attempt.
func Pull(ctx context.Context, transport http.RoundTripper, reference name.Reference, credentials []authn.AuthConfig) (*Image, error) {
	attempts := []authn.Authenticator{authn.Anonymous}
	if len(credentials) > 0 {
		attempts = attempts[:0]
		for _, c := range credentials {
			attempts = append(attempts, authn.FromConfig(c))
		}
	}
	var problems []error
	for _, attempt := range attempts {
		image, err := pull(ctx, transport, reference, attempt)
		if err == nil {
			return image, nil
		}
		problems = append(problems, fmt.Errorf("failed to pull and unpack image %q: %w", reference.Name(), err))
	}
	return nil, errors.Join(problems...)
}

func pull(ctx context.Context, transport http.RoundTripper, reference name.Reference, auth authn.Authenticator) (*Image, error) {
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
	pulled := &Image{ID: reference.Context().Digest(described.Digest.String()).Name(), Config: config.Config, image: empty.Image}
	for _, layer := range layers {
		data, err := read(layer)
		if err != nil {
			return nil, err
		}
		pulled.Size += int64(len(data))
		held, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			return nil, err
		}
		if pulled.image, err = mutate.AppendLayers(pulled.image, held); err != nil {
			return nil, err
		}
	}
	return pulled, nil
}

// read fetches a layer; the transfer checks the digest.
func read(layer v1.Layer) ([]byte, error) {
	content, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(content)
	return data, errors.Join(err, content.Close())
}
