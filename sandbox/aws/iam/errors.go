package iam

import (
	"errors"
	"fmt"
	"net/http"

	"waybill.example/waybill/sandbox/aws/fault"
)

// The codes of refusals:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html#API_CreateRole_Errors
const (
	NoSuchEntity            = "NoSuchEntity"
	EntityAlreadyExists     = "EntityAlreadyExists"
	DeleteConflict          = "DeleteConflict"
	LimitExceeded           = "LimitExceeded"
	MalformedPolicyDocument = "MalformedPolicyDocument"
	ValidationError         = "ValidationError"
	InvalidInput            = "InvalidInput"
)

const api = fault.API("IAM")

// refusal is an error of the API before it is known which operation it ends.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

// during makes a refusal one of an operation: a *fault.Error.
func during(operation string, err *error) {
	var r *refusal
	if errors.As(*err, &r) {
		*err = api.Refuse(operation, r.status, r.code, "%s", r.message)
	}
}

func refuse(status int, code, format string, args ...any) error {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func noSuchEntity(format string, args ...any) error {
	return refuse(http.StatusNotFound, NoSuchEntity, format, args...)
}

func alreadyExists(format string, args ...any) error {
	return refuse(http.StatusConflict, EntityAlreadyExists, format, args...)
}

func deleteConflict(format string, args ...any) error {
	return refuse(http.StatusConflict, DeleteConflict, format, args...)
}

func limitExceeded(format string, args ...any) error {
	return refuse(http.StatusConflict, LimitExceeded, format, args...)
}

func malformed(message string) error {
	return refuse(http.StatusBadRequest, MalformedPolicyDocument, "%s", message)
}

func invalid(format string, args ...any) error {
	return refuse(http.StatusBadRequest, ValidationError, format, args...)
}

func noRole(name string) error { return noSuchEntity("The role with name %s cannot be found.", name) }
