package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
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
	err := error(&Error{Kind: UnknownKey, KeyID: t.KeyID})
	for _, key := range keys.Keys {
		// A token without a kid names no key: Kubernetes and the clouds always write it.
		if t.KeyID == "" || key.KeyID != t.KeyID || !key.IsPublic() ||
			key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != string(t.Algorithm) {
			continue
		}
		_, wrong := t.signed.Verify(key)
		if wrong == nil {
			return nil
		}
		err = &Error{Kind: BadSignature, KeyID: t.KeyID, Err: wrong}
	}
	return err
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

// Kind says why a token was not accepted.
type Kind string

// The kinds, in the order in which they are found.
const (
	// Malformed: not a signed token in compact form with claims.
	Malformed Kind = "malformed token"
	// NotAllowed: signed with an algorithm that is not accepted here.
	NotAllowed Kind = "algorithm not allowed"
	// WrongIssuer: the token's iss is not the issuer that it must come from.
	WrongIssuer Kind = "another issuer"
	// Unreachable: discovery or keys could not be fetched.
	Unreachable Kind = "issuer unreachable"
	// BadMetadata: the issuer answered, but with no discovery document of its
	// own or no key set.
	BadMetadata Kind = "issuer metadata invalid"
	// UnknownKey: the issuer publishes no key with the token's kid.
	UnknownKey Kind = "no such key"
	// BadSignature: the key is there, and did not sign this.
	BadSignature Kind = "bad signature"
)

// Error is why a token was not accepted. It never holds the token.
type Error struct {
	Kind Kind
	// Issuer, KeyID and Algorithm are set where they matter.
	Issuer    string
	KeyID     string
	Algorithm string
	// Err is the cause, or nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("oidc: " + string(e.Kind))
	for _, part := range []struct{ name, value string }{{"issuer", e.Issuer}, {"kid", e.KeyID}, {"alg", e.Algorithm}} {
		if part.value != "" {
			fmt.Fprintf(&text, " %s %q", part.name, part.value)
		}
	}
	if e.Err != nil {
		fmt.Fprintf(&text, ": %v", e.Err)
	}
	return text.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
