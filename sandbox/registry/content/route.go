package content

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
)

// The kinds of things that a registry serves below a name.
const (
	Manifests = "manifests"
	Blobs     = "blobs"
	Tags      = "tags"
)

// The paths of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
var (
	routeForm = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags)/(uploads/?[^/]*|[^/]+)$`)
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

// Reads says whether a method only reads.
func Reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// IsName says whether a registry can have a repository of this name.
func IsName(name string) bool { return nameForm.MatchString(name) }

// Refusal is an error of a registry:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
type Refusal struct {
	// Status is the HTTP status.
	Status int
	// Code is one of the specification's, for example MANIFEST_UNKNOWN.
	Code    string
	Message string
}

// Error returns the code and the message, as clients print them.
func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Write answers with the refusal.
func (r *Refusal) Write(w http.ResponseWriter) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string][]problem{"errors": {{Code: r.Code, Message: r.Message}}})
}

// Refuse makes a refusal.
func Refuse(status int, code, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Unsupported refuses what a registry does not do.
func Unsupported(format string, args ...any) *Refusal {
	return Refuse(http.StatusMethodNotAllowed, "UNSUPPORTED", format, args...)
}

// Internal is the answer where the sandbox itself failed.
func Internal(err error) *Refusal {
	return Refuse(http.StatusInternalServerError, "UNKNOWN", "%v", err)
}
