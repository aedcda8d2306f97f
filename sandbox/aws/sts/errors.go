package sts

import (
	"net/http"

	"waybill.example/waybill/sandbox/aws/fault"
)

// The codes of refusals, those common to all services included:
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
const (
	AccessDenied          = "AccessDenied"
	ExpiredToken          = "ExpiredToken"
	ExpiredTokenException = "ExpiredTokenException"
	IDPRejectedClaim      = "IDPRejectedClaim"
	IncompleteSignature   = "IncompleteSignature"
	InvalidAction         = "InvalidAction"
	InvalidClientTokenID  = "InvalidClientTokenId"
	InvalidIdentityToken  = "InvalidIdentityToken"
	MissingAuthentication = "MissingAuthenticationToken"
	RegionDisabled        = "RegionDisabledException"
	SignatureDoesNotMatch = "SignatureDoesNotMatch"
	ValidationError       = "ValidationError"
)

const api = fault.API("STS")

// Exceptions are the names that services with a JSON protocol, ECR and ECS among
// them, give to the errors of a signature; such services answer 400:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html
var Exceptions = map[string]string{
	ExpiredToken:          "ExpiredTokenException",
	IncompleteSignature:   "IncompleteSignatureException",
	InvalidClientTokenID:  "UnrecognizedClientException",
	MissingAuthentication: "MissingAuthenticationTokenException",
	SignatureDoesNotMatch: "InvalidSignatureException",
}

func badRequest(code, format string, args ...any) error {
	return fault.Refuse(http.StatusBadRequest, code, format, args...)
}

func forbidden(code, format string, args ...any) error {
	return fault.Refuse(http.StatusForbidden, code, format, args...)
}

// during makes a refusal one of an operation.
func during(operation string, err error) error {
	api.During(operation, &err)
	return err
}
