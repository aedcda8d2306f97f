package registry

import (
	"context"
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

// published are the images that the world has in a repository.
func (r *repositories) published(repository gcp.Repository) ([]world.Image, error) {
	for _, project := range r.world.Projects {
		for _, existing := range project.Repositories {
			if project.ID == repository.Project && existing.Location == repository.Location && existing.Name == repository.ID {
				return content.ParseImages(existing.Images)
			}
		}
	}
	return nil, nil
}

// parseResourceName returns the project, location and ID of a repository.
func parseResourceName(name string) (project, location, id string, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 6 {
		return "", "", "", false
	}
	return parts[1], parts[3], parts[5], true
}
