package registry

import (
	"net/http"

	"waybill.example/waybill/sandbox/registry/content"
)

// actionOf is the action that a method needs, in the words of token scopes:
// https://distribution.github.io/distribution/spec/auth/scope/
func actionOf(method string) string {
	switch {
	case content.Reads(method):
		return "pull"
	case method == http.MethodDelete:
		return "delete"
	default:
		return "push"
	}
}
