package content

import (
	"net/http"
	"regexp"
)

// The kinds of things that a registry serves below a name.
const (
	Manifests = "manifests"
	Blobs     = "blobs"
	Tags      = "tags"
	Referrers = "referrers"
)

// The paths of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
var (
	routeForm = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags|referrers)/(uploads/?[^/]*|[^/]+)$`)
	nameForm  = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm   = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// Route is what a request is about.
type Route struct {
	// Name is all that comes before the kind.
	Name string
	// Kind is one of the constants above.
	Kind string
	// Reference is a tag, a digest, or "uploads/" with the upload's ID, if it has
	// one already.
	Reference string
}

// ParseRoute reads the path of a request; ok is false for one that is about
// nothing below a name, or about a name that no registry can have.
func ParseRoute(path string) (at Route, ok bool) {
	parts := routeForm.FindStringSubmatch(path)
	if parts == nil || !nameForm.MatchString(parts[1]) {
		return Route{}, false
	}
	return Route{Name: parts[1], Kind: parts[2], Reference: parts[3]}, true
}

// Path is the path of requests about it.
func (r Route) Path() string { return "/v2/" + r.Name + "/" + r.Kind + "/" + r.Reference }

// Named is the same route below another name.
func (r Route) Named(name string) Route {
	r.Name = name
	return r
}

// Reads says whether a method only reads.
func Reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// IsName says whether a registry can have a repository of this name.
func IsName(name string) bool { return nameForm.MatchString(name) }
