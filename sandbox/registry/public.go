package registry

import (
	"net/http"

	"waybill.example/waybill/sandbox/registry/content"
)

// public is a registry from which anybody pulls and to which nobody pushes.
type public struct{ content *content.Store }

// ServeHTTP answers without asking who it is.
func (p public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.URL.Path == "/v2/" || r.URL.Path == "/v2" {
		w.WriteHeader(http.StatusOK)
		return
	}
	at, known := content.ParseRoute(r.URL.Path)
	switch {
	case !known:
		content.Refuse(http.StatusNotFound, "NAME_UNKNOWN", "%s: there is no such thing in a registry", r.URL.Path).Write(w)
	case !content.Reads(r.Method):
		denied("requested access to the resource is denied: this registry is public, and read-only").Write(w)
	default:
		p.content.Serve(w, r, at, nil)
	}
}
