// Package fault words the refusals of AWS's APIs as the client libraries of
// AWS show them.
package fault

import (
	"errors"
	"fmt"
	"slices"
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
