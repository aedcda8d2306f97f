package googleapis

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/oidc"
)

const (
	// maxSubjectLifetime is what exp − iat must be less than:
	// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
	maxSubjectLifetime = 48 * time.Hour
	// skew is how far an issuer's clock may be ahead. Google does not publish
	// its tolerance. An expired token has none.
	skew = time.Minute
)

// subjectToken is a token that a provider accepts.
type subjectToken struct {
	claims oidc.Claims
	expiry time.Time
}

// verifySubject applies the rules of docs/facts.md §7 and of
// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for
// subject tokens. A refusal is an *OAuthError.
func (s *Server) verifySubject(ctx context.Context, provider gcp.PoolProvider, text string) (*subjectToken, error) {
	token, err := s.verifier.Parse(text)
	if err != nil {
		return nil, credentialError(err)
	}
	// Before the signature, since it says whose keys to fetch.
	if issuer := token.Claims.Text("iss"); issuer != provider.IssuerURI {
		return nil, refuse("invalid_grant", "The issuer in ID Token %s does not match the expected ones: %s", issuer, provider.IssuerURI)
	}
	if err := s.verifySignature(ctx, provider, token); err != nil {
		return nil, err
	}
	// One of several audiences is enough, as for every JWT:
	// https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3
	if audiences := token.Claims.Audiences(); !slices.ContainsFunc(audiences, provider.Accepts) {
		return nil, refuse("invalid_grant", "The audience in ID Token [%s] does not match the expected audience%s.",
			strings.Join(audiences, ", "), expectedAudience(provider))
	}
	return s.verifyTimes(token.Claims)
}

// expectedAudience names the audience where there is one to name.
func expectedAudience(provider gcp.PoolProvider) string {
	if len(provider.AllowedAudiences) == 1 {
		return " " + provider.AllowedAudiences[0]
	}
	return ""
}

// verifySignature checks the signature with the provider's uploaded keys, or,
// without any, with those that the issuer publishes.
func (s *Server) verifySignature(ctx context.Context, provider gcp.PoolProvider, token *oidc.Token) error {
	if provider.JWKS == "" {
		return credentialError(s.verifier.Check(ctx, provider.IssuerURI, token))
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(provider.JWKS), &keys); err != nil {
		return refuse("invalid_grant", "The uploaded keys of %s cannot be read: %v", provider.Name(), err)
	}
	return credentialError(token.VerifyWith(keys))
}

// credentialError words a refusal of the credential itself. Only Google's words
// for an issuer that cannot be reached are published:
// https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation
func credentialError(err error) error {
	var refusal *oidc.Error
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Kind {
	case oidc.Unreachable, oidc.BadMetadata:
		return refuse("invalid_grant", "Error connecting to the given credential's issuer.")
	case oidc.NotAllowed:
		return refuse("invalid_grant", "The ID Token is signed with %s: it must be signed with RS256 or ES256.", refusal.Algorithm)
	case oidc.UnknownKey:
		return refuse("invalid_grant", "The ID Token is signed with the key %q, which its issuer does not publish.", refusal.KeyID)
	case oidc.BadSignature:
		return refuse("invalid_grant", "The signature of the ID Token is invalid.")
	default:
		return refuse("invalid_grant", "Unable to parse the ID Token.")
	}
}

func (s *Server) verifyTimes(claims oidc.Claims) (*subjectToken, error) {
	issued, hasIssued := claims.Time("iat")
	expiry, hasExpiry := claims.Time("exp")
	now := s.now()
	switch {
	case !hasIssued || !hasExpiry:
		return nil, refuse("invalid_grant", "The ID Token must contain the claims iat and exp.")
	case expiry.Sub(issued) >= maxSubjectLifetime:
		return nil, refuse("invalid_grant", "The ID Token lives %.0f seconds: its exp must be less than %.0f seconds after its iat.",
			expiry.Sub(issued).Seconds(), maxSubjectLifetime.Seconds())
	case !now.Before(expiry):
		return nil, refuse("invalid_grant", "ID Token issued at %d is stale to sign-in.", issued.Unix())
	case issued.After(now.Add(skew)):
		return nil, refuse("invalid_grant", "The ID Token is issued in the future, at %d.", issued.Unix())
	}
	if _, given := claims["nbf"]; given {
		if from, isTime := claims.Time("nbf"); !isTime || from.After(now.Add(skew)) {
			return nil, refuse("invalid_grant", "The ID Token is not valid yet: its nbf is %v.", claims["nbf"])
		}
	}
	return &subjectToken{claims: claims, expiry: expiry}, nil
}
