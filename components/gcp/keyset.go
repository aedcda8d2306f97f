package gcp

import (
	"encoding/json"
	"fmt"
)

// checkKeySet refuses a JWKS that Google would refuse, and one that holds a
// private key: the document becomes part of the stack's state.
func checkKeySet(text string) error {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return fmt.Errorf("is no JSON: want the document of the issuer's jwks_uri")
	}
	if n := len(set.Keys); n == 0 || n > maxKeySet {
		return fmt.Errorf("holds %d keys: want 1 to %d", n, maxKeySet)
	}
	for i, key := range set.Keys {
		if key["kty"] != "RSA" && key["kty"] != "EC" {
			return fmt.Errorf("keys[%d].kty %q: want RSA or EC", i, key["kty"])
		}
		if _, private := key["d"]; private {
			return fmt.Errorf("keys[%d] is a private key: want public keys only", i)
		}
		if alg, named := key["alg"]; named && alg != "RS256" && alg != "ES256" {
			return fmt.Errorf("keys[%d].alg %q: want RS256 or ES256", i, alg)
		}
	}
	return nil
}

// canonicalKeySet is a valid JWKS as Google gives it back: without spaces, keys
// sorted. This version of the provider compares texts, so that any other form
// would be an update at every run
// (https://github.com/hashicorp/terraform-provider-google/issues/23259).
func canonicalKeySet(text string) string {
	var set any
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return text
	}
	canonical, err := json.Marshal(set)
	if err != nil {
		return text
	}
	return string(canonical)
}
