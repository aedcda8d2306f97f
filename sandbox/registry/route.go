package registry

import (
	"net/http"
	"regexp"
)

// kinds of things that a registry serves below a name.
const (
	manifestKind = "manifests"
	tagKind      = "tags"
)

// The paths of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
var (
	routeForm = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags|referrers)/(uploads/?[^/]*|[^/]+)$`)
	nameForm  = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm   = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// route is what a request is about.
type route struct {
	// name is all that comes before the kind: for Artifact Registry the
	// project, the repository and the image.
	name string
	// kind is manifests, blobs, tags or referrers.
	kind string
	// reference is a tag, a digest or an upload.
	reference string
}

func parseRoute(path string) (route, bool) {
	parts := routeForm.FindStringSubmatch(path)
	if parts == nil || !nameForm.MatchString(parts[1]) {
		return route{}, false
	}
	return route{name: parts[1], kind: parts[2], reference: parts[3]}, true
}

func (r route) path() string { return "/v2/" + r.name + "/" + r.kind + "/" + r.reference }

// named is the same route below another name.
func (r route) named(name string) route {
	r.name = name
	return r
}

// reads says whether a method only reads.
func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// actionOf is the action that a method needs, in the words of token scopes:
// https://distribution.github.io/distribution/spec/auth/scope/
func actionOf(method string) string {
	switch {
	case reads(method):
		return "pull"
	case method == http.MethodDelete:
		return "delete"
	default:
		return "push"
	}
}
