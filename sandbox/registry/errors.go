package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refusal is an error of a registry:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
type refusal struct {
	status  int
	code    string
	message string
}

// Error returns the code and the message, as clients print them.
func (r *refusal) Error() string { return r.code + ": " + r.message }

func (r *refusal) write(w http.ResponseWriter) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string][]problem{"errors": {{Code: r.code, Message: r.message}}})
}

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func denied(format string, args ...any) *refusal {
	return refuse(http.StatusForbidden, "DENIED", format, args...)
}

// errUnauthorized is Artifact Registry's answer to a user or a token that
// does not count.
var errUnauthorized = refuse(http.StatusUnauthorized, "UNAUTHORIZED", "authentication failed")

func unsupported(format string, args ...any) *refusal {
	return refuse(http.StatusMethodNotAllowed, "UNSUPPORTED", format, args...)
}

func internal(err error) *refusal {
	return refuse(http.StatusInternalServerError, "UNKNOWN", "%v", err)
}
