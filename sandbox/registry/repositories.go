package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/world"
)

// repositories are the contents of the repositories of Artifact Registry.
type repositories struct {
	dir   string
	world world.GCP

	mutex sync.Mutex
	// opened by resource name.
	opened map[string]generation
}

// generation is the content of a repository from its creation to its deletion.
type generation struct {
	created int64
	content *content
}

// of opens what a standard repository holds. What an earlier repository of its
// name held is removed, as Google does when that is deleted; and what the
// vendor publishes there is published.
func (r *repositories) of(ctx context.Context, repository gcp.Repository) (*content, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	created := repository.CreateTime.UnixNano()
	if current, exists := r.opened[repository.ResourceName()]; exists && current.created == created {
		return current.content, nil
	}
	dir := filepath.Join(r.dir, repository.Location, repository.Project, repository.ID)
	mine := strconv.FormatInt(created, 10)
	earlier, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("registry: %w", err)
	}
	for _, entry := range earlier {
		if entry.Name() == mine {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil { //nolint:gosec // what ReadDir found in a repository of the cloud
			return nil, fmt.Errorf("registry: %w", err)
		}
	}
	// The requests that open a content do not bound it.
	ctx = context.WithoutCancel(ctx)
	opened, err := openContent(ctx, filepath.Join(dir, mine))
	if err != nil {
		return nil, err
	}
	images, err := r.published(repository)
	if err != nil {
		return nil, err
	}
	prefix := repository.Project + "/" + repository.ID + "/"
	if err := opened.publishMissing(ctx, prefix, images, repository.ImmutableTags()); err != nil {
		return nil, err
	}
	r.opened[repository.ResourceName()] = generation{created: created, content: opened}
	return opened, nil
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
			parsed, err := parseImages(existing.Images)
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

func parseImages(texts []string) ([]world.Image, error) {
	var images []world.Image
	for _, text := range texts {
		image, err := world.ParseImage(text)
		if err != nil {
			return nil, fmt.Errorf("registry: image %w", err)
		}
		images = append(images, image)
	}
	return images, nil
}

// publishMissing publishes placeholders for images, below a prefix, whose tags
// do not exist yet.
func (c *content) publishMissing(ctx context.Context, prefix string, images []world.Image, immutable bool) error {
	for _, image := range images {
		name := prefix + image.Name
		if _, exists := c.find(ctx, route{name: name, kind: manifestKind, reference: image.Tag}); exists {
			continue
		}
		placeholder, err := Placeholder(image)
		if err != nil {
			return err
		}
		if err := c.publish(ctx, name, image.Tag, placeholder, immutable); err != nil {
			return err
		}
	}
	return nil
}

// parseResourceName returns the project, location and ID of a repository.
func parseResourceName(name string) (project, location, id string, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 6 {
		return "", "", "", false
	}
	return parts[1], parts[3], parts[5], true
}
