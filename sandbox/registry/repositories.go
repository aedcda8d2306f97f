package registry

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/world"
)

// repositories are the contents of the repositories of Artifact Registry.
type repositories struct {
	shelf *content.Shelf
	world world.GCP
}

// of opens what a standard repository holds.
func (r *repositories) of(ctx context.Context, repository gcp.Repository) (*content.Store, error) {
	images, err := r.published(repository)
	if err != nil {
		return nil, err
	}
	return r.shelf.Open(ctx, content.Repository{
		Place:     filepath.Join(repository.Location, repository.Project, repository.ID),
		Created:   repository.CreateTime,
		Prefix:    repository.Project + "/" + repository.ID + "/",
		Published: images,
	})
}

// published are the images that the vendor's pipeline keeps in a repository.
func (r *repositories) published(repository gcp.Repository) ([]world.Image, error) {
	var images []world.Image
	for _, project := range r.world.Projects {
		if project.ID != repository.Project {
			continue
		}
		for _, existing := range project.Repositories {
			if existing.Location != repository.Location || existing.Name != repository.ID {
				continue
			}
			parsed, err := content.ParseImages(existing.Images)
			if err != nil {
				return nil, err
			}
			images = append(images, parsed...)
		}
		for _, text := range project.Releases {
			release, err := world.ParseRelease(text)
			if err != nil {
				return nil, fmt.Errorf("registry: release %w", err)
			}
			if release.Location == repository.Location && release.Repository == repository.ID {
				images = append(images, release.Image)
			}
		}
	}
	return images, nil
}

// parseResourceName returns the project, location and ID of a repository.
func parseResourceName(name string) (project, location, id string, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 6 {
		return "", "", "", false
	}
	return parts[1], parts[3], parts[5], true
}
