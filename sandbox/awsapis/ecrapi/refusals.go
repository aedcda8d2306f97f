package ecrapi

import (
	"net/http"

	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/registry/content"
)

// Refusals of authorization tokens. The status is of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors-docker.html#error-403
// and the words are what clients report; ECR publishes no words for a token of
// another Region.
var (
	errUnauthorized = content.Refuse(http.StatusUnauthorized, "UNAUTHORIZED", "Not Authorized")
	errExpired      = content.Refuse(http.StatusForbidden, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
	errInvalid      = content.Refuse(http.StatusForbidden, "DENIED", "Your Authorization Token is invalid.")
)

// unknown is the answer to what a repository does not hold. The words for
// manifests are ECR's: https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors-docker.html
func unknown(at content.Route, repository ecr.Repository) *content.Refusal {
	if at.Kind == content.Manifests {
		return content.Refuse(http.StatusNotFound, "MANIFEST_UNKNOWN", "Requested image not found")
	}
	return content.Refuse(http.StatusNotFound, "BLOB_UNKNOWN",
		"The layer with digest '%s' does not exist in the repository with name '%s' in the registry with id '%s'", at.Reference, repository.Name, repository.Account)
}

// immutability is how a repository refuses to move tags; nil where it moves them.
// The API has the refusal as ImageTagAlreadyExistsException, registry clients as
// TAG_INVALID: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
func immutability(repository ecr.Repository) content.Immutable {
	if repository.Mutability != ecr.Immutable {
		return nil
	}
	return func(tag string) *content.Refusal {
		return content.Refuse(http.StatusBadRequest, "TAG_INVALID",
			"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the repository is immutable.", tag, repository.Name)
	}
}
