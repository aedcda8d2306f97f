package content

import (
	"encoding/json"
	"fmt"
	"net/http"
)

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
