package registry

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/registry/content"
)

// tokenPath is the token endpoint.
const tokenPath = "/v2/token"

// serveToken gives a registry token for an access token, or to nobody, if every
// wanted action is allowed. The registry token is the access token again: what
// its owner may do is asked at every request.
func (a *artifactRegistry) serveToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		// Clients that try a POST first go on with a GET after a 404.
		content.Refuse(http.StatusNotFound, "UNSUPPORTED", "%s %s: want GET", r.Method, tokenPath).Write(w)
		return
	}
	scopes := strings.Fields(strings.Join(r.URL.Query()["scope"], " "))
	issued, token := a.config.Now().UTC(), ""
	var caller googleapis.Principal
	if user, password, given := r.BasicAuth(); given {
		opened, refused := a.login(user, password)
		if refused != nil {
			refused.Write(w)
			return
		}
		caller, token = opened, password
	} else {
		caller.Expiry = issued.Add(googleapis.MaxLifetime).Truncate(time.Second)
		if r.Header.Get("Authorization") != "" || len(scopes) == 0 {
			errUnauthorized.Write(w)
			return
		}
		var err error
		if token, err = a.config.Tokens.Mint(caller); err != nil {
			content.Internal(err).Write(w)
			return
		}
	}
	for _, scope := range scopes {
		if refused := a.allow(caller, scope); refused != nil {
			refused.Write(w)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{ // https://distribution.github.io/distribution/spec/auth/token/
		"token": token, "expires_in": int64(caller.Expiry.Sub(issued) / time.Second), "issued_at": issued,
	})
}

// allow checks a scope, repository:NAME:ACTION,… .
func (a *artifactRegistry) allow(caller googleapis.Principal, scope string) *content.Refusal {
	parts := strings.Split(scope, ":")
	if len(parts) != 3 || parts[0] != "repository" || !content.IsName(parts[1]) {
		return denied("the scope %q is not of the form repository:NAME:ACTIONS", scope)
	}
	for _, action := range strings.Split(parts[2], ",") {
		if _, refused := a.authorize(caller, parts[1], action); refused != nil {
			return refused
		}
	}
	return nil
}
