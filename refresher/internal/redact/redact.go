// Package redact keeps tokens, signatures and assertions out of everything that people read.
//
// Clouds and proxies quote what they were sent, sometimes cut or re-encoded, so removing the exact string is
// not enough: a [Set] removes every run of token characters that shares a window of twelve characters with a
// known secret, and whatever has the shape of a token.
package redact

import (
	"regexp"
	"strings"
	"sync"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// window is how many characters in a row a text may not share with a secret. Twelve base64 characters are 72
// bits: no accident, and too few to be of use.
const window = 12

var (
	// A JWT begins with the encoding of `{"`; its other segments may have been cut off.
	jwtShape = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`)
	// Google's opaque access tokens, https://cloud.google.com/docs/authentication/token-types#access.
	googleShape = regexp.MustCompile(`ya29\.[A-Za-z0-9._-]+`)
	// AWS's access key IDs,
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes. They
	// name a key rather than open anything; nobody needs them here.
	amazonShape = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)
	// Form fields and headers that carry a secret whatever its shape.
	fieldShape = regexp.MustCompile(`(?i)((?:client_assertion|subject_token|access_token|id_token|client_secret|` +
		`password|webidentitytoken|sessiontoken|secretaccesskey|authorizationtoken|x-amz-security-token|` +
		`signature)["']?\s*[=:]\s*["']?|(?:bearer|basic)\s+)([A-Za-z0-9._~+/%-]{12,}=*)`)
	// A run of characters that tokens are made of, base64 and base64url alike.
	run = regexp.MustCompile(`[A-Za-z0-9._~+/=-]{12,}`)
)

// Set holds the secrets of one run. The zero value is ready; it is safe for concurrent use.
type Set struct {
	mu      sync.RWMutex
	windows map[string]struct{}
}

// Add makes the set remember secret. Anything shorter than the window is ignored: removing it would destroy
// ordinary words.
func (s *Set) Add(secret string) {
	secret = strings.TrimSpace(secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.windows == nil {
		s.windows = map[string]struct{}{}
	}
	for i := 0; i+window <= len(secret); i++ {
		s.windows[secret[i:i+window]] = struct{}{}
	}
}

// Text returns text without any secret, known or shaped like one.
func (s *Set) Text(text string) string {
	text = jwtShape.ReplaceAllString(text, Mark)
	text = googleShape.ReplaceAllString(text, Mark)
	text = amazonShape.ReplaceAllString(text, Mark)
	text = fieldShape.ReplaceAllString(text, "${1}"+Mark)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.windows) == 0 {
		return text
	}
	return run.ReplaceAllStringFunc(text, func(found string) string {
		for i := 0; i+window <= len(found); i++ {
			if _, known := s.windows[found[i:i+window]]; known {
				return Mark
			}
		}
		return found
	})
}

// Cut shortens text to at most limit characters (runes), for logs that must stay readable, and says so with
// an ellipsis.
func Cut(text string, limit int) string {
	text = strings.TrimSpace(text)
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit]) + "…"
}
