package gcp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error is a refusal of a Google API.
type Error struct {
	// Code is the HTTP status, for example 409.
	Code    int
	Message string
	// Reason, Service and Consumer are the ErrorInfo detail, where there is one.
	Reason   string
	Service  string
	Consumer string
}

// Error words the refusal as Google's Go client does.
func (e *Error) Error() string {
	text := fmt.Sprintf("googleapi: Error %d: %s", e.Code, e.Message)
	if e.Reason != "" {
		text += fmt.Sprintf("\nDetails:\n[{\"@type\": \"type.googleapis.com/google.rpc.ErrorInfo\", \"domain\": \"googleapis.com\", \"metadata\": {\"consumer\": %q, \"service\": %q}, \"reason\": %q}]",
			e.Consumer, e.Service, e.Reason)
	}
	return text
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
		Code:     http.StatusForbidden,
		Message:  fmt.Sprintf("Permission denied on resource project %s.", project),
		Reason:   "CONSUMER_INVALID",
		Service:  service,
		Consumer: "projects/" + project,
	}
}

// apiTitles are the names that Google's messages give to the services.
var apiTitles = map[string]string{
	iamAPI:      "Identity and Access Management (IAM) API",
	registryAPI: "Artifact Registry API",
	managerAPI:  "Cloud Resource Manager API",
}

func serviceDisabled(number, service string) error {
	return &Error{
		Code: http.StatusForbidden,
		Message: fmt.Sprintf("%s has not been used in project %s before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/%s/overview?project=%s then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
			apiTitles[service], number, service, number),
		Reason:   "SERVICE_DISABLED",
		Service:  service,
		Consumer: "projects/" + number,
	}
}

// isNotFound says whether a Google API answered 404.
func isNotFound(err error) bool { return hasCode(err, http.StatusNotFound) }

func hasCode(err error, code int) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Code == code
}

// problems joins what is wrong with one request into one refusal: Google names
// the first problem only, the sandbox all of them.
func problems(messages []string) error {
	if len(messages) == 0 {
		return nil
	}
	return invalid("%s", strings.Join(messages, "; "))
}
