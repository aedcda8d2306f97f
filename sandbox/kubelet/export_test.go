package kubelet

import (
	"context"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Fetched is a pulled image.
type Fetched struct {
	ID, User string
	Size     int64
	Files    []byte
}

// FetchImage pulls an image.
func FetchImage(ctx context.Context, transport http.RoundTripper, reference name.Reference, credentials []authn.AuthConfig) (*Fetched, error) {
	image, err := fetchImage(ctx, transport, reference, credentials)
	if err != nil {
		return nil, err
	}
	return &Fetched{image.id, image.config.User, image.size, image.files}, nil
}
