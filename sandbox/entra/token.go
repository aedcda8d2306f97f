package entra

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/world"
)

const (
	grantType     = "client_credentials"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// maxForm is the largest token request, in bytes.
	maxForm = 64 << 10
)

// token is the token endpoint:
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	tenant, refused := s.tenantAt(r)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, malformedRequest())
		return
	}
	// Both are looked at before the assertion: they cost nothing.
	form := r.PostForm
	if refused := checkGrant(form.Get("grant_type"), form.Get("client_id")); refused != nil {
		s.refuse(w, r, refused)
		return
	}
	who, ok := s.principal(tenant, form.Get("client_id"))
	if !ok {
		s.refuse(w, r, unknownApplication(form.Get("client_id"), tenant.id))
		return
	}
	what, refused := tenant.scope(form.Get("scope"))
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	if refused := checkAssertionForm(form.Get("client_assertion_type"), form.Get("client_assertion")); refused != nil {
		s.refuse(w, r, refused)
		return
	}
	if refused := s.checkAssertion(r.Context(), tenant, who, form.Get("client_assertion")); refused != nil {
		s.refuse(w, r, refused)
		return
	}
	signed, err := tenant.key.sign(s.claims(tenant, who, what))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Header().Set("Pragma", "no-cache")
	seconds := int64(who.lifetime/time.Second) - 1 // as Entra counts: 86399 for a day
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": signed,
	})
}

func checkGrant(grant, clientID string) *refusal {
	switch {
	case grant == "":
		return missingParameter("grant_type")
	case grant != grantType:
		return unsupportedGrant(grant)
	case clientID == "":
		return missingParameter("client_id")
	}
	return nil
}

// scope reads the one resource of a request. MSAL adds the OpenID scopes to
// every request; they mean nothing without a user.
func (t *tenant) scope(text string) (resource, *refusal) {
	var names []string
	for _, name := range strings.Fields(text) {
		if !slices.Contains([]string{"openid", "profile", "email", "offline_access"}, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		if text == "" {
			return resource{}, missingField("scope")
		}
		return resource{}, scopeNotDefault(text)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, "/.default") {
			return resource{}, scopeNotDefault(name)
		}
	}
	if len(names) > 1 {
		return resource{}, severalResources(text)
	}
	name := strings.TrimSuffix(names[0], "/.default")
	what, ok := t.resource(name)
	if !ok {
		return resource{}, unknownResource(name, t.id)
	}
	return what, nil
}

// claims are those of docs/facts.md §2; v1.0's are in
// https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
func (s *Server) claims(t *tenant, who principal, what resource) map[string]any {
	now := s.now()
	from := now.Add(-backdated).Unix()
	claims := map[string]any{
		"aud": what.audience,
		"iat": from, "nbf": from, "exp": now.Add(who.lifetime).Unix(),
		"idtyp": "app",
		"oid":   who.principalID, "sub": who.principalID,
		"tid": t.id,
		"uti": rand.Text()[:22],
	}
	// "2" is a client that showed an assertion or a certificate, not a secret.
	if what.v1 {
		claims["iss"], claims["ver"] = t.cloud.v1IssuerURL(t.id), "1.0"
		claims["appid"], claims["appidacr"] = who.clientID, "2"
		claims["idp"] = t.cloud.v1IssuerURL(t.id)
	} else {
		claims["iss"], claims["ver"] = t.cloud.issuerURL(t.id), "2.0"
		claims["azp"], claims["azpacr"] = who.clientID, "2"
	}
	return claims
}

// Claims returns what the token service would say about an identity or an app
// registration right now, with no assertion shown: the ground from which a
// refusal case changes one thing before MintUnchecked.
func (s *Server) Claims(tenantID, clientID, scope string) (map[string]any, error) {
	tenant, err := s.tenantByID(tenantID)
	if err != nil {
		return nil, err
	}
	who, ok := s.principal(tenant, clientID)
	if !ok {
		return nil, fmt.Errorf("entra: client ID %q: want an identity or app registration of tenant %s", clientID, tenant.id)
	}
	what, refused := tenant.scope(scope)
	if refused != nil {
		return nil, fmt.Errorf("entra: scope %q: %s", scope, refused.text)
	}
	return s.claims(tenant, who, what), nil
}

// MintUnchecked signs the claims with the tenant's key as they are, true or
// not: tokens that Entra would give to somebody else, or in other ways than
// through this server, for the cases in which another cloud must refuse them.
// No request over the network leads here.
func (s *Server) MintUnchecked(tenantID string, claims map[string]any) (string, error) {
	tenant, err := s.tenantByID(tenantID)
	if err != nil {
		return "", err
	}
	return tenant.key.sign(claims)
}

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
