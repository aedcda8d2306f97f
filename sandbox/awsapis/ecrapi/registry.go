package ecrapi

import (
	"errors"
	"fmt"
	"net/http"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/registry/content"
)

// registry is ACCOUNT.dkr.ecr.REGION.SUFFIX.
type registry struct {
	server *Server
	place  arn.Place
}

// ServeHTTP decides about a request, and lets the repository answer it.
func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	caller, err := g.caller(r)
	if err != nil {
		if err == errUnauthorized {
			g.challenge(w)
		}
		err.Write(w)
		return
	}
	if r.URL.Path == "/v2" || r.URL.Path == "/v2/" {
		w.WriteHeader(http.StatusOK)
		return
	}
	at, known := content.ParseRoute(r.URL.Path)
	if !known {
		content.Refuse(http.StatusNotFound, "NAME_UNKNOWN", "%s: there is no such thing in this registry", r.URL.Path).Write(w)
		return
	}
	if err := g.answer(w, r, at, caller); err != nil {
		err.Write(w)
	}
}

// answer serves a request where the caller may do what it asks for. What policies
// say comes first: to whoever may not read it, a repository that does not exist
// is like any other.
func (g *registry) answer(w http.ResponseWriter, r *http.Request, at content.Route, caller iam.Session) *content.Refusal {
	repository, exists := g.server.repositories.Repository(g.place, at.Name)
	if !exists {
		repository.Place, repository.Name = g.place, at.Name
	}
	needed, known := actions[[2]string{r.Method, at.Kind}]
	if !known {
		return content.Unsupported("%s %s: the sandbox has no such request", r.Method, r.URL.Path)
	}
	for _, action := range needed {
		if err := g.allow(caller, action, repository); err != nil {
			return err
		}
	}
	if !exists {
		return content.Refuse(http.StatusNotFound, "NAME_UNKNOWN", "The repository with name '%s' does not exist in the registry with id '%s'", at.Name, g.place.Account)
	}
	held, err := g.server.open(r.Context(), repository)
	if err != nil {
		return content.Internal(err)
	}
	if content.Reads(r.Method) && at.Kind != content.Tags {
		if _, found := held.Find(r.Context(), at); !found {
			return unknown(at, repository)
		}
	}
	if r.Method == http.MethodPost {
		// An upload that wants to be finished, or taken from another repository, at
		// once is only begun: the client goes on as the specification says.
		r = r.Clone(r.Context())
		r.URL.RawQuery = ""
	}
	held.Serve(w, r, at, immutability(repository))
	return nil
}

// allow asks the policies whether the caller may do the action in a repository.
func (g *registry) allow(caller iam.Session, action string, repository ecr.Repository) *content.Refusal {
	attached, err := repository.Attached()
	if err != nil {
		return content.Internal(err)
	}
	err = g.server.gate.Authorize(caller, iam.Access{
		Action: action, Resource: repository.ARN(), Account: repository.Account, Policy: attached, Region: repository.Region,
	})
	var denied *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &denied):
		return content.Refuse(http.StatusForbidden, "DENIED", "%s", denied.Message)
	default:
		return content.Internal(err)
	}
}

// actions are what a request needs, by its method and kind; ECR has no others.
var actions = map[[2]string][]string{
	{http.MethodGet, content.Manifests}:  {"ecr:BatchGetImage"},
	{http.MethodHead, content.Manifests}: {"ecr:BatchGetImage"},
	{http.MethodPut, content.Manifests}:  {"ecr:PutImage"},
	{http.MethodGet, content.Tags}:       {"ecr:ListImages"},
	{http.MethodHead, content.Blobs}:     {"ecr:BatchCheckLayerAvailability"},
	{http.MethodGet, content.Blobs}:      {"ecr:GetDownloadUrlForLayer"},
	{http.MethodPost, content.Blobs}:     {"ecr:InitiateLayerUpload"},
	{http.MethodPatch, content.Blobs}:    {"ecr:UploadLayerPart"},
	{http.MethodPut, content.Blobs}:      {"ecr:UploadLayerPart", "ecr:CompleteLayerUpload"},
}

// caller opens the authorization token of a request.
func (g *registry) caller(r *http.Request) (iam.Session, *content.Refusal) {
	name, password, given := r.BasicAuth()
	if !given || name != user {
		return iam.Session{}, errUnauthorized
	}
	var held grant
	switch {
	case !g.server.seal.Open(password, &held):
		return iam.Session{}, errInvalid
	case !g.server.gate.Now().Before(held.Expires):
		return iam.Session{}, errExpired
	case held.Region != g.place.Region:
		return iam.Session{}, errInvalid
	}
	return held.Session, nil
}

// challenge asks for an authorization token, in the form of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html#registry_auth_http
func (g *registry) challenge(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q,service=%q", "https://"+ecr.Host(g.place)+"/", "ecr.amazonaws.com"))
}

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
