package googleapis

import (
	"encoding/json"
	"fmt"
	"net/http"

	"waybill.example/waybill/sandbox/gcp"
)

// Error is a refusal of a Google API.
type Error = gcp.Error

func write(w http.ResponseWriter, e *Error) {
	if e.Code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/"`)
	}
	content := map[string]any{"code": e.Code, "message": e.Message, "status": e.Status}
	if details := e.Details(); details != nil {
		content["details"] = details
	}
	writeJSON(w, e.Code, map[string]any{"error": content})
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
