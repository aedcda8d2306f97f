package ecrapi

import (
	"context"

	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/registry/content"
)

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
