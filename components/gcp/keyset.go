package gcp

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// The members of a key in the only form that Google documents, with what its type
// needs, and those that a private or symmetric key has
// (https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers#Oidc,
// https://www.rfc-editor.org/rfc/rfc7518#section-6).
var (
	keyMembers     = []string{"alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"}
	privateMembers = []string{"d", "dp", "dq", "k", "oth", "p", "q", "qi"}
	needed         = map[string][]string{"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}
	// algorithms are those of the tokens that Google takes (docs/facts.md §2), by the
	// keys' type.
	algorithms = map[string]string{"RSA": "RS256", "EC": "ES256"}
)

// base64URL is how a key's numbers are written, without padding.
var base64URL = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// checkKeySet refuses a JWKS that Google would refuse, at once or with the first
// token, and one that holds a private key: the document becomes part of the stack's
// state. No value of a key but its kid is repeated.
func checkKeySet(text string) error {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return errors.New("is no JSON: want the document of the issuer's jwks_uri")
	}
	if set.Keys == nil {
		return errors.New(`has no "keys": want the document of the issuer's jwks_uri, {"keys": [...]}`)
	}
	if n := len(set.Keys); n == 0 || n > maxKeySet {
		return fmt.Errorf("holds %d keys: want 1 to %d", n, maxKeySet)
	}
	var problems []string
	seen := map[string]bool{}
	for i, key := range set.Keys {
		kid := member(key, "kid")
		wrong := checkPublicKey(key)
		if wrong == "" && seen[kid] {
			wrong = " has the kid of another: want one of its own"
		}
		if wrong != "" && kid != "" {
			wrong += fmt.Sprintf(" (kid %q)", kid)
		}
		if seen[kid] = kid != ""; wrong != "" {
			problems = append(problems, fmt.Sprintf("keys[%d]%s", i, wrong))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}

// member is a key's member where it is text.
func member(key map[string]any, name string) string {
	text, _ := key[name].(string)
	return text
}

// checkPublicKey says what is wrong with a key, after its name; empty for nothing.
func checkPublicKey(key map[string]any) string {
	kty := member(key, "kty")
	if needed[kty] == nil {
		return fmt.Sprintf(".kty %q: want RSA or EC", kty)
	}
	for _, name := range privateMembers {
		if _, private := key[name]; private {
			return " is a private key: want public keys only"
		}
	}
	if alg, named := key["alg"]; named && alg != algorithms[kty] {
		return fmt.Sprintf(".alg %q: want RS256 or ES256, the algorithms of the tokens that Google takes, by the key's type", fmt.Sprint(alg))
	}
	for _, name := range needed[kty] {
		if !base64URL.MatchString(member(key, name)) {
			return fmt.Sprintf(".%s is missing or not in base64url: want %s of an %s key", name, strings.Join(needed[kty], ", "), kty)
		}
	}
	if curve := member(key, "crv"); kty == "EC" && curve != "P-256" {
		return fmt.Sprintf(".crv %q: want P-256, since Google takes tokens of RS256 and ES256 only", curve)
	}
	if wrong := checkNumbers(kty, key); wrong != "" {
		return wrong
	}
	if use, named := key["use"]; named && use != "sig" {
		return fmt.Sprintf(".use %q: want sig", fmt.Sprint(use))
	}
	for _, name := range slices.Sorted(maps.Keys(key)) {
		if !slices.Contains(keyMembers, name) {
			return fmt.Sprintf(".%s is no member that Google takes: want none but %s", name, strings.Join(keyMembers, ", "))
		}
	}
	return ""
}

// leastRSA is how many bits RS256 asks of a key at the least
// (https://www.rfc-editor.org/rfc/rfc7518#section-3.3).
const leastRSA = 2048

// checkNumbers says what is wrong with the numbers of a key that has them all.
func checkNumbers(kty string, key map[string]any) string {
	number := func(name string) []byte {
		bytes, _ := base64.RawURLEncoding.DecodeString(member(key, name))
		return bytes
	}
	if kty == "EC" {
		point := slices.Concat([]byte{4}, number("x"), number("y")) // SEC 1, uncompressed
		if _, err := ecdh.P256().NewPublicKey(point); err != nil {
			return ".x and .y are no point of P-256: want both whole, 32 bytes each"
		}
		return ""
	}
	if bits := new(big.Int).SetBytes(number("n")).BitLen(); bits < leastRSA {
		return fmt.Sprintf(".n has %d bits: want %d at the least, as RS256 asks", bits, leastRSA)
	}
	if e := new(big.Int).SetBytes(number("e")); e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0 {
		return fmt.Sprintf(".e is %s: want an odd number from 3, such as AQAB", e)
	}
	return ""
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
