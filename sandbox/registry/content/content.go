package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"

	"waybill.example/waybill/sandbox/state"
)

// Immutable refuses to move a tag, in the words of the registry's owner.
type Immutable func(tag string) *Refusal

// maxManifest is the largest manifest, in bytes:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
const maxManifest = 4 << 20

// Store is what one repository holds: an OCI registry, with its blobs and
// manifests on disk.
type Store struct {
	registry http.Handler
	// manifests by name, then by tag or digest. The library keeps them in
	// memory; they are put there again when the content is opened.
	manifests *state.Store[map[string]map[string]manifest]
	// writing keeps what is known about a tag true until it is written.
	writing sync.Mutex
}

type manifest struct {
	MediaType string `json:"mediaType"`
	Body      []byte `json:"body"`
}

// Open reads what dir holds, or starts it. ctx bounds the opening alone.
func Open(ctx context.Context, dir string) (*Store, error) {
	blobs := filepath.Join(dir, "blobs")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	manifests, err := state.OpenStore[map[string]map[string]manifest](filepath.Join(dir, "manifests.json"))
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	s := &Store{
		registry: registry.New(
			registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)),
			registry.Logger(log.New(io.Discard, "", 0)),
		),
		manifests: manifests,
	}
	return s, s.restore(ctx)
}

// restore puts the manifests back. An index is refused until its images are
// there, so that what is refused is tried again while anything else succeeds.
func (s *Store) restore(ctx context.Context) error {
	type pending struct {
		at Route
		manifest
	}
	var waiting []pending
	for name, references := range s.manifests.Read() {
		for reference, m := range references {
			waiting = append(waiting, pending{Route{Name: name, Kind: Manifests, Reference: reference}, m})
		}
	}
	for len(waiting) > 0 {
		var refused []pending
		var problems []error
		for _, each := range waiting {
			if err := s.put(ctx, each.at, each.manifest); err != nil {
				refused, problems = append(refused, each), append(problems, err)
			}
		}
		if len(refused) == len(waiting) {
			return fmt.Errorf("content: restore: %w", errors.Join(problems...))
		}
		waiting = refused
	}
	return nil
}

// put gives a manifest to the library.
func (s *Store) put(ctx context.Context, at Route, m manifest) error {
	answer := s.call(ctx, http.MethodPut, at, m)
	if answer.Code == http.StatusCreated {
		return nil
	}
	var text struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &text); err != nil || len(text.Errors) == 0 {
		return fmt.Errorf("content: manifest %s:%s: status %d: %s", at.Name, at.Reference, answer.Code, answer.Body)
	}
	return Refuse(answer.Code, text.Errors[0].Code, "manifest %s:%s: %s", at.Name, at.Reference, text.Errors[0].Message)
}

// call asks the library, in this process and without authorisation.
func (s *Store) call(ctx context.Context, method string, at Route, m manifest) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(ctx, method, at.Path(), bytes.NewReader(m.Body))
	request.Header.Set("Content-Type", m.MediaType)
	answer := httptest.NewRecorder()
	s.registry.ServeHTTP(answer, request)
	return answer
}

// Find returns the header of what is at a route, or false.
func (s *Store) Find(ctx context.Context, at Route) (http.Header, bool) {
	method := http.MethodHead
	if at.Kind == Tags {
		method = http.MethodGet // the library lists tags for no other
	}
	answer := s.call(ctx, method, at, manifest{})
	return answer.Header(), answer.Code == http.StatusOK
}

// Tags are the tags below a name, sorted.
func (s *Store) Tags(name string) []string {
	references := slices.Sorted(maps.Keys(s.manifests.Read()[name]))
	return slices.DeleteFunc(references, func(reference string) bool { return !tagForm.MatchString(reference) })
}

// Serve answers a request that is allowed. immutable says that a tag which exists
// may not be moved, and how that is refused; nil means that it may.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, at Route, immutable Immutable) {
	switch {
	case r.Method == http.MethodDelete:
		Unsupported("the sandbox does not delete images").Write(w)
	case r.Method == http.MethodPut && at.Kind == Manifests:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
		if err != nil {
			Refuse(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "manifest: %v: it may have %d bytes", err, maxManifest).Write(w)
			return
		}
		digest, err := s.write(r.Context(), at, manifest{MediaType: r.Header.Get("Content-Type"), Body: body}, immutable)
		if err != nil {
			var refused *Refusal
			if !errors.As(err, &refused) {
				refused = Internal(err)
			}
			refused.Write(w)
			return
		}
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Location", at.Path())
		w.WriteHeader(http.StatusCreated)
	default:
		inside := r.Clone(r.Context())
		inside.URL.Path, inside.URL.RawPath, inside.URL.Host = at.Path(), "", ""
		s.registry.ServeHTTP(w, inside)
	}
}

// write stores a manifest under a tag or digest and returns its digest.
func (s *Store) write(ctx context.Context, at Route, m manifest, immutable Immutable) (string, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(m.Body))
	isTag := tagForm.MatchString(at.Reference)
	if !isTag && at.Reference != digest {
		return "", Refuse(http.StatusBadRequest, "DIGEST_INVALID", "manifest %q: its digest is %s", at.Reference, digest)
	}
	if header, exists := s.Find(ctx, at); exists && isTag && immutable != nil && header.Get("Docker-Content-Digest") != digest {
		return "", immutable(at.Reference)
	}
	if err := s.put(ctx, at, m); err != nil {
		return "", err
	}
	return digest, s.manifests.Update(func(held *map[string]map[string]manifest) error {
		if *held == nil {
			*held = map[string]map[string]manifest{}
		}
		if (*held)[at.Name] == nil {
			(*held)[at.Name] = map[string]manifest{}
		}
		(*held)[at.Name][at.Reference], (*held)[at.Name][digest] = m, m
		return nil
	})
}
