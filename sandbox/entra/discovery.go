package entra

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"waybill.example/waybill/sandbox/provider"
)

// inTenant answers 400 for a tenant that is not there.
func (s *Server) inTenant(serve func(w http.ResponseWriter, r *http.Request, t *tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant, refused := s.tenantAt(r)
		if refused != nil {
			// Discovery names this error invalid_tenant, the token endpoint
			// invalid_request, with the same code.
			refused.name = "invalid_tenant"
			s.refuse(w, r, refused)
			return
		}
		serve(w, r, tenant)
	}
}

// instanceDiscovery tells a client which names an authority has. MSAL asks it
// of an authority that it was not built to know:
// https://learn.microsoft.com/entra/msal/dotnet/advanced/custom-authority-aliases
func (s *Server) instanceDiscovery(w http.ResponseWriter, r *http.Request) {
	type instance struct {
		PreferredNetwork string   `json:"preferred_network"`
		PreferredCache   string   `json:"preferred_cache"`
		Aliases          []string `json:"aliases"`
	}
	var instances []instance
	known := false
	endpoint, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	for _, cloud := range azureClouds {
		instances = append(instances, instance{PreferredNetwork: cloud.hosts[0], PreferredCache: cloud.hosts[0], Aliases: cloud.hosts})
		known = known || err == nil && slices.Contains(cloud.hosts, strings.ToLower(endpoint.Host))
	}
	if !known {
		s.refuse(w, r, unknownInstance())
		return
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(endpoint.Path, "/"), "/")
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + endpoint.Host + "/" + name + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  instances,
	})
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request, t *tenant) {
	writeJSON(w, http.StatusOK, t.document("/v2.0", t.cloud.issuerURL(t.id)))
}

func (s *Server) v1Discovery(w http.ResponseWriter, _ *http.Request, t *tenant) {
	writeJSON(w, http.StatusOK, t.document("", t.cloud.v1IssuerURL(t.id)))
}

// document is the discovery document of a version:
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#sample-response
func (t *tenant) document(version, issuer string) map[string]any {
	base := "https://" + t.cloud.authority + "/" + t.id
	return map[string]any{
		"issuer":                                issuer,
		"jwks_uri":                              base + "/discovery" + version + "/keys",
		"token_endpoint":                        base + "/oauth2" + version + "/token",
		"authorization_endpoint":                base + "/oauth2" + version + "/authorize",
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
}

// keys is the v2.0 key set, whose keys carry their issuer.
func (s *Server) keys(w http.ResponseWriter, _ *http.Request, t *tenant) {
	key := provider.Encode(t.key.public())
	key["issuer"] = t.cloud.issuerURL(t.id)
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{key}})
}

func (s *Server) v1Keys(w http.ResponseWriter, _ *http.Request, t *tenant) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{t.key.public()}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(body)
}
