// Package images pulls container images as a node does, with the credentials
// that a pod's pull secrets hold.
//
// What a registry allowed once is not remembered: every pull asks it for the
// manifest with the pod's own credentials. Only layers are kept, by digest.
package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Store pulls images and keeps their layers.
type Store struct {
	dir       string
	transport http.RoundTripper
}

// Open returns a store that keeps layers in dir, which it creates, and asks
// registries through transport.
func Open(dir string, transport http.RoundTripper) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	return &Store{dir: dir, transport: transport}, nil
}

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

// Pull asks the reference's registry for the image with each of the
// credentials, one after another until it is given, or anonymously where there
// are none, and fetches the layers that the store does not have. The error
// holds the registry's answer to every attempt.
func (s *Store) Pull(ctx context.Context, reference name.Reference, credentials []authn.AuthConfig) (*Image, error) {
	attempts := []authn.Authenticator{authn.Anonymous}
	if len(credentials) > 0 {
		attempts = attempts[:0]
		for _, c := range credentials {
			attempts = append(attempts, authn.FromConfig(c))
		}
	}
	var problems []error
	for _, attempt := range attempts {
		image, err := s.pull(ctx, reference, attempt)
		if err == nil {
			return image, nil
		}
		problems = append(problems, fmt.Errorf("failed to pull and unpack image %q: %w", reference.Name(), err))
	}
	return nil, errors.Join(problems...)
}

func (s *Store) pull(ctx context.Context, reference name.Reference, auth authn.Authenticator) (*Image, error) {
	described, err := remote.Get(reference,
		remote.WithContext(ctx), remote.WithTransport(s.transport), remote.WithAuth(auth),
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
	pulled := &Image{ID: reference.Context().Digest(described.Digest.String()).Name(), Config: config.Config}
	remoteLayers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	kept := &keptImage{Image: image}
	for _, remoteLayer := range remoteLayers {
		layer, err := s.keep(remoteLayer)
		if err != nil {
			return nil, err
		}
		pulled.Size += layer.size
		extractable, err := partial.CompressedToLayer(layer)
		if err != nil {
			return nil, err
		}
		kept.layers = append(kept.layers, extractable)
	}
	pulled.image = kept
	return pulled, nil
}

// keep fetches a layer unless the store has it. The transfer checks the
// digest; only a whole layer gets its name.
func (s *Store) keep(layer v1.Layer) (*keptLayer, error) {
	digest, err := layer.Digest()
	if err != nil {
		return nil, err
	}
	kept := &keptLayer{digest: digest, path: filepath.Join(s.dir, digest.Algorithm+"-"+digest.Hex)}
	if kept.size, err = layer.Size(); err != nil {
		return nil, err
	}
	if kept.mediaType, err = layer.MediaType(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(kept.path); err == nil {
		return kept, nil
	}
	return kept, s.fetch(layer, kept.path)
}

func (s *Store) fetch(layer v1.Layer, path string) (err error) {
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	file, err := os.CreateTemp(s.dir, "incoming-")
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}

// keptImage is an image whose layers are in the store.
type keptImage struct {
	v1.Image
	layers []v1.Layer
}

func (i *keptImage) Layers() ([]v1.Layer, error) { return i.layers, nil }

// keptLayer is a layer of the store.
type keptLayer struct {
	digest    v1.Hash
	size      int64
	mediaType types.MediaType
	path      string
}

func (l *keptLayer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *keptLayer) Size() (int64, error)                { return l.size, nil }
func (l *keptLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }
func (l *keptLayer) Compressed() (io.ReadCloser, error)  { return os.Open(l.path) }
