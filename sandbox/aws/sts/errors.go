package sts

import (
	"errors"
	"fmt"
	"net/http"

	"waybill.example/waybill/sandbox/aws/fault"
)

// The codes of refusals, those common to all services included:
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
const (
	AccessDenied            = "AccessDenied"
	ExpiredToken            = "ExpiredToken"
	ExpiredTokenException   = "ExpiredTokenException"
	IDPRejectedClaim        = "IDPRejectedClaim"
	IncompleteSignature     = "IncompleteSignature"
	InvalidAction           = "InvalidAction"
	InvalidClientTokenID    = "InvalidClientTokenId"
	InvalidIdentityToken    = "InvalidIdentityToken"
	MalformedPolicyDocument = "MalformedPolicyDocument"
	MissingAuthentication   = "MissingAuthenticationToken"
	PackedPolicyTooLarge    = "PackedPolicyTooLarge"
	RegionDisabled          = "RegionDisabledException"
	SignatureDoesNotMatch   = "SignatureDoesNotMatch"
	ValidationError         = "ValidationError"
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

// refusal is an error of the API before it is known which operation it ends.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(status int, code, format string, args ...any) error {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(code, format string, args ...any) error {
	return refuse(http.StatusBadRequest, code, format, args...)
}

func forbidden(code, format string, args ...any) error {
	return refuse(http.StatusForbidden, code, format, args...)
}

// during makes a refusal one of an operation: a *fault.Error.
func during(operation string, err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return api.Refuse(operation, r.status, r.code, "%s", r.message)
	}
	return err
}
