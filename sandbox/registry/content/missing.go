package content

import (
	"context"
	"fmt"

	"waybill.example/waybill/sandbox/world"
)

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
		name := prefix + image.Name
		if _, exists := s.Find(ctx, Route{Name: name, Kind: Manifests, Reference: image.Tag}); exists {
			continue
		}
		placeholder, err := Placeholder(image)
		if err != nil {
			return err
		}
		if err := s.Publish(ctx, name, image.Tag, placeholder, nil); err != nil {
			return err
		}
	}
	return nil
}
