package entra

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/azure"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/world"
)

const (
	// identityLifetime is the life of a managed identity's token, from its issue:
	// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identities-faq
	identityLifetime = 24 * time.Hour
	// backdated is how long before its issue a token is valid, so that it lives
	// 86,700 s altogether where expires_on − not_before is recorded:
	// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
	backdated = 5 * time.Minute
	// applicationLifetime is the life of an app registration's token. Entra
	// draws it between 60 and 90 minutes:
	// https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime
	applicationLifetime = time.Hour
)

// Config says what the token service decides from.
type Config struct {
	// Cloud holds the deployed identities with their credentials. Required.
	Cloud *azure.Cloud
	// World holds the tenants and their app registrations.
	World world.Azure
	// Dir keeps each tenant's signing key. It is created if it is missing, and
	// belongs to one server at a time. Required.
	Dir string
	// Client fetches the discovery documents and keys of issuers. Required.
	Client *http.Client
	// Now is the clock.
	Now func() time.Time
}

// Server is the token service of all tenants of one world.
type Server struct {
	cloud   *azure.Cloud
	tenants []*tenant
	issuers *oidc.Verifier
	now     func() time.Time
	routes  *http.ServeMux
}

// tenant is one tenant of the world.
type tenant struct {
	// id is the GUID in lower case, as Entra writes it.
	id           string
	cloud        azureCloud
	applications []world.Application
	key          *signingKey
}

// New makes or finds the tenants' signing keys.
func New(config Config) (*Server, error) {
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("entra: %w", err)
	}
	s := &Server{
		cloud: config.Cloud, now: config.Now,
		// Federated credentials are for RS256 alone (docs/facts.md §2).
		issuers: oidc.NewVerifier(config.Client, jose.RS256),
	}
	for _, existing := range config.World.Tenants {
		id := strings.ToLower(existing.ID)
		if uuid.Validate(id) != nil || len(id) != 36 { // it names a file
			return nil, fmt.Errorf("entra: tenant %q: want a GUID", existing.ID)
		}
		key, err := openSigningKey(config.Dir, id)
		if err != nil {
			return nil, fmt.Errorf("entra: signing key of tenant %s: %w", id, err)
		}
		cloud := cloudNamed(existing.Cloud)
		s.tenants = append(s.tenants, &tenant{id: id, cloud: cloud, applications: existing.Applications, key: key})
	}
	s.routes = http.NewServeMux()
	s.routes.HandleFunc("GET /common/discovery/instance", s.instanceDiscovery)
	s.routes.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.inTenant(s.discovery))
	s.routes.HandleFunc("GET /{tenant}/.well-known/openid-configuration", s.inTenant(s.v1Discovery))
	s.routes.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.inTenant(s.keys))
	s.routes.HandleFunc("GET /{tenant}/discovery/keys", s.inTenant(s.v1Keys))
	s.routes.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.token)
	return s, nil
}

// Hosts are the host names that the server answers for.
func (s *Server) Hosts() []string { return allHosts() }

// ServeHTTP implements http.Handler. The request's host says which cloud it is
// for: a tenant of another cloud is unknown there.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// tenantAt finds a tenant of the cloud that a request was sent to.
func (s *Server) tenantAt(r *http.Request) (*tenant, *refusal) {
	name, host := r.PathValue("tenant"), strings.TrimSuffix(strings.ToLower(r.Host), ":443")
	for _, tenant := range s.tenants {
		if strings.EqualFold(tenant.id, name) && slices.Contains(tenant.cloud.hosts, host) {
			return tenant, nil
		}
	}
	return nil, unknownTenant(name)
}

// tenantByID finds a tenant whatever its cloud.
func (s *Server) tenantByID(id string) (*tenant, error) {
	for _, tenant := range s.tenants {
		if strings.EqualFold(tenant.id, id) {
			return tenant, nil
		}
	}
	return nil, fmt.Errorf("entra: tenant %q: want one of the world's", id)
}
