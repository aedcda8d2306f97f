package registry

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/registry/content"
)

// permission is what an action needs, and who has it.
type permission struct {
	name string
	// roles hold it: https://cloud.google.com/artifact-registry/docs/access-control#roles
	roles []string
	// scopes allow it: https://cloud.google.com/artifact-registry/docs/access-control#compute
	scopes []string
}

var permissions = map[string]permission{
	"pull": {
		name: "artifactregistry.repositories.downloadArtifacts",
		roles: []string{
			"roles/artifactregistry.reader", "roles/artifactregistry.writer", "roles/artifactregistry.repoAdmin", "roles/artifactregistry.admin",
			"roles/artifactregistry.createOnPushWriter", "roles/artifactregistry.createOnPushRepoAdmin",
		},
		scopes: []string{
			googleapis.CloudPlatform, "https://www.googleapis.com/auth/cloud-platform.read-only",
			"https://www.googleapis.com/auth/devstorage.read_only", "https://www.googleapis.com/auth/devstorage.read_write",
		},
	},
	"push": {
		name: "artifactregistry.repositories.uploadArtifacts",
		roles: []string{
			"roles/artifactregistry.writer", "roles/artifactregistry.repoAdmin", "roles/artifactregistry.admin",
			"roles/artifactregistry.createOnPushWriter", "roles/artifactregistry.createOnPushRepoAdmin",
		},
		scopes: []string{googleapis.CloudPlatform, "https://www.googleapis.com/auth/devstorage.read_write"},
	},
	"delete": {
		name: "artifactregistry.repositories.deleteArtifacts",
		roles: []string{
			"roles/artifactregistry.repoAdmin", "roles/artifactregistry.admin", "roles/artifactregistry.createOnPushRepoAdmin",
		},
		scopes: []string{googleapis.CloudPlatform},
	},
}

// artifactRegistry is LOCATION-docker.pkg.dev.
type artifactRegistry struct {
	*Registries
	location string
}

func (a *artifactRegistry) host() string { return a.location + artifactSuffix }

