package registry

import (
	"context"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Seed puts an image or an index into a repository of Artifact Registry, without
// asking anybody.
func (r *Registries) Seed(ctx context.Context, reference string, artifact remote.Taggable) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return err
	}
	parts := strings.SplitN(tag.RepositoryStr(), "/", 3)
	repository, _ := r.config.Cloud.Repository(strings.TrimSuffix(tag.RegistryStr(), artifactSuffix), parts[0], parts[1])
	held, err := r.held(ctx, repository)
	if err != nil {
		return err
	}
	return held.Publish(ctx, tag.RepositoryStr(), tag.TagStr(), artifact)
}
