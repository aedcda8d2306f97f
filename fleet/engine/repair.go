package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Repair deletes what a killed engine left half-written in a backend of plain
// files, and returns the names. The state itself is replaced in one step, but
// the file beside it that holds its attributes is not, and an empty one keeps
// every command from reading the state; one that is not there does no harm.
// Other backends have no such files.
func (s *Stack) Repair(ctx context.Context) ([]string, error) {
	folder, err := s.fileBackend(ctx)
	if folder == "" || err != nil {
		return nil, err
	}
	project, err := s.stack.Workspace().ProjectSettings(ctx)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return halfWritten(filepath.Join(folder, ".pulumi"), project.Name.String(), s.name)
}

// fileBackend is the folder of a backend of plain files; empty for any other.
func (s *Stack) fileBackend(ctx context.Context) (string, error) {
	text, err := s.run(ctx, s.engine.options.Root, "whoami", "--json")
	if err != nil {
		return "", err
	}
	var who struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal([]byte(text), &who); err != nil {
		return "", fmt.Errorf("engine: `pulumi whoami`: %w", err)
	}
	path, isFile := strings.CutPrefix(who.URL, "file://")
	if !isFile {
		return "", nil
	}
	path, _, _ = strings.Cut(path, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if rest, isHome := strings.CutPrefix(path, "~"); isHome {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("engine: %w", err)
		}
		path = home + rest
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.engine.options.Root, path)
	}
	return path, nil
}

// halfWritten deletes the attributes that are no JSON, of a stack's state and
// of its locks.
func halfWritten(folder, project, stack string) ([]string, error) {
	const attributes = ".attrs"
	var deleted []string
	for _, place := range []struct{ folder, prefix string }{
		{filepath.Join(folder, "stacks", project), stack + ".json"},
		{filepath.Join(folder, "locks", "organization", project, stack), ""},
	} {
		entries, err := os.ReadDir(place.folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return deleted, fmt.Errorf("engine: %w", err)
		}
		for _, entry := range entries {
			path := filepath.Join(place.folder, entry.Name())
			if !strings.HasPrefix(entry.Name(), place.prefix) || !strings.HasSuffix(entry.Name(), attributes) {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return deleted, fmt.Errorf("engine: %w", err)
			}
			if json.Valid(text) {
				continue
			}
			if err := os.Remove(path); err != nil {
				return deleted, fmt.Errorf("engine: %w", err)
			}
			deleted = append(deleted, path)
		}
	}
	return deleted, nil
}
