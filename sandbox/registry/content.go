package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"

	"waybill.example/waybill/sandbox/state"
)

// maxManifest is the largest manifest, in bytes:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
const maxManifest = 4 << 20

// content is what one repository holds: an OCI registry, with its blobs and
// manifests on disk.
type content struct {
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

// openContent reads the content in dir, or starts it.
func openContent(ctx context.Context, dir string) (*content, error) {
	blobs := filepath.Join(dir, "blobs")
	if err := os.MkdirAll(blobs, 0o700); err != nil { //nolint:gosec // made of names that the cloud and the world checked, not of a request
		return nil, fmt.Errorf("registry: %w", err)
	}
	manifests, err := state.OpenStore(filepath.Join(dir, "manifests.json"), map[string]map[string]manifest{})
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	c := &content{
		registry: registry.New(
			registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)),
			registry.WithReferrersSupport(true),
			registry.Logger(log.New(io.Discard, "", 0)),
		),
		manifests: manifests,
	}
	return c, c.restore(ctx)
}

// restore puts the manifests back. An index is refused until its images are
// there, so that what is refused is tried again while anything else succeeds.
func (c *content) restore(ctx context.Context) error {
	type pending struct {
		at route
		manifest
	}
	var waiting []pending
	c.manifests.View(func(held map[string]map[string]manifest) {
		for name, references := range held {
			for reference, m := range references {
				waiting = append(waiting, pending{route{name: name, kind: manifestKind, reference: reference}, m})
			}
		}
	})
	for len(waiting) > 0 {
		var refused []pending
		var problems []error
		for _, each := range waiting {
			if err := c.put(ctx, each.at, each.manifest); err != nil {
				refused, problems = append(refused, each), append(problems, err)
			}
		}
		if len(refused) == len(waiting) {
			return fmt.Errorf("registry: restore: %w", errors.Join(problems...))
		}
		waiting = refused
	}
	return nil
}

// put gives a manifest to the library.
func (c *content) put(ctx context.Context, at route, m manifest) error {
	answer, err := c.call(ctx, http.MethodPut, at.path(), m.MediaType, bytes.NewReader(m.Body), int64(len(m.Body)))
	if err != nil {
		return err
	}
	return answer.want(http.StatusCreated, "manifest "+at.name+":"+at.reference)
}

// call asks the library, in this process and without authorisation.
func (c *content) call(ctx context.Context, method, path, mediaType string, body io.Reader, length int64) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, path, body) //nolint:gosec // answered in this process, sent nowhere
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	request.ContentLength = length
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	result := &answer{header: http.Header{}}
	c.registry.ServeHTTP(result, request)
	return result, nil
}

// find returns the header of what is at a route, or false.
func (c *content) find(ctx context.Context, at route) (http.Header, bool) {
	method := http.MethodHead
	if at.kind == tagKind {
		method = http.MethodGet // the library lists tags for no other
	}
	answer, err := c.call(ctx, method, at.path(), "", nil, 0)
	return answer.header, err == nil && answer.status == http.StatusOK
}

// serve answers a request that is allowed. Where tags are immutable, one that
// exists is not moved.
func (c *content) serve(w http.ResponseWriter, r *http.Request, at route, immutable bool) {
	switch {
	case r.Method == http.MethodDelete:
		unsupported("the sandbox does not delete images").write(w)
	case r.Method == http.MethodPut && at.kind == manifestKind:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
		if err != nil {
			refuse(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "manifest: %v: it may have %d bytes", err, maxManifest).write(w)
			return
		}
		digest, err := c.write(r.Context(), at, manifest{MediaType: r.Header.Get("Content-Type"), Body: body}, immutable)
		if err != nil {
			var refused *refusal
			if !errors.As(err, &refused) {
				refused = internal(err)
			}
			refused.write(w)
			return
		}
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Location", at.path())
		w.WriteHeader(http.StatusCreated)
	default:
		inside := r.Clone(r.Context())
		inside.URL.Path, inside.URL.RawPath, inside.URL.Host = at.path(), "", ""
		c.registry.ServeHTTP(w, inside)
	}
}

// write stores a manifest under a tag or digest and returns its digest.
func (c *content) write(ctx context.Context, at route, m manifest, immutable bool) (string, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	digest := digestOf(m.Body)
	isTag := tagForm.MatchString(at.reference)
	if !isTag && at.reference != digest {
		return "", refuse(http.StatusBadRequest, "DIGEST_INVALID", "manifest %q: its digest is %s", at.reference, digest)
	}
	if header, exists := c.find(ctx, at); exists && isTag && immutable && header.Get("Docker-Content-Digest") != digest {
		// The words of https://cloud.google.com/artifact-registry/docs/docker/troubleshoot#push
		return "", refuse(http.StatusBadRequest, "MANIFEST_INVALID", "cannot update tag %s. The repository has enabled tag immutability", at.reference)
	}
	if err := c.put(ctx, at, m); err != nil {
		return "", err
	}
	return digest, c.manifests.Update(func(held *map[string]map[string]manifest) error {
		if *held == nil {
			*held = map[string]map[string]manifest{}
		}
		if (*held)[at.name] == nil {
			(*held)[at.name] = map[string]manifest{}
		}
		(*held)[at.name][at.reference], (*held)[at.name][digest] = m, m
		return nil
	})
}
