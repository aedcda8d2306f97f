// Package registry tries a new credential on the product's images, with go-containerregistry, before it may
// replace one that works.
package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

// notThere are the codes with which a registry says that it holds no such tag, digest or repository. Artifact Registry
// and ECR answer 404 with MANIFEST_UNKNOWN for a tag and NAME_UNKNOWN for a repository, to who may read there; to
// others they answer 403 ("or it may not exist"). NOT_FOUND is Google's code for the same (https://google.aip.dev/193).
// Codes: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes; texts:
// https://github.com/firezone/firezone/issues/10484 (`manifest unknown: Failed to fetch "1"`).
var notThere = []transport.ErrorCode{transport.ManifestUnknownErrorCode, transport.NameUnknownErrorCode, "NOT_FOUND"}

// Manifest opens one image's manifest.
type Manifest struct {
	Host      string // of Image, the only one that is shown the credential
	Image     name.Reference
	Transport http.RoundTripper
	Secrets   *redact.Set
}

// Open logs in as the kubelet would (challenge, token, HEAD of the manifest) and shows the digest that it found, or that
// the image is missing. It reads no layer. It implements chain.Trial.
func (m Manifest) Open(ctx context.Context, credential chain.Credential, step *chain.Step) *fault.Fault {
	m.Secrets.Add(credential.Password)
	m.Secrets.Add(base64.StdEncoding.EncodeToString([]byte(credential.Username + ":" + credential.Password)))
	step.Issuer, step.Subject, step.Expires = m.Host, credential.Username, credential.Expires
	recorder := wire.New(m.Transport, m.Secrets, m.Host)
	digest, err := m.head(ctx, credential, recorder)
	switch last, _ := recorder.Last(); {
	case err == nil:
		step.Audience = strings.TrimSpace(step.Audience + " " + m.Image.Context().Name() + "@" + digest)
		return nil
	case m.missing(last, err):
		step.Missing = append(step.Missing, m.Image.String())
		return nil
	default:
		// The status that counts is the trial's, whatever the question for its words was answered.
		var refused *transport.Error
		if errors.As(err, &refused) {
			last.Status = refused.StatusCode
		}
		f := fault.FromExchange(fault.HopRegistry, last, err, m.Secrets)
		f.Image = m.Image.String()
		return f
	}
}

// missing reports whether the registry let the token in and says that it holds no such image. Only the answer to a
// request for this manifest counts, and only in a registry's words: anything on the way can answer 404.
func (m Manifest) missing(last wire.Exchange, err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound && len(refused.Errors) > 0 &&
		slices.Contains(notThere, refused.Errors[0].Code) &&
		strings.HasSuffix(last.Path, "/manifests/"+m.Image.Identifier())
}

// errUnasked is the error of a registry that asks nobody for a token: its answers say nothing about this one.
var errUnasked = errors.New("the registry did not ask for the token, so it was not tried")

func (m Manifest) head(ctx context.Context, credential chain.Credential, recorder *wire.Recorder) (string, error) {
	repository := m.Image.Context()
	auth := authn.FromConfig(authn.AuthConfig{Username: credential.Username, Password: credential.Password})
	// A transport with its challenge answered is also one that the client adds no retries to: the caller owns
	// those.
	client, err := transport.NewWithContext(ctx, repository.Registry, auth, recorder,
		[]string{repository.Scope(transport.PullScope)})
	if err != nil {
		return "", err
	}
	if last, _ := recorder.Last(); last.Status == http.StatusOK && last.Path == "/v2/" {
		return "", errUnasked
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithTransport(client)}
	found, err := remote.Head(m.Image, options...)
	if err == nil {
		return found.Digest.String(), nil
	}
	// The answer to a HEAD has no body. Asking again with GET gets the registry's own words; what it answers changes
	// the outcome only where the first answer was that the image is not there.
	var refused *transport.Error
	if !errors.As(err, &refused) {
		return "", err
	}
	got, explained := remote.Get(m.Image, options...)
	var second *transport.Error
	switch {
	case explained == nil && refused.StatusCode == http.StatusNotFound:
		return got.Digest.String(), nil // pushed a moment ago
	case errors.As(explained, &second) && (second.StatusCode == refused.StatusCode || refused.StatusCode == http.StatusNotFound):
		return "", explained
	default:
		return "", err
	}
}