// ServeHTTP decides about a request, and lets the repository answer it.
func (a *artifactRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	switch r.URL.Path {
	case tokenPath:
		a.serveToken(w, r)
		return
	case "/v2", "/v2/":
		if _, err := a.caller(r); err != nil {
			a.challenge(w, "")
			err.Write(w)
			return
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	at, known := content.ParseRoute(r.URL.Path)
	if !known {
		content.Refuse(http.StatusNotFound, "NAME_UNKNOWN", "%s: there is no such thing in a registry", r.URL.Path).Write(w)
		return
	}
	caller, err := a.caller(r)
	if err != nil {
		a.challenge(w, wantedScope(at, r.Method))
		err.Write(w)
		return
	}
	repository, err := a.authorize(caller, at.Name, actionOf(r.Method))
	if err != nil {
		err.Write(w)
		return
	}
	if err := a.answer(w, r, at, repository); err != nil {
		err.Write(w)
	}
}

// answer serves an allowed request from the repository, or, where that is
// virtual, from the first of its upstreams that has what is asked for.
func (a *artifactRegistry) answer(w http.ResponseWriter, r *http.Request, at content.Route, repository gcp.Repository) *content.Refusal {
	if repository.Virtual() && !content.Reads(r.Method) {
		// Google documents that nothing can be pushed to a virtual repository, not
		// the words: https://cloud.google.com/artifact-registry/docs/repositories/virtual-overview
		return content.Unsupported("the repository %q is virtual: nothing can be pushed to it", repository.ID)
	}
	if !content.Reads(r.Method) {
		held, err := a.held(r.Context(), repository)
		if err != nil {
			return content.Internal(err)
		}
		held.Serve(w, r, at, immutability(repository))
		return nil
	}
	sources, refused := a.sources(repository)
	for _, source := range sources {
		held, err := a.held(r.Context(), source)
		if err != nil {
			return content.Internal(err)
		}
		_, _, image := splitName(at.Name)
		there := at
		there.Name = source.Project + "/" + source.ID + "/" + image
		if _, exists := held.Find(r.Context(), there); exists {
			held.Serve(w, r, there, nil)
			return nil
		}
	}
	if refused != nil {
		return refused
	}
	return unknown(at)
}

// sources are the repositories that a repository serves from, and why it does
// not serve from one more. An upstream that was deleted has nothing, and one that
// is virtual itself cannot be configured.
//
// A virtual repository reads its upstreams as the service agent of its own
// project, whose role is for the resources of that project: in another one the
// agent needs the reader's role
// (https://cloud.google.com/artifact-registry/docs/ar-service-account and
// https://cloud.google.com/artifact-registry/docs/repositories/virtual-repo).
// Neither the words of the refusal are published, nor whether Google goes on to
// the other upstreams where it may not read one; here it does.
func (a *artifactRegistry) sources(repository gcp.Repository) (sources []gcp.Repository, refused *content.Refusal) {
	if !repository.Virtual() {
		return []gcp.Repository{repository}, nil
	}
	for _, upstream := range repository.Upstreams() {
		found, exists := a.config.Cloud.RepositoryNamed(upstream)
		if !exists || found.Virtual() {
			continue
		}
		if agent, may := a.serves(repository, found); !may {
			refused = denied("Permission %q denied on resource %q (or it may not exist): the virtual repository %q reads it as %s, which needs roles/artifactregistry.reader there",
				permissions["pull"].name, upstream, repository.ResourceName(), agent)
			continue
		}
		sources = append(sources, found)
	}
	return sources, refused
}

// serves says whether a virtual repository may read an upstream, and as whom.
func (a *artifactRegistry) serves(repository, upstream gcp.Repository) (agent string, may bool) {
	owner, exists := a.config.Cloud.Project(repository.Project)
	if !exists || upstream.Project == repository.Project {
		return "", exists
	}
	agent = gcp.Agent(owner.Number)
	return agent, a.grants(upstream, permissions["pull"].roles, agent, "allAuthenticatedUsers", "allUsers")
}

// grants says whether one of the members has one of the roles on a repository,
// or on its project, where only the world grants any.
func (a *artifactRegistry) grants(repository gcp.Repository, roles []string, members ...string) bool {
	project, _ := a.config.Cloud.Project(repository.Project)
	inherited := gcp.Policy{}
	for _, binding := range project.Bindings {
		inherited.Bindings = append(inherited.Bindings, gcp.Binding(binding))
	}
	return slices.ContainsFunc(roles, func(role string) bool {
		return repository.Policy.Grants(role, members...) || inherited.Grants(role, members...)
	})
}

// unknown is the answer to what a repository does not hold. The words for
// manifests are Google's.
func unknown(at content.Route) *content.Refusal {
	switch at.Kind {
	case content.Manifests:
		return content.Refuse(http.StatusNotFound, "MANIFEST_UNKNOWN", "Failed to fetch %q", at.Reference)
	case content.Tags:
		return content.Refuse(http.StatusNotFound, "NAME_UNKNOWN", "Package %q not found", at.Name)
	default:
		return content.Refuse(http.StatusNotFound, "BLOB_UNKNOWN", "Failed to fetch %q", at.Reference)
	}
}

// authorize returns the repository of a name if the caller may do the action in it.
func (a *artifactRegistry) authorize(caller googleapis.Principal, name, action string) (gcp.Repository, *content.Refusal) {
	project, id, image := splitName(name)
	if image == "" {
		return gcp.Repository{}, content.Refuse(http.StatusBadRequest, "NAME_INVALID", "Missing image name. Names are of the form PROJECT/REPOSITORY/IMAGE, not %q", name)
	}
	if found, exists := a.config.Cloud.Project(project); exists && found.ID == project && !slices.Contains(found.APIs, gcp.RegistryAPI) {
		return gcp.Repository{}, denied("%s", gcp.ServiceDisabled(found.Number, gcp.RegistryAPI).Message)
	}
	needed, known := permissions[action]
	if !known {
		return gcp.Repository{}, denied("%v", provider.NotModelled("the action "+action))
	}
	resource := fmt.Sprintf("projects/%s/locations/%s/repositories/%s", project, a.location, id)
	repository, exists := a.config.Cloud.Repository(a.location, project, id)
	granted := exists && a.grants(repository, needed.roles, caller.Members()...)
	switch {
	case !granted && caller.Anonymous():
		return gcp.Repository{}, denied("Unauthenticated request. Unauthenticated requests do not have permission %q on resource %q (or it may not exist)", needed.name, resource)
	case !granted:
		return gcp.Repository{}, denied("Permission %q denied on resource %q (or it may not exist)", needed.name, resource)
	case !caller.Anonymous() && !caller.Allows(needed.scopes...):
		return gcp.Repository{}, denied("Request had insufficient authentication scopes.")
	}
	return repository, nil
}

// splitName splits PROJECT/REPOSITORY/IMAGE.
func splitName(name string) (project, repository, image string) {
	parts := append(strings.SplitN(name, "/", 3), "", "")
	return parts[0], parts[1], parts[2]
}

// caller says who sends a request: with Bearer or Basic, an access token, as
// https://cloud.google.com/artifact-registry/docs/docker/authentication#token
// says. A request without any is not anonymous but refused: who wants to be
// nobody gets a token for it.
func (a *artifactRegistry) caller(r *http.Request) (googleapis.Principal, *content.Refusal) {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return a.open(credentials)
	case "basic":
		user, password, _ := r.BasicAuth()
		return a.login(user, password)
	default:
		return googleapis.Principal{}, errUnauthorized
	}
}

// login refuses every user but googleapis.User. Google also knows _json_key and
// _json_key_base64, whose passwords are keys of accounts: there are none here.
func (a *artifactRegistry) login(user, password string) (googleapis.Principal, *content.Refusal) {
	if user != googleapis.User {
		return googleapis.Principal{}, errUnauthorized
	}
	return a.open(password)
}

func (a *artifactRegistry) open(token string) (googleapis.Principal, *content.Refusal) {
	principal, err := a.config.Tokens.Open(token)
	var ended *googleapis.Error
	if errors.As(err, &ended) {
		return googleapis.Principal{}, errUnauthorized
	}
	if err != nil {
		return googleapis.Principal{}, content.Internal(err)
	}
	return principal, nil
}

// challenge says where to get a token. As Google's, it names the service and
// the scope only where something is asked for
// (https://github.com/apple/container/issues/2274).
func (a *artifactRegistry) challenge(w http.ResponseWriter, scope string) {
	text := fmt.Sprintf("Bearer realm=%q", "https://"+a.host()+tokenPath)
	if scope != "" {
		text += fmt.Sprintf(",service=%q,scope=%q", a.host(), scope)
	}
	w.Header().Set("WWW-Authenticate", text)
}

// wantedScope is the scope that a request needs. Whoever pushes looks first at
// what is there.
func wantedScope(at content.Route, method string) string {
	actions := actionOf(method)
	if actions == "push" {
		actions = "pull,push"
	}
	return "repository:" + at.Name + ":" + actions
}

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

func denied(format string, args ...any) *content.Refusal {
	return content.Refuse(http.StatusForbidden, "DENIED", format, args...)
}

// errUnauthorized is Artifact Registry's answer to a user or a token that
// does not count.
var errUnauthorized = content.Refuse(http.StatusUnauthorized, "UNAUTHORIZED", "authentication failed")

// immutability is how a repository refuses to move tags, in the words of
// https://cloud.google.com/artifact-registry/docs/docker/troubleshoot#push; nil where
// it moves them.
func immutability(repository gcp.Repository) content.Immutable {
	if !repository.ImmutableTags() {
		return nil
	}
	return func(tag string) *content.Refusal {
		return content.Refuse(http.StatusBadRequest, "MANIFEST_INVALID", "cannot update tag %s. The repository has enabled tag immutability", tag)
	}
}
