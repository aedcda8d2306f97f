package oidc

import (
	"fmt"
	"strings"
)

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
