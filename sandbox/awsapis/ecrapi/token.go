package ecrapi

import (
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/state"
)

// Lifetime is how long an authorization token lives:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
const Lifetime = 12 * time.Hour

// grant is what a token holds.
type grant struct {
	Session iam.Session `json:"session"`
	// Region in which the token was asked for.
	Region  string    `json:"region"`
	Expires time.Time `json:"expires"`
}

// The ways in which a token does not count.
var (
	errTokenInvalid = errors.New("no token of this registry")
	errTokenExpired = errors.New("an expired token")
)

// tokens makes and opens authorization tokens. A token holds its grant, encrypted
// and authenticated by a key on disk, so that it outlives the process.
type tokens struct{ seal cipher.AEAD }

// openTokens reads the key at path, or makes it.
func openTokens(path string) (tokens, error) {
	seal, err := state.OpenSeal(path)
	if err != nil {
		return tokens{}, fmt.Errorf("ecrapi: authorization tokens: %w", err)
	}
	return tokens{seal: seal}, nil
}

func (t tokens) mint(g grant) (string, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return "", fmt.Errorf("ecrapi: token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(t.seal.Seal(nil, nil, text, nil)), nil //nolint:gosec // this AEAD makes its own random nonce, and wants none
}

// open returns what a token holds, with errTokenInvalid or errTokenExpired where
// it does not count now.
func (t tokens) open(token string, now time.Time) (grant, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return grant{}, errTokenInvalid
	}
	text, err := t.seal.Open(nil, nil, sealed, nil)
	if err != nil {
		return grant{}, errTokenInvalid
	}
	var g grant
	if err := json.Unmarshal(text, &g); err != nil {
		return grant{}, errTokenInvalid
	}
	if !now.Before(g.Expires) {
		return grant{}, errTokenExpired
	}
	return g, nil
}
