// Package googleapis stands in for Google's two token servers:
//
//   - sts.googleapis.com exchanges a token of an issuer that a workload
//     identity pool trusts for a federated access token,
//   - iamcredentials.googleapis.com exchanges that for an access token of a
//     service account.
//
// Both decide from what is deployed in a [gcp.Cloud] and answer in the forms,
// and as far as they are known in the words, of the real ones; a comment says
// where the words are not published. [Tokens] makes and opens the access
// tokens, for these servers and for registries.
//
// Refused is what docs/facts.md §3, §5 and §7 say: audiences that name no
// enabled pool and provider by the project's number; tokens of another issuer,
// for another audience, with another signature than RS256 or ES256, that live
// 48 hours or longer, are expired or from the future; what attribute mapping
// and condition do not admit; accounts on which no principal of the token holds
// the role; lifetimes over an hour; APIs that are not enabled.
//
// It models OIDC credentials only: AWS and SAML credentials, workforce pools,
// exchanges in JSON, delegation chains, ID tokens and signed JWTs are refused or
// unknown here.
package googleapis
