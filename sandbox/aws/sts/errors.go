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

// exceptions are the names that services with a JSON protocol, ECR and ECS among
// them, give to the errors of a signature:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html
var exceptions = map[string]string{
	ExpiredToken:          "ExpiredTokenException",
	IncompleteSignature:   "IncompleteSignatureException",
	InvalidClientTokenID:  "UnrecognizedClientException",
	MissingAuthentication: "MissingAuthenticationTokenException",
	SignatureDoesNotMatch: "InvalidSignatureException",
}

// ExceptionOf is the code that a service with a JSON protocol uses for a
// refusal by Sessions.Verify; other codes stay. Such services answer 400.
func ExceptionOf(code string) string {
	if exception, ok := exceptions[code]; ok {
		return exception
	}
	return code
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
