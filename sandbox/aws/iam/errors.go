package iam

import (
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

func noSuchEntity(format string, args ...any) error {
	return fault.Refuse(http.StatusNotFound, NoSuchEntity, format, args...)
}

func alreadyExists(format string, args ...any) error {
	return fault.Refuse(http.StatusConflict, EntityAlreadyExists, format, args...)
}

func deleteConflict(format string, args ...any) error {
	return fault.Refuse(http.StatusConflict, DeleteConflict, format, args...)
}

func limitExceeded(format string, args ...any) error {
	return fault.Refuse(http.StatusConflict, LimitExceeded, format, args...)
}

func malformed(message string) error {
	return fault.Refuse(http.StatusBadRequest, MalformedPolicyDocument, "%s", message)
}

func invalid(format string, args ...any) error {
	return fault.Refuse(http.StatusBadRequest, ValidationError, format, args...)
}

func noRole(name string) error { return noSuchEntity("The role with name %s cannot be found.", name) }
