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

// Empty removes everything that a repository holds.
func (s *Server) Empty(repository ecr.Repository) error { return s.shelf.Clear(folder(repository)) }
