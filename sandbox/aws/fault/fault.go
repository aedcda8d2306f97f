// Package fault words the refusals of AWS's APIs as the client libraries of
// AWS show them.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is a refusal of an AWS API.
type Error struct {
	// Service is the service's ID in client libraries, for example ECR.
	Service string
	// Operation is the API's operation, for example CreateRepository.
	Operation string
	// Status is the HTTP status, for example 400.
	Status int
	// Code is the error's code, for example RepositoryAlreadyExistsException.
	Code    string
	Message string
}

// Error words the refusal as aws-sdk-go-v2 does, without the request's ID,
// which would make every message another one.
func (e *Error) Error() string {
	return fmt.Sprintf("operation error %s: %s, https response error StatusCode: %d, %s: %s",
		e.Service, e.Operation, e.Status, e.Code, e.Message)
}

// API makes the refusals of one service.
type API string

// Refuse is a refusal by an operation with a status, a code and a message.
func (a API) Refuse(operation string, status int, code, format string, args ...any) error {
	return &Error{Service: string(a), Operation: operation, Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Refuse is a refusal before it is known which operation it ends: see During.
func Refuse(status int, code, format string, args ...any) error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// During makes a refusal one of an operation.
func (a API) During(operation string, err *error) {
	var refusal *Error
	if errors.As(*err, &refusal) && refusal.Operation == "" {
		ended := *refusal
		ended.Service, ended.Operation = string(a), operation
		*err = &ended
	}
}

// Has says whether err is a refusal with one of the codes.
func Has(err error, codes ...string) bool {
	var refusal *Error
	return errors.As(err, &refusal) && slices.Contains(codes, refusal.Code)
}

// Checker words what AWS APIs answer to a request whose members have the wrong
// length, form or size: every problem in one ValidationError, as the services' own
// front does before an operation sees the request
// (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html).
type Checker struct{ problems []string }

// Text checks a member of least to most characters with a form; a nil form
// allows any.
func (c *Checker) Text(member, value string, least, most int, form *regexp.Regexp) {
	length := utf8.RuneCountInString(value)
	if length < least {
		c.report(member, value, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	}
	if length > most {
		c.report(member, value, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	if form != nil && !form.MatchString(value) {
		c.report(member, value, "Member must satisfy regular expression pattern: "+strings.NewReplacer("^", "", "$", "").Replace(form.String()))
	}
}

// Number checks a member from least to most.
func (c *Checker) Number(member string, value, least, most int) {
	if value < least {
		c.report(member, fmt.Sprint(value), fmt.Sprintf("Member must have value greater than or equal to %d", least))
	}
	if value > most {
		c.report(member, fmt.Sprint(value), fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

func (c *Checker) report(member, value, constraint string) {
	const shown = 256
	if len(value) > shown {
		// A token or a policy in a message would hide the rest of it.
		value = value[:shown] + "..."
	}
	c.problems = append(c.problems, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint))
}

// Err is the ValidationError, or nil where nothing is wrong.
func (c *Checker) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	noun := "errors"
	if len(c.problems) == 1 {
		noun = "error"
	}
	return Refuse(http.StatusBadRequest, "ValidationError", "%d validation %s detected: %s", len(c.problems), noun, strings.Join(c.problems, "; "))
}
