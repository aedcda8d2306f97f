package content

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"waybill.example/waybill/sandbox/world"
)

// Publish writes an image or an index, and all that it is made of, under a tag, as a
// release pipeline would that may do everything.
func (s *Store) Publish(ctx context.Context, repository, tag string, artifact remote.Taggable) error {
	to, err := name.NewTag("store.example/" + repository + ":" + tag)
	if err == nil {
		err = remote.Push(to, artifact, remote.WithContext(ctx), remote.WithTransport(pipeline{s}))
	}
	if err != nil {
		return fmt.Errorf("content: publish %s:%s: %w", repository, tag, err)
	}
	return nil
}

// pipeline takes a client's requests to the store in this process.
type pipeline struct{ store *Store }

// RoundTrip implements http.RoundTripper.
func (p pipeline) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, inside := httptest.NewRecorder(), r.Clone(r.Context())
	if inside.Body == nil {
		inside.Body = http.NoBody
	}
	if at, known := ParseRoute(r.URL.Path); known { // else it asks for /v2/
		p.store.Serve(answer, inside, at, nil)
	}
	response := answer.Result()
	response.Request = r
	return response, nil
}

// ParseImages reads the images of a world, each NAME:TAG.
func ParseImages(texts []string) ([]world.Image, error) {
	var images []world.Image
	for _, text := range texts {
		image, err := world.ParseImage(text)
		if err != nil {
			return nil, fmt.Errorf("content: image %w", err)
		}
		images = append(images, image)
	}
	return images, nil
}

// PublishMissing publishes placeholders for images, below a prefix, whose tags
// do not exist yet.
func (s *Store) PublishMissing(ctx context.Context, prefix string, images []world.Image) error {
	for _, image := range images {
		at := Route{Name: prefix + image.Name, Kind: Manifests, Reference: image.Tag}
		if _, exists := s.Find(ctx, at); exists {
			continue
		}
		placeholder, err := Placeholder(image)
		if err != nil {
			return err
		}
		if err := s.Publish(ctx, at.Name, image.Tag, placeholder); err != nil {
			return err
		}
	}
	return nil
}
