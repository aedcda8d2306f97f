package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Token is a signed token whose signature nobody has checked yet.
type Token struct {
	// KeyID is the kid of its header; Algorithm the alg.
	KeyID     string
	Algorithm jose.SignatureAlgorithm
	// Claims are what it says about itself: nothing to act on, but good enough
	// to choose whose keys to check it with.
	Claims Claims

	signed *jose.JSONWebSignature
}

// Parse reads a token in compact form. Its errors are *Error of kind Malformed,
// or NotAllowed for an algorithm that is not in the list.
func Parse(text string, algorithms ...jose.SignatureAlgorithm) (*Token, error) {
	signed, err := jose.ParseSignedCompact(text, algorithms)
	var unexpected *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &unexpected):
		return nil, &Error{Kind: NotAllowed, Algorithm: string(unexpected.Got), Err: fmt.Errorf("want one of %q", algorithms)}
	case err != nil:
		return nil, &Error{Kind: Malformed, Err: err}
	}
	header := signed.Signatures[0].Protected
	token := &Token{KeyID: header.KeyID, Algorithm: jose.SignatureAlgorithm(header.Algorithm), signed: signed}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &token.Claims); err != nil {
		return nil, &Error{Kind: Malformed, Err: err}
	}
	if token.Claims == nil {
		return nil, &Error{Kind: Malformed, Err: errors.New("its claims are null")}
	}
	return token, nil
}

// VerifyWith checks the signature with a key set that the caller holds, as
// Google does where a provider's keys were uploaded. Its errors are *Error of
// kind UnknownKey or BadSignature.
func (t *Token) VerifyWith(keys jose.JSONWebKeySet) error {
	candidates := t.candidates(keys)
	if len(candidates) == 0 {
		return &Error{Kind: UnknownKey, KeyID: t.KeyID}
	}
	var err error
	for _, key := range candidates {
		if _, err = t.signed.Verify(key); err == nil {
			return nil
		}
	}
	return &Error{Kind: BadSignature, KeyID: t.KeyID, Err: err}
}

// candidates are the signing keys of the set with the token's kid. A token
// without one names no key: Kubernetes and the clouds always write it.
func (t *Token) candidates(keys jose.JSONWebKeySet) []jose.JSONWebKey {
	var fitting []jose.JSONWebKey
	for _, key := range keys.Keys {
		if t.KeyID != "" && key.KeyID == t.KeyID && key.IsPublic() &&
			(key.Use == "" || key.Use == "sig") && (key.Algorithm == "" || key.Algorithm == string(t.Algorithm)) {
			fitting = append(fitting, key)
		}
	}
	return fitting
}

// Claims are a token's claims as JSON decodes them: numbers are float64.
type Claims map[string]any

// Text returns a claim that is text, or "".
func (c Claims) Text(name string) string {
	text, _ := c[name].(string)
	return text
}

// Audiences returns aud, which is one text or a list of them; nil where it is
// missing or anything else.
func (c Claims) Audiences() []string {
	switch value := c["aud"].(type) {
	case string:
		return []string{value}
	case []any:
		audiences := make([]string, 0, len(value))
		for _, element := range value {
			audience, ok := element.(string)
			if !ok {
				return nil
			}
			audiences = append(audiences, audience)
		}
		return audiences
	}
	return nil
}

// Time returns a claim that is a NumericDate (RFC 7519 §2: seconds since 1970,
// possibly with a fraction), in UTC. ok is false where it is missing, no number,
// or beyond the year 9999.
func (c Claims) Time(name string) (at time.Time, ok bool) {
	const year9999 = 253402300800
	seconds, isNumber := c[name].(float64)
	if !isNumber || seconds < 0 || seconds >= year9999 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
