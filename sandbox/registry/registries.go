package registry

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/world"
)

// artifactSuffix ends the hosts of Artifact Registry, after a location.
const artifactSuffix = "-docker.pkg.dev"

// Config says what the registries decide from and what they hold. Every field
// is required.
type Config struct {
	// Cloud holds the repositories and their policies.
	Cloud *gcp.Cloud
	// World says which public registries there are, and which images exist.
	World *world.World
	// Tokens opens the access tokens of callers.
	Tokens *googleapis.Tokens
	// Dir keeps the images; it is made if it is missing.
	Dir string
	// Now is the clock.
	Now func() time.Time
}

// Registries are the registries of one world.
type Registries struct {
	config Config
	public map[string]*content.Store
	// shelf keeps the repositories of Artifact Registry.
	shelf *content.Shelf
}

// Open finds again what the registries held and publishes what the world's
// public registries are to hold.
func Open(ctx context.Context, config Config) (*Registries, error) {
	r := &Registries{
		config: config, public: map[string]*content.Store{}, shelf: content.NewShelf(filepath.Join(config.Dir, "artifact-registry")),
	}
	for _, existing := range config.World.Registries {
		images, err := content.ParseImages(existing.Images)
		if err != nil {
			return nil, err
		}
		opened, err := content.Open(ctx, filepath.Join(config.Dir, "public", existing.Host))
		if err != nil {
			return nil, err
		}
		if err := opened.PublishMissing(ctx, "", images); err != nil {
			return nil, err
		}
		r.public[existing.Host] = opened
	}
	return r, nil
}

// Handler returns the registry of a host, or nil for a host that is none.
func (r *Registries) Handler(host string) http.Handler {
	if held, exists := r.public[host]; exists {
		return public{content: held}
	}
	location, found := strings.CutSuffix(host, artifactSuffix)
	if !found || !gcp.IsLocation(location) {
		return nil
	}
	return &artifactRegistry{r, location}
}

// Publish puts an image or an index at HOST/NAME:TAG of a public registry. A tag that
// exists is moved.
func (r *Registries) Publish(ctx context.Context, reference string, artifact remote.Taggable) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("registry: publish: %w", err)
	}
	held, exists := r.public[tag.RegistryStr()]
	if !exists {
		return fmt.Errorf("registry: publish %s: there is no such public registry in this world", reference)
	}
	return held.Publish(ctx, tag.RepositoryStr(), tag.TagStr(), artifact)
}

// held opens what a standard repository holds.
func (r *Registries) held(ctx context.Context, repository gcp.Repository) (*content.Store, error) {
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
func (r *Registries) published(repository gcp.Repository) ([]world.Image, error) {
	for _, project := range r.config.World.GCP.Projects {
		for _, existing := range project.Repositories {
			if project.ID == repository.Project && existing.Location == repository.Location && existing.Name == repository.ID {
				return content.ParseImages(existing.Images)
			}
		}
	}
	return nil, nil
}

// public is a registry from which anybody pulls and to which nobody pushes.
type public struct{ content *content.Store }

// ServeHTTP answers without asking who it is.
func (p public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.URL.Path == "/v2/" || r.URL.Path == "/v2" {
		w.WriteHeader(http.StatusOK)
		return
	}
	at, known := content.ParseRoute(r.URL.Path)
	switch {
	case !known:
		content.Refuse(http.StatusNotFound, "NAME_UNKNOWN", "%s: there is no such thing in a registry", r.URL.Path).Write(w)
	case !content.Reads(r.Method):
		denied("requested access to the resource is denied: this registry is public, and read-only").Write(w)
	default:
		p.content.Serve(w, r, at, nil)
	}
}
