package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Verifier checks tokens with the keys that their issuers publish. It fetches them at
// every check, so that a removed key or a broken issuer shows at once.
type Verifier struct {
	client     *http.Client
	algorithms []jose.SignatureAlgorithm
}

// NewVerifier fetches with client and accepts these algorithms, each with a public key.
func NewVerifier(client *http.Client, algorithms ...jose.SignatureAlgorithm) *Verifier {
	return &Verifier{client: client, algorithms: algorithms}
}

// Parse reads a token with the verifier's algorithms, without a check.
func (v *Verifier) Parse(text string) (*Token, error) { return Parse(text, v.algorithms...) }

// Verify checks that the token comes from issuer and returns its claims. Its
// errors are *Error.
func (v *Verifier) Verify(ctx context.Context, issuer, text string) (Claims, error) {
	token, err := v.Parse(text)
	if err != nil {
		return nil, err
	}
	if err := v.Check(ctx, issuer, token); err != nil {
		return nil, err
	}
	return token.Claims, nil
}

// Check checks a parsed token's issuer and signature. Its errors are *Error.
func (v *Verifier) Check(ctx context.Context, issuer string, token *Token) error {
	if token.Claims.Text("iss") != issuer {
		return &Error{Kind: WrongIssuer, Issuer: token.Claims.Text("iss"), Err: fmt.Errorf("want %q", issuer)}
	}
	keys, err := v.discover(ctx, issuer)
	if err == nil {
		err = token.VerifyWith(keys)
	}
	return at(issuer, err)
}

// at adds the issuer to an *Error.
func at(issuer string, err error) error {
	var refusal *Error
	if errors.As(err, &refusal) {
		refusal.Issuer = issuer
	}
	return err
}

func (v *Verifier) discover(ctx context.Context, issuer string) (jose.JSONWebKeySet, error) {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := v.get(ctx, strings.TrimSuffix(issuer, "/")+discoveryPath, &metadata); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	if metadata.Issuer != issuer {
		return jose.JSONWebKeySet{}, &Error{Kind: BadMetadata, Err: fmt.Errorf("the discovery document is of issuer %q", metadata.Issuer)}
	}
	var keys jose.JSONWebKeySet
	if err := v.get(ctx, metadata.JWKSURI, &keys); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	return keys, nil
}

func (v *Verifier) get(ctx context.Context, address string, into any) error {
	if parsed, err := url.Parse(address); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return &Error{Kind: BadMetadata, Err: fmt.Errorf("%q: want an https URL", address)}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &Error{Kind: BadMetadata, Err: err}
	}
	response, err := v.client.Do(request)
	if err != nil {
		return &Error{Kind: Unreachable, Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return &Error{Kind: Unreachable, Err: fmt.Errorf("GET %s: %s", address, response.Status)}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		return &Error{Kind: Unreachable, Err: err}
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &Error{Kind: BadMetadata, Err: fmt.Errorf("GET %s: %w", address, err)}
	}
	return nil
}
