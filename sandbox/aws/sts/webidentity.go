package sts

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/provider"
)

// The limits of
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html,
// durations in seconds.
const (
	minDuration     = 900
	maxDuration     = 43200
	defaultDuration = 3600
)

// tagsClaim is the claim that carries session tags.
const tagsClaim = "https://aws.amazon.com/tags"

// future is how far ahead of the clock a token may have been issued: clocks differ.
const future = 5 * time.Minute

var sessionName = regexp.MustCompile(`^[\w+=,.@-]*$`)

type webIdentityResponse struct {
	XMLName         xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
	AccessKeyID     string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
	SecretAccessKey string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
	SessionToken    string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
	Expiration      string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>Expiration"`
	Subject         string   `xml:"AssumeRoleWithWebIdentityResult>SubjectFromWebIdentityToken"`
	RoleID          string   `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>AssumedRoleId"`
	ARN             string   `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>Arn"`
	Provider        string   `xml:"AssumeRoleWithWebIdentityResult>Provider"`
	Audience        string   `xml:"AssumeRoleWithWebIdentityResult>Audience"`
	RequestID       string   `xml:"ResponseMetadata>RequestId"`
}

var errNotAuthorized = forbidden(AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")

func (s *Server) assumeRoleWithWebIdentity(ctx context.Context, form url.Values, region string) (any, error) {
	seconds, err := checkWebIdentity(form)
	if err != nil {
		return nil, err
	}
	name, ok := arn.Parse(form.Get("RoleArn"))
	if !ok || name.Service != "iam" || !strings.HasPrefix(name.Resource, "role/") {
		return nil, badRequest(ValidationError, "Request ARN is invalid")
	}
	account, err := s.account(name.Account, region)
	var r *fault.Error
	switch {
	case errors.As(err, &r):
		return nil, err
	case err != nil:
		return nil, errNotAuthorized
	}
	provider, claims, err := s.identify(ctx, account, form.Get("WebIdentityToken"))
	if err != nil {
		return nil, err
	}
	// A role that does not exist is not told from one that does not trust.
	role, exists := s.cloud.Role(form.Get("RoleArn"))
	if !exists {
		return nil, errNotAuthorized
	}
	caller := policy.Caller{Kind: policy.WebIdentity, ARN: provider.ARN}
	decision, err := s.cloud.AuthorizeTrust(role, caller, "sts:AssumeRoleWithWebIdentity", keysOf(provider, claims, form.Get("RoleSessionName")))
	switch {
	case err != nil:
		return nil, err
	case !decision.Allowed:
		return nil, errNotAuthorized
	case seconds > role.MaxSession:
		return nil, badRequest(ValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	session := iam.NewSession(role, form.Get("RoleSessionName"))
	session.Provider = provider.ARN
	credentials, err := s.Sessions.Mint(session, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return webIdentityResponse{
		AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey,
		SessionToken: credentials.SessionToken, Expiration: credentials.Expiration.Format(time.RFC3339),
		Subject: claims.Text("sub"), RoleID: session.UserID(), ARN: session.ARN(),
		Provider: provider.ARN, Audience: audiences(claims)[0], RequestID: uuid.NewString(),
	}, nil
}

// checkWebIdentity applies the rules for the parameters, and reads the duration.
func checkWebIdentity(form url.Values) (seconds int, err error) {
	text := cmp.Or(form.Get("DurationSeconds"), strconv.Itoa(defaultDuration))
	if seconds, err = strconv.Atoi(text); err != nil {
		return 0, badRequest("MalformedInput", "DurationSeconds %q: want a number of seconds", text)
	}
	var c fault.Checker
	c.Text("roleArn", form.Get("RoleArn"), 20, 2048, nil)
	c.Text("roleSessionName", form.Get("RoleSessionName"), 2, 64, sessionName)
	c.Text("webIdentityToken", form.Get("WebIdentityToken"), 4, 20000, nil)
	c.Number("durationSeconds", seconds, minDuration, maxDuration)
	if err := c.Err(); err != nil {
		return 0, err
	}
	if form.Get("ProviderId") != "" {
		return 0, badRequest(InvalidIdentityToken, "ProviderId %q: want none for an OpenID Connect token", form.Get("ProviderId"))
	}
	if form.Get("Policy") != "" || form.Has("PolicyArns.member.1.arn") {
		return 0, badRequest(ValidationError, "%v", provider.NotModelled("Policy, PolicyArns"))
	}
	return seconds, nil
}

// identify finds the provider of a token in an account and checks the token:
// issuer, audience, signature, times.
func (s *Server) identify(ctx context.Context, account *iam.Account, text string) (iam.OIDCProvider, oidc.Claims, error) {
	none := iam.OIDCProvider{}
	token, err := s.verifier.Parse(text)
	if err != nil {
		return none, nil, badRequest(InvalidIdentityToken, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token) (%v)", err)
	}
	claims := token.Claims
	issuer := claims.Text("iss")
	trusted, found := account.Trusted(issuer)
	if !found {
		return none, nil, badRequest(InvalidIdentityToken, "No OpenIDConnect provider found in your account for %s", issuer)
	}
	// RFC 7519's exp and the sub that policies compare are required:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
	expiry, expires := claims.Time("exp")
	for name, missing := range map[string]bool{
		"aud": len(audiences(claims)) == 0, "exp": !expires, "sub": claims.Text("sub") == "",
	} {
		if missing {
			return none, nil, badRequest(InvalidIdentityToken, "Missing a required claim: %s", name)
		}
	}
	if !slices.ContainsFunc(audiences(claims), func(audience string) bool { return slices.Contains(trusted.ClientIDs, audience) }) {
		return none, nil, badRequest(InvalidIdentityToken, "Incorrect token audience")
	}
	if err := s.verifier.Check(ctx, issuer, token); err != nil {
		return none, nil, asRefusal(err)
	}
	if now := s.now(); !now.Before(expiry) {
		return none, nil, badRequest(ExpiredTokenException, "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), expiry.Unix())
	}
	for _, name := range []string{"nbf", "iat"} {
		if at, ok := claims.Time(name); ok && at.After(s.now().Add(future)) {
			return none, nil, forbidden(IDPRejectedClaim, "The claim %s of the token is in the future: current date/time %d, claim %d", name, s.now().Unix(), at.Unix())
		}
	}
	if _, tagged := claims[tagsClaim]; tagged {
		return none, nil, badRequest(InvalidIdentityToken, "%v", provider.NotModelled("the claim "+tagsClaim))
	}
	return trusted, claims, nil
}

// asRefusal words what is wrong with keys and signatures. Only the words for
// keys that cannot be fetched are published.
func asRefusal(err error) error {
	var wrong *oidc.Error
	if !errors.As(err, &wrong) {
		return err
	}
	switch wrong.Kind {
	case oidc.Unreachable, oidc.BadMetadata, oidc.UnknownKey:
		return badRequest(InvalidIdentityToken, "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements (%v)", err)
	}
	return badRequest(InvalidIdentityToken, "The token's signature is not valid (%v)", err)
}

// audiences are whom a token is for. Where it names the authorized party, that
// takes the audience's place:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func audiences(claims oidc.Claims) []string {
	if party := claims.Text("azp"); party != "" {
		return []string{party}
	}
	return claims.Audiences()
}

// keysOf are the condition keys that a trust policy sees of a token.
func keysOf(provider iam.OIDCProvider, claims oidc.Claims, session string) policy.Context {
	context := policy.Context{}
	context.Set(provider.URL+":aud", audiences(claims)...)
	context.Set(provider.URL+":sub", claims.Text("sub"))
	if claims.Text("azp") != "" {
		context.Set(provider.URL+":oaud", claims.Audiences()...)
	}
	context.Set("aws:FederatedProvider", provider.ARN)
	context.Set("sts:RoleSessionName", session)
	return context
}
