package content

import (
	"context"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Artifact is what can be published: a v1.Image or a v1.ImageIndex.
type Artifact interface {
	MediaType() (types.MediaType, error)
	Digest() (v1.Hash, error)
	RawManifest() ([]byte, error)
}

// Publish writes an artifact and all that it is made of, as a release pipeline
// would that may do everything. The reference is a tag, or the artifact's digest.
func (s *Store) Publish(ctx context.Context, name, reference string, artifact Artifact, immutable Immutable) error {
	var err error
	switch artifact := artifact.(type) {
	case v1.ImageIndex:
		err = s.publishParts(ctx, name, artifact)
	case v1.Image:
		err = s.publishBlobs(ctx, name, artifact)
	default:
		err = fmt.Errorf("want an image or an index, got %T", artifact)
	}
	if err != nil {
		return fmt.Errorf("content: publish %s:%s: %w", name, reference, err)
	}
	mediaType, err := artifact.MediaType()
	if err != nil {
		return fmt.Errorf("content: publish %s:%s: %w", name, reference, err)
	}
	body, err := artifact.RawManifest()
	if err != nil {
		return fmt.Errorf("content: publish %s:%s: %w", name, reference, err)
	}
	at := Route{Name: name, Kind: Manifests, Reference: reference}
	if _, err := s.write(ctx, at, manifest{MediaType: string(mediaType), Body: body}, immutable); err != nil {
		return fmt.Errorf("content: publish %s:%s: %w", name, reference, err)
	}
	return nil
}

// publishParts publishes the images and indexes of an index, by digest.
func (s *Store) publishParts(ctx context.Context, name string, index v1.ImageIndex) error {
	parts, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, part := range parts.Manifests {
		var artifact Artifact
		switch {
		case part.MediaType.IsIndex():
			artifact, err = index.ImageIndex(part.Digest)
		case part.MediaType.IsImage():
			artifact, err = index.Image(part.Digest)
		default:
			err = fmt.Errorf("part %s is of type %s: want images and indexes", part.Digest, part.MediaType)
		}
		if err != nil {
			return err
		}
		if err := s.Publish(ctx, name, part.Digest.String(), artifact, nil); err != nil {
			return err
		}
	}
	return nil
}

// publishBlobs publishes the layers and the configuration of an image.
func (s *Store) publishBlobs(ctx context.Context, name string, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if err := s.publishBlob(ctx, name, layer); err != nil {
			return err
		}
	}
	config, err := image.ConfigName()
	if err != nil {
		return err
	}
	layer, err := image.LayerByDigest(config)
	if err != nil {
		return err
	}
	return s.publishBlob(ctx, name, layer)
}

func (s *Store) publishBlob(ctx context.Context, name string, layer v1.Layer) error {
	digest, err := layer.Digest()
	if err != nil {
		return err
	}
	if _, exists := s.Find(ctx, Route{Name: name, Kind: Blobs, Reference: digest.String()}); exists {
		return nil
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	body, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	// In one request, whose digest the library checks.
	answer, err := s.call(ctx, http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+digest.String(), "application/octet-stream", io.NopCloser(body), size)
	if err != nil {
		return err
	}
	return answer.want(http.StatusCreated, "blob "+digest.String())
}
