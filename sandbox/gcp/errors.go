package gcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error is a refusal of a Google API, in the form of
// https://cloud.google.com/apis/design/errors
type Error struct {
	// Code is the HTTP status, Status the canonical name, for example 403 and
	// PERMISSION_DENIED; the APIs of resources leave the name out of what they say.
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
	text := fmt.Sprintf("googleapi: Error %d: %s", e.Code, e.Message)
	if e.Status != "" {
		text += ", " + e.Status
	}
	if details := e.Details(); details != nil {
		shown, _ := json.MarshalIndent(details, "", "  ") // texts alone
		text += "\nDetails:\n" + string(shown)
	}
	return text
}

// Details are the details as Google's JSON has them: the ErrorInfo of
// https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
func (e *Error) Details() []map[string]any {
	if e.Reason == "" {
		return nil
	}
	return []map[string]any{{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": e.Reason, "domain": e.Domain, "metadata": e.Metadata,
	}}
}

func invalid(format string, args ...any) error {
	return &Error{Code: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// notFound and alreadyExists are the messages of the IAM API for pools and providers.
func notFound() error {
	return &Error{Code: http.StatusNotFound, Message: "Requested entity was not found."}
}

func alreadyExists() error {
	return &Error{Code: http.StatusConflict, Message: "Requested entity already exists"}
}

// consumerInvalid is the answer for a project that does not exist, or that the
// caller may not use: Google does not say which.
func consumerInvalid(project, service string) error {
	return &Error{
		Code: http.StatusForbidden, Message: fmt.Sprintf("Permission denied on resource project %s.", project),
		Reason: "CONSUMER_INVALID", Domain: "googleapis.com", Metadata: map[string]string{"service": service, "consumer": "projects/" + project},
	}
}

// apiTitles are the names that Google's messages give to the services.
var apiTitles = map[string]string{
	iamAPI:                          "Identity and Access Management (IAM) API",
	RegistryAPI:                     "Artifact Registry API",
	managerAPI:                      "Cloud Resource Manager API",
	"sts.googleapis.com":            "Security Token Service API",
	"iamcredentials.googleapis.com": "IAM Service Account Credentials API",
}

// ServiceDisabled is the answer where a project, by its number, has not enabled a
// service.
func ServiceDisabled(number, service string) *Error {
	return &Error{
		Code: http.StatusForbidden,
		Message: fmt.Sprintf("%s has not been used in project %s before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/%s/overview?project=%s then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
			apiTitles[service], number, service, number),
		Reason: "SERVICE_DISABLED", Domain: "googleapis.com", Metadata: map[string]string{"service": service, "consumer": "projects/" + number},
	}
}

// isNotFound says whether a Google API answered 404.
func isNotFound(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Code == http.StatusNotFound
}

// problems joins what is wrong with one request into one refusal: Google names
// the first problem only, the sandbox all of them.
func problems(messages []string) error {
	if len(messages) == 0 {
		return nil
	}
	return invalid("%s", strings.Join(messages, "; "))
}
