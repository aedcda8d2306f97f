package googleapis

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/oidc"
)

// The host names that the servers answer for.
const (
	STSHost            = "sts.googleapis.com"
	IAMCredentialsHost = "iamcredentials.googleapis.com"
)

// CloudPlatform is the scope of everything in Google Cloud.
const CloudPlatform = "https://www.googleapis.com/auth/cloud-platform"

// maxRequest bounds the body of a request, in bytes: a subject token with the
// mapped groups of docs/facts.md §3 stays far below.
const maxRequest = 1 << 20

// Config says what the servers decide from. Every field is required.
type Config struct {
	Cloud *gcp.Cloud
	// Dir is an existing folder for the key of the access tokens.
	Dir string
	// Client fetches discovery documents and key sets of issuers.
	Client *http.Client
	// Now is the clock.
	Now func() time.Time
}

// Server is Google's token servers.
type Server struct {
	// Tokens opens what the servers issued.
	Tokens *Tokens

	cloud    *gcp.Cloud
	verifier *oidc.Verifier
	now      func() time.Time
}

// New makes the servers. Tokens that earlier ones issued from the same Dir count
// until they expire.
func New(config Config) (*Server, error) {
	tokens, err := OpenTokens(filepath.Join(config.Dir, "access-tokens.key"), config.Cloud, config.Now)
	if err != nil {
		return nil, err
	}
	verifier := oidc.NewVerifier(config.Client, jose.RS256, jose.ES256)
	return &Server{Tokens: tokens, cloud: config.Cloud, verifier: verifier, now: config.Now}, nil
}

// Handlers returns the servers by host name.
func (s *Server) Handlers() map[string]http.Handler {
	return map[string]http.Handler{STSHost: s.STS(), IAMCredentialsHost: s.IAMCredentials()}
}

// enabled refuses a project, by its ID or number, that has not enabled a service.
func (s *Server) enabled(project, service string) error {
	found, exists := s.cloud.Project(project)
	if !exists {
		// Pools and accounts belong to projects of the world.
		return fmt.Errorf("googleapis: there is no project %q", project)
	}
	if slices.Contains(found.APIs, service) {
		return nil
	}
	disabled := gcp.ServiceDisabled(found.Number, service)
	disabled.Status = "PERMISSION_DENIED"
	return disabled
}
