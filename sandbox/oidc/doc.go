// Package oidc has the two ends of OpenID Connect discovery that the sandbox
// needs. [Publish] puts a cluster's discovery document and keys at its issuer's
// real URL, as a cloud does for its managed clusters. [Verifier] is what Entra
// and Google's token service do with a token of such an issuer: discovery, keys,
// signature.
//
// A Verifier accepts the algorithms that it was told and no others, never
// "none" and never a MAC; it wants a kid; and the discovery document must name
// the issuer exactly, trailing slash included
// (https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation).
// Audience, subject and times are the caller's to judge: only it knows its
// cloud's rules and skew.
package oidc
