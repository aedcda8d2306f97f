package registry

import (
	"net/http"

	"waybill.example/waybill/sandbox/registry/content"
)

func denied(format string, args ...any) *content.Refusal {
	return content.Refuse(http.StatusForbidden, "DENIED", format, args...)
}

// errUnauthorized is Artifact Registry's answer to a user or a token that
// does not count.
var errUnauthorized = content.Refuse(http.StatusUnauthorized, "UNAUTHORIZED", "authentication failed")

// movedTag is Artifact Registry's answer to a push that would move a tag where
// tags are immutable, in the words of
// https://cloud.google.com/artifact-registry/docs/docker/troubleshoot#push
func movedTag(tag string) *content.Refusal {
	return content.Refuse(http.StatusBadRequest, "MANIFEST_INVALID", "cannot update tag %s. The repository has enabled tag immutability", tag)
}

// immutability is how a repository refuses to move tags; nil where it moves them.
func immutability(immutable bool) content.Immutable {
	if !immutable {
		return nil
	}
	return movedTag
}
