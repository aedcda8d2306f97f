package googleapis

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error is a refusal of a Google API, in the form of
// https://cloud.google.com/apis/design/errors
type Error struct {
	// Code is the HTTP status, Status the canonical name, for example 403 and
	// PERMISSION_DENIED.
	Code    int
	Status  string
	Message string
	// Reason, Domain and Metadata are the ErrorInfo detail; without a reason
	// there is none.
	Reason   string
	Domain   string
	Metadata map[string]string
}

// Error words the refusal as Google's Go client does.
func (e *Error) Error() string {
	return fmt.Sprintf("googleapi: Error %d: %s, %s", e.Code, e.Message, e.Status)
}

// errorInfo is https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
type errorInfo struct {
	Type     string            `json:"@type"`
	Reason   string            `json:"reason"`
	Domain   string            `json:"domain"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func (e *Error) write(w http.ResponseWriter) {
	type body struct {
		Code    int         `json:"code"`
		Message string      `json:"message"`
		Status  string      `json:"status"`
		Details []errorInfo `json:"details,omitempty"`
	}
	content := body{Code: e.Code, Message: e.Message, Status: e.Status}
	if e.Reason != "" {
		content.Details = []errorInfo{{
			Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: e.Reason, Domain: e.Domain, Metadata: e.Metadata,
		}}
	}
	if e.Code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/"`)
	}
	writeJSON(w, e.Code, map[string]body{"error": content})
}

// writeJSON answers with JSON that no client may keep: it can hold a token.
func writeJSON(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(content)
}

func invalidArgument(format string, args ...any) *Error {
	return &Error{Code: http.StatusBadRequest, Status: "INVALID_ARGUMENT", Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *Error {
	return &Error{Code: http.StatusNotFound, Status: "NOT_FOUND", Message: fmt.Sprintf(format, args...)}
}

// unauthenticated is the answer to an access token that is missing or counts
// no longer: https://cloud.google.com/docs/authentication/troubleshoot-adc and
// https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation
func unauthenticated(reason string) *Error {
	message := "Request had invalid authentication credentials."
	if reason == "CREDENTIALS_MISSING" {
		message = "Request is missing required authentication credential."
	}
	return &Error{
		Code: http.StatusUnauthorized, Status: "UNAUTHENTICATED",
		Message: message + " Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		Reason:  reason, Domain: "googleapis.com",
	}
}

// ServiceDisabled is the answer where a project, by its number, has not enabled
// the API called title.
func ServiceDisabled(number, service, title string) *Error {
	return &Error{
		Code: http.StatusForbidden, Status: "PERMISSION_DENIED",
		Message: fmt.Sprintf("%s has not been used in project %s before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/%s/overview?project=%s then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
			title, number, service, number),
		Reason: "SERVICE_DISABLED", Domain: "googleapis.com",
		Metadata: map[string]string{"service": service, "consumer": "projects/" + number},
	}
}
