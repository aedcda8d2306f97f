package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"waybill.example/waybill/sandbox/world"
)

// Shelf keeps the stores of repositories that come and go: one that is deleted
// and made again under its name starts anew.
type Shelf struct {
	dir string

	mutex sync.Mutex
	// opened by place.
	opened map[string]generation
}

// generation is what a repository holds from its creation to its deletion.
type generation struct {
	created int64
	store   *Store
}

// NewShelf is a shelf in a folder, which is made when it is needed.
func NewShelf(dir string) *Shelf { return &Shelf{dir: dir, opened: map[string]generation{}} }

// Repository is one generation of a repository.
type Repository struct {
	// Place is the repository's own folder below the shelf's.
	Place string
	// Created tells it from one that had the place before it.
	Created time.Time
	// Prefix comes before the names of Published.
	Prefix string
	// Published are the images that the first repository of the place holds from
	// the beginning: those of the world.
	Published []world.Image
}

// Open returns what a repository holds. What an earlier one in its place held is
// removed, as clouds do when that is deleted.
func (s *Shelf) Open(ctx context.Context, repository Repository) (*Store, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	created := repository.Created.UnixNano()
	if current, exists := s.opened[repository.Place]; exists && current.created == created {
		return current.store, nil
	}
	dir := filepath.Join(s.dir, repository.Place)
	mine := strconv.FormatInt(created, 10)
	_, unknown := os.Stat(dir)
	if err := removeOthers(dir, mine); err != nil {
		return nil, err
	}
	// The requests that open a store do not bound it.
	ctx = context.WithoutCancel(ctx)
	store, err := Open(ctx, filepath.Join(dir, mine))
	if err != nil {
		return nil, err
	}
	if unknown != nil {
		if err := store.PublishMissing(ctx, repository.Prefix, repository.Published); err != nil {
			return nil, err
		}
	}
	s.opened[repository.Place] = generation{created: created, store: store}
	return store, nil
}

// Clear removes everything that was ever held in a place.
func (s *Shelf) Clear(place string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.opened, place)
	return removeOthers(filepath.Join(s.dir, place), "")
}

func removeOthers(dir, mine string) error {
	earlier, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("content: %w", err)
	}
	for _, entry := range earlier {
		if entry.Name() == mine {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("content: %w", err)
		}
	}
	return nil
}
