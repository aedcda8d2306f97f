package entra

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/world"
)

// skew is how far an issuer's clock may differ. Entra does not document its
// own; five minutes is the default of Microsoft's token libraries:
// https://learn.microsoft.com/dotnet/api/microsoft.identitymodel.tokens.tokenvalidationparameters.clockskew
const skew = 5 * time.Minute

func checkAssertionForm(kind, assertion string) *refusal {
	switch {
	case assertion == "":
		return missingAssertion()
	case kind == "":
		return missingParameter("client_assertion_type")
	case kind != assertionType:
		return malformedRequest()
	}
	return nil
}

// checkAssertion applies the rules of docs/facts.md §7 to a federated
// assertion, the cheap ones first: nobody is asked for keys on behalf of a token
// that no credential is made for.
func (s *Server) checkAssertion(ctx context.Context, t *tenant, who principal, assertion string) *refusal {
	token, err := s.issuers.Parse(assertion)
	if err != nil {
		return fromVerifier(err)
	}
	issuer, subject := token.Claims.Text("iss"), token.Claims.Text("sub")
	if _, expires := token.Claims.Time("exp"); issuer == "" || subject == "" || !expires {
		return malformedAssertion("it lacks iss, sub or exp")
	}
	if issuedByEntra(issuer) {
		return issuedHere()
	}
	if refused := match(t.cloud, who.credentials, token.Claims); refused != nil {
		return refused
	}
	if err := s.issuers.Check(ctx, issuer, token); err != nil {
		return fromVerifier(err)
	}
	return s.checkTimes(token.Claims)
}

// match looks for the credential that the assertion is meant for: issuer and
// subject exactly, case and trailing slash included, and one audience.
func match(cloud azureCloud, credentials []world.FederatedCredential, claims oidc.Claims) *refusal {
	issuer, subject, audiences := claims.Text("iss"), claims.Text("sub"), claims.Audiences()
	if len(credentials) == 0 {
		return noCredentials(issuer, subject, strings.Join(audiences, ", "))
	}
	fits := func(fit func(world.FederatedCredential) bool) []world.FederatedCredential {
		var fitting []world.FederatedCredential
		for _, credential := range credentials {
			if fit(credential) {
				fitting = append(fitting, credential)
			}
		}
		return fitting
	}
	if credentials = fits(func(c world.FederatedCredential) bool { return c.Issuer == issuer }); len(credentials) == 0 {
		return noSuchIssuer(issuer)
	}
	if credentials = fits(func(c world.FederatedCredential) bool { return c.Subject == subject }); len(credentials) == 0 {
		return noSuchSubject(subject)
	}
	credentials = fits(func(c world.FederatedCredential) bool { return slices.Equal(audiences, []string{c.Audience}) })
	if len(credentials) == 0 {
		return noSuchAudience(strings.Join(audiences, ", "))
	}
	if credentials[0].Audience != cloud.exchange {
		return wrongAudience(credentials[0].Audience, cloud.exchange)
	}
	return nil
}

func (s *Server) checkTimes(claims oidc.Claims) *refusal {
	now := s.now().UTC()
	expires, _ := claims.Time("exp")
	valid, bounded := claims.Time("nbf")
	if expires.Add(skew).Before(now) || bounded && valid.Add(-skew).After(now) {
		const form = "2006-01-02T15:04:05.0000000Z"
		return notInTime(now.Format(form), valid.Format(form), expires.Format(form))
	}
	return nil
}

// fromVerifier words what the verifier found as Entra does.
func fromVerifier(err error) *refusal {
	var found *oidc.Error
	if !errors.As(err, &found) {
		return malformedAssertion("it cannot be read")
	}
	switch found.Kind {
	case oidc.NotAllowed:
		return wrongAlgorithm(found.Algorithm)
	case oidc.Unreachable:
		return issuerUnreachable()
	case oidc.BadMetadata:
		return issuerInvalid()
	case oidc.UnknownKey:
		return unknownKey(found.KeyID, found.Issuer)
	case oidc.BadSignature:
		return badSignature(found.KeyID)
	case oidc.Malformed, oidc.WrongIssuer:
	}
	return malformedAssertion("its format is not proper")
}
