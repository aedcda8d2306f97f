// Package oidctest is an OpenID Connect issuer for tests: a cluster's discovery
// document, keys and tokens without the cluster.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

// Key is a signing key with its name.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   crypto.Signer
}

// RSAKey makes a key for RS256.
func RSAKey(t testing.TB, id string) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return Key{ID: id, Algorithm: jose.RS256, Private: private}
}

// ECKey makes a key for ES256.
func ECKey(t testing.TB, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return Key{ID: id, Algorithm: jose.ES256, Private: private}
}

// Public is the key as a key set has it.
func (k Key) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Use: "sig", Algorithm: string(k.Algorithm)}
}

// Sign makes a token of these claims, true or not, with the key's kid.
func (k Key) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return Sign(t, k.Algorithm, k.Private, k.ID, claims)
}

// Sign makes a token with any algorithm and key; an empty keyID leaves kid out.
func Sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	t.Helper()
	options := new(jose.SignerOptions)
	if keyID != "" {
		options = options.WithHeader("kid", keyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return text
}

// Issuer publishes keys at an issuer URL. It is the handler of the URL's host.
type Issuer struct {
	url string

	mutex   sync.Mutex
	keys    []Key
	fetches int
}

// New is an issuer with this URL and these keys.
func New(issuer string, keys ...Key) *Issuer {
	return &Issuer{url: issuer, keys: keys}
}

// Host is the host of the issuer's URL.
func (i *Issuer) Host() string {
	parsed, err := url.Parse(i.url)
	if err != nil {
		return ""
	}
	return parsed.Host
}

// Publish replaces the keys that are published.
func (i *Issuer) Publish(keys ...Key) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.keys = keys
}

// Fetches is how often the keys were fetched.
func (i *Issuer) Fetches() int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.fetches
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	base := strings.TrimSuffix(i.url, "/")
	switch "https://" + r.Host + r.URL.Path {
	case base + "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "jwks_uri": base + "/keys"})
	case base + "/keys":
		i.fetches++
		var set jose.JSONWebKeySet
		for _, key := range i.keys {
			set.Keys = append(set.Keys, key.Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}
