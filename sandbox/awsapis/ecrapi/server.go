package ecrapi

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// Config says what the endpoints decide from and what they hold. Every field is
// required.
type Config struct {
	Gate *access.Gate
	// Repositories are those of every account, with their policies.
	Repositories *ecr.Store
	// Accounts say which images the vendor publishes.
	Accounts []world.AWSAccount
	// Dir is an existing folder for the images and the key of the tokens.
	Dir string
	// Now is the clock.
	Now func() time.Time
}

// Server is Amazon ECR in every Region of the world's accounts.
type Server struct {
	config Config
	seal   state.Seal
	shelf  *content.Shelf
}

var _ ecr.Contents = (*Server)(nil)

// New makes the endpoints. Tokens that earlier ones issued from the same Dir
// count until they expire, and the images are found again. The server is what
// the repositories contain: see [ecr.Store.Holds].
func New(config Config) (*Server, error) {
	seal, err := state.OpenSeal(filepath.Join(config.Dir, "authorization-tokens.key"))
	if err != nil {
		return nil, fmt.Errorf("ecrapi: authorization tokens: %w", err)
	}
	return &Server{config: config, seal: seal, shelf: content.NewShelf(filepath.Join(config.Dir, "repositories"))}, nil
}

// Registry is the registry of an account in a Region.
func (s *Server) Registry(place arn.Place) http.Handler { return &registry{server: s, place: place} }

// folder is where a repository is kept: its name may have slashes, but no folder
// lies in another repository's.
func folder(repository ecr.Repository) string {
	return filepath.Join(repository.Account, repository.Region, strings.ReplaceAll(repository.Name, "/", "%2F"))
}

// published are the images that the world has in a repository.
func (s *Server) published(repository ecr.Repository) []world.Image {
	var images []world.Image
	for _, account := range s.config.Accounts {
		if account.ID != repository.Account {
			continue
		}
		for _, existing := range account.Repositories {
			if existing.Region != repository.Region || existing.Name != repository.Name {
				continue
			}
			for _, tag := range existing.Tags {
				images = append(images, world.Image{Name: repository.Name, Tag: tag})
			}
		}
	}
	return images
}

// open returns what a repository holds.
func (s *Server) open(ctx context.Context, repository ecr.Repository) (*content.Store, error) {
	return s.shelf.Open(ctx, content.Repository{
		Place: folder(repository), Created: repository.CreatedAt, Published: s.published(repository),
	})
}

// Tags of the images in a repository, in the order of the alphabet: the registry
// does not know when they were pushed.
func (s *Server) Tags(repository ecr.Repository) []string {
	held, err := s.open(context.Background(), repository)
	if err != nil {
		// The next request of the repository reports it.
		return nil
	}
	return held.Tags(repository.Name)
}

// Digest of the image with a tag or a digest; "" where there is none.
func (s *Server) Digest(repository ecr.Repository, reference string) string {
	held, err := s.open(context.Background(), repository)
	if err != nil {
		return ""
	}
	header, _ := held.Find(context.Background(), content.Route{Name: repository.Name, Kind: content.Manifests, Reference: reference})
	return header.Get("Docker-Content-Digest")
}

// Empty removes everything that a repository holds.
func (s *Server) Empty(repository ecr.Repository) error { return s.shelf.Clear(folder(repository)) }
