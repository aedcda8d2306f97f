package registry

import "net/http"

// public is a registry from which anybody pulls and to which nobody pushes.
type public struct{ content *content }

// ServeHTTP answers without asking who it is.
func (p public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.URL.Path == "/v2/" || r.URL.Path == "/v2" {
		w.WriteHeader(http.StatusOK)
		return
	}
	at, known := parseRoute(r.URL.Path)
	switch {
	case !known:
		refuse(http.StatusNotFound, "NAME_UNKNOWN", "%s: there is no such thing in a registry", r.URL.Path).write(w)
	case !reads(r.Method):
		denied("requested access to the resource is denied: this registry is public, and read-only").write(w)
	default:
		p.content.serve(w, r, at, false)
	}
}
