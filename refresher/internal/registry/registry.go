// Package registry tries a new credential on the product's manifest, with go-containerregistry, before it may
// replace one that works.
package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

// Manifest opens one image's manifest.
type Manifest struct {
	Host      string // of Image, the only one that is shown the credential
	Image     name.Reference
	Transport http.RoundTripper
	Secrets   *redact.Set
}

// Open logs in as the kubelet would (challenge, token, HEAD of the manifest) and shows the digest that it
// found. It reads no layer. It implements chain.Stage.
func (m Manifest) Open(ctx context.Context, credential chain.Credential, step *chain.Step) *fault.Fault {
	m.Secrets.Add(credential.Password)
	m.Secrets.Add(base64.StdEncoding.EncodeToString([]byte(credential.Username + ":" + credential.Password)))
	recorder := wire.New(m.Transport, m.Secrets, m.Host)
	digest, err := m.head(ctx, credential, recorder)
	if err != nil {
		last, _ := recorder.Last()
		// The status that counts is the trial's, whatever the question for its words was answered.
		var refused *transport.Error
		if errors.As(err, &refused) {
			last.Status = refused.StatusCode
		}
		return fault.FromExchange(fault.HopRegistry, last, err, m.Secrets)
	}
	step.Issuer, step.Subject, step.Expires = m.Host, credential.Username, credential.Expires
	step.Audience = m.Image.Context().Name() + "@" + digest
	return nil
}

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
	options := []remote.Option{remote.WithContext(ctx), remote.WithTransport(client)}
	found, err := remote.Head(m.Image, options...)
	if err == nil {
		return found.Digest.String(), nil
	}
	// The answer to a HEAD has no body. Asking again with GET gets the registry's own words; whatever it
	// answers, the trial has failed.
	var refused *transport.Error
	if errors.As(err, &refused) {
		if _, explained := remote.Get(m.Image, options...); explained != nil {
			return "", explained
		}
	}
	return "", err
}
