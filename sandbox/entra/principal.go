package entra

import (
	"strings"
	"time"

	"waybill.example/waybill/sandbox/world"
)

// principal is who a token is for: a managed identity or an app registration.
type principal struct {
	// clientID and principalID are GUIDs in lower case.
	clientID, principalID string
	credentials           []world.FederatedCredential
	lifetime              time.Duration
}

// principal finds who has a client ID in the tenant: a managed identity as it
// is deployed now, or an app registration of the world.
func (s *Server) principal(t *tenant, clientID string) (principal, bool) {
	if identity, ok := s.cloud.IdentityByClientID(t.id, clientID); ok {
		found := principal{
			clientID: strings.ToLower(identity.ClientID), principalID: strings.ToLower(identity.PrincipalID), lifetime: identityLifetime,
		}
		for _, credential := range identity.Credentials {
			found.credentials = append(found.credentials, world.FederatedCredential{
				Name: credential.Name, Issuer: credential.Issuer, Subject: credential.Subject,
				Audience: strings.Join(credential.Audiences, " "), // exactly one, by the resource manager's rule
			})
		}
		return found, true
	}
	for _, application := range t.applications {
		if strings.EqualFold(application.ClientID, clientID) {
			return principal{
				clientID: strings.ToLower(application.ClientID), principalID: strings.ToLower(application.PrincipalID),
				credentials: application.FederatedCredentials, lifetime: applicationLifetime,
			}, true
		}
	}
	return principal{}, false
}

// resource is what a token is for.
type resource struct {
	// audience is the aud of its tokens.
	audience string
	// v1 says that it takes tokens of version 1.0:
	// https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats
	v1 bool
}

// resource finds what a scope without its /.default names: an application ID
// URI, or an application's GUID. In version 1.0 aud is the name that was asked
// for, in 2.0 always the GUID:
// https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
func (t *tenant) resource(name string) (resource, bool) {
	if name == t.cloud.exchange || strings.EqualFold(name, exchangeApplication) {
		return resource{audience: exchangeApplication}, true
	}
	for _, manager := range t.cloud.managers {
		if strings.TrimSuffix(name, "/") == manager {
			return resource{audience: name, v1: true}, true
		}
	}
	for _, application := range t.applications {
		if !strings.EqualFold(name, application.ClientID) && (application.IdentifierURI == "" || name != application.IdentifierURI) {
			continue
		}
		if application.AccessTokenVersion == 2 {
			return resource{audience: strings.ToLower(application.ClientID)}, true
		}
		return resource{audience: name, v1: true}, true
	}
	return resource{}, false
}
