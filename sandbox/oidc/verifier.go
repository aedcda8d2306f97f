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
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DefaultCacheTime is how long a fetched key set is used without asking again.
// The clouds keep keys for hours; here a removed key or a broken issuer should
// show while somebody watches.
const DefaultCacheTime = 2 * time.Second

// Verifier checks tokens with the keys that their issuers publish.
type Verifier struct {
	client     *http.Client
	algorithms []jose.SignatureAlgorithm
	cacheTime  time.Duration

	mutex sync.Mutex
	sets  map[string]keySet
}

type keySet struct {
	keys    jose.JSONWebKeySet
	fetched time.Time
}

// NewVerifier fetches with client and accepts these algorithms. cacheTime 0
// means DefaultCacheTime; a negative one fetches at every check. It panics when
// no algorithm is given, or one that does not sign with a private key: that is
// a mistake of the caller's code.
func NewVerifier(client *http.Client, cacheTime time.Duration, algorithms ...jose.SignatureAlgorithm) *Verifier {
	if len(algorithms) == 0 {
		panic("oidc: want the algorithms to accept")
	}
	for _, algorithm := range algorithms {
		switch algorithm {
		case jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA:
		default:
			panic(fmt.Sprintf("oidc: algorithm %q: want one with a public key", algorithm))
		}
	}
	if cacheTime == 0 {
		cacheTime = DefaultCacheTime
	}
	return &Verifier{client: client, algorithms: algorithms, cacheTime: cacheTime, sets: map[string]keySet{}}
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

// Check checks a parsed token's issuer and signature. A key that the cached set
// does not have is looked for in a new one: keys rotate. Its errors are *Error.
func (v *Verifier) Check(ctx context.Context, issuer string, token *Token) error {
	if token.Claims.Text("iss") != issuer {
		return &Error{Kind: WrongIssuer, Issuer: token.Claims.Text("iss"), Err: fmt.Errorf("want %q", issuer)}
	}
	keys, fresh, err := v.keys(ctx, issuer)
	if err != nil {
		return err
	}
	if !fresh && len(token.candidates(keys)) == 0 {
		if keys, err = v.fetch(ctx, issuer); err != nil {
			return err
		}
	}
	return at(issuer, token.VerifyWith(keys))
}

// at adds the issuer to an *Error.
func at(issuer string, err error) error {
	var refusal *Error
	if errors.As(err, &refusal) {
		refusal.Issuer = issuer
	}
	return err
}

// keys returns the issuer's keys; fresh says that they were fetched just now.
func (v *Verifier) keys(ctx context.Context, issuer string) (keys jose.JSONWebKeySet, fresh bool, err error) {
	v.mutex.Lock()
	cached, ok := v.sets[issuer]
	v.mutex.Unlock()
	if ok && time.Since(cached.fetched) < v.cacheTime {
		return cached.keys, false, nil
	}
	keys, err = v.fetch(ctx, issuer)
	return keys, true, err
}

func (v *Verifier) fetch(ctx context.Context, issuer string) (jose.JSONWebKeySet, error) {
	keys, err := v.discover(ctx, issuer)
	if err != nil {
		return jose.JSONWebKeySet{}, at(issuer, err)
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.sets[issuer] = keySet{keys: keys, fetched: time.Now()}
	return keys, nil
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
