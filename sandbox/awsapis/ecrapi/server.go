package ecrapi

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// Server is Amazon ECR in every Region of the world's accounts.
type Server struct {
	gate *access.Gate
	// repositories are those of every account, with their policies; accounts say
	// which images the vendor publishes.
	repositories *ecr.Store
	accounts     []world.AWSAccount
	seal         state.Seal
	shelf        *content.Shelf
}

var _ ecr.Contents = (*Server)(nil)

// New makes the endpoints, with the images and the key of the tokens in an existing
// folder, dir. Tokens that earlier ones issued from it count until they expire, and the
// images are found again. The server is what the repositories contain from then on.
func New(gate *access.Gate, repositories *ecr.Store, accounts []world.AWSAccount, dir string) (*Server, error) {
	seal, err := state.OpenSeal(filepath.Join(dir, "authorization-tokens.key"))
	if err != nil {
		return nil, fmt.Errorf("ecrapi: authorization tokens: %w", err)
	}
	s := &Server{
		gate: gate, repositories: repositories, accounts: accounts, seal: seal, shelf: content.NewShelf(filepath.Join(dir, "repositories")),
	}
	repositories.Holds(s)
	return s, nil
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
	for _, account := range s.accounts {
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
