package rehearsal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
)

// Names of the hops, as in the JSON document of `make up`.
const (
	hopKubernetes = "kubernetes"
	hopEntra      = "entra"
	hopSTS        = "sts"
	hopIAM        = "iam"
	hopECR        = "ecr"
	hopExecution  = "execution-role"
	hopLogs       = "logs"
	hopSecret     = "secret"
	hopRegistry   = "registry"
)

// refused is a walk's end at a hop, in the words of who refused.
type refused struct {
	hop, words string
}

func (r *refused) Error() string { return r.hop + ": " + r.words }

// allowed is a walk's end where nobody refused, and what that allows.
type allowed string

func (a allowed) Error() string { return string(a) }

// What is done at a registry but a pull.
const (
	doPush   = "push"
	doDelete = "delete"
)

// registryRequest pulls an image, the product's where it is empty, pushes beside
// it, or deletes it.
func (c *chain) registryRequest(ctx context.Context, login authn.Authenticator, image, do string) error {
	reference, err := name.ParseReference(cmp.Or(image, c.image))
	if err != nil {
		return err
	}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(c.Client.Transport), remote.WithAuth(login),
	}
	switch do {
	case doPush:
		err = remote.Write(reference.Context().Tag("rehearsal"), empty.Image, options...)
	case doDelete:
		return c.deleteImage(ctx, login, reference)
	default:
		_, err = remote.Image(reference, options...)
	}
	if err != nil {
		return &refused{hopRegistry, firstLine(err.Error())}
	}
	return nil
}

// deleteImage deletes an image by its tag. The clients' library asks for the right
// to push, so that it is the request itself that is sent.
func (c *chain) deleteImage(ctx context.Context, login authn.Authenticator, reference name.Reference) error {
	endpoint := "https://" + reference.Context().RegistryStr() + "/v2/" + reference.Context().RepositoryStr() + "/manifests/" + reference.Identifier()
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, endpoint, http.NoBody)
	if err != nil {
		return err
	}
	as, err := login.Authorization()
	if err != nil {
		return err
	}
	request.SetBasicAuth(as.Username, as.Password)
	var answer struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if _, err := c.do(request, &answer); err != nil {
		return err
	}
	if len(answer.Errors) == 1 && answer.Errors[0].Code == "DENIED" {
		return &refused{hopRegistry, firstLine(answer.Errors[0].Message)}
	}
	return allowed("it may delete")
}

// post sends a form; ok is false for an answer other than 200, which is
// decoded all the same.
func (s *setting) post(ctx context.Context, endpoint string, form url.Values, answer any) (ok bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(request, answer)
}

func (s *setting) do(request *http.Request, answer any) (ok bool, err error) {
	response, err := s.Client.Do(request) //nolint:gosec // the URL is of the deployed chain, and the client reaches the sandbox alone
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return false, fmt.Errorf("rehearsal: %s answered %d with something that is no JSON", request.URL.Host, response.StatusCode)
	}
	return response.StatusCode == http.StatusOK, nil
}

// firstLine shortens a cloud's answer to what a table can show.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	const most = 800 // a refusal of IAM with two ARNs, in a kubelet's words
	if shown := []rune(line); len(shown) > most {
		return string(shown[:most]) + "…"
	}
	return line
}

// Families of words of Artifact Registry.
var (
	registryRead   = regexp.MustCompile(`artifactregistry\.repositories\.downloadArtifacts.* denied`)
	registryPush   = regexp.MustCompile(`artifactregistry\.repositories\.uploadArtifacts.* denied`)
	registryDelete = regexp.MustCompile(`artifactregistry\.repositories\.deleteArtifacts.* denied`)
	registryNobody = regexp.MustCompile(`Unauthenticated request.*artifactregistry\.repositories\.downloadArtifacts`)
)

// artifactRepository is the vendor's repository in Artifact Registry: the parts
// of LOCATION-docker.pkg.dev/PROJECT/NAME.
func (c *chain) artifactRepository() (location, project, name string) {
	project, name, _ = strings.Cut(c.repository, "/")
	return strings.TrimSuffix(c.registry, "-docker.pkg.dev"), project, name
}

// neighboursImage is an image of another repository of the vendor's.
func (c *chain) neighboursImage() (string, error) {
	location, project, own := c.artifactRepository()
	for _, p := range c.World.GCP.Projects {
		for _, r := range p.Repositories {
			if p.ID == project && r.Location == location && r.Name != own && len(r.Images) > 0 {
				return c.registry + "/" + project + "/" + r.Name + "/" + r.Images[0], nil
			}
		}
	}
	return "", fmt.Errorf("rehearsal: the world needs another repository with an image in %s of project %s", location, project)
}

// readerCases are those who must not read, and a tag that must not move.
func (c *chain) readerCases() []testCase {
	cases := []testCase{
		{"nobody in particular", hopRegistry, registryNobody, func(ctx context.Context) error {
			return c.registryRequest(ctx, authn.Anonymous, "", "")
		}},
		{"anybody with an account at Google", hopRegistry, anyWords, c.anybody},
		{"a release that Artifact Registry deletes by itself", hopRegistry, anyWords, c.cleanedUp},
	}
	return append(cases, c.moveCases(regexp.MustCompile(`enabled tag immutability`))...)
}

// cleanedUp reads the repository's cleanup policies: they must delete nothing that may
// run, which is what has a tag, and what lost it where tags may be moved.
// https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview
func (c *chain) cleanedUp(context.Context) error {
	location, project, name := c.artifactRepository()
	repository, _ := c.Google.Cloud.Repository(location, project, name)
	for _, policy := range repository.CleanupPolicies {
		if policy.Action != "DELETE" || repository.CleanupPolicyDryRun {
			continue
		}
		condition := gcp.CleanupCondition{}
		if policy.Condition != nil {
			condition = *policy.Condition
		}
		if condition.TagState != "UNTAGGED" {
			if kept := keptOf(repository.CleanupPolicies); kept < mostReleases {
				return allowed(fmt.Sprintf("policy %s deletes images with tags, but for %d", policy.ID, kept))
			}
			continue
		}
		// Google takes and gives seconds, such as 1209600s.
		if age, _ := time.ParseDuration(condition.OlderThan); age < aDay {
			return allowed(fmt.Sprintf("policy %s deletes images %s after their push", policy.ID, age))
		}
		if !repository.ImmutableTags() {
			return allowed("policy " + policy.ID + " deletes images that had a tag, which may still run")
		}
	}
	return &refused{hopRegistry, "what may run stays"}
}

// keptOf is how many of the newest images a policy keeps, whatever others delete.
func keptOf(policies []gcp.CleanupPolicy) (most int) {
	for _, policy := range policies {
		if policy.Action == "KEEP" && policy.MostRecentVersions != nil {
			most = max(most, policy.MostRecentVersions.KeepCount)
		}
	}
	return most
}

// mostReleases is how many images have to stay: 25 releases, each with its signature,
// SBOM and attestation.
const mostReleases = 4 * 25

// aDay is the least that an image without a tag has to stay: a push of several
// architectures has none for some time.
const aDay = 24 * time.Hour

// anybody looks for members of the repository's policy that are no one account.
func (c *chain) anybody(context.Context) error {
	location, project, name := c.artifactRepository()
	repository, _ := c.Google.Cloud.Repository(location, project, name)
	for _, binding := range repository.Policy.Bindings {
		for _, member := range binding.Members {
			if !strings.HasPrefix(member, "serviceAccount:") {
				return allowed(member + " has " + binding.Role)
			}
		}
	}
	for _, r := range c.Resources {
		member, role := fmt.Sprint(r.Inputs["member"]), fmt.Sprint(r.Inputs["role"])
		if string(r.Type) == typeReader && role != reader {
			return allowed(member + " has " + role)
		}
	}
	return &refused{hopRegistry, "every member of the repository's policy is one service account, and reads"}
}

// pullAs goes to the registry with an access token of a service account, as the
// metadata server of a node gives it.
func (c *chain) pullAs(ctx context.Context, account, image, do string) error {
	token, err := c.Google.Tokens.MintAccount(account, []string{googleapis.CloudPlatform}, googleapis.MaxLifetime)
	if err != nil {
		return err
	}
	return c.registryRequest(ctx, accessToken(token), image, do)
}

// reader is the role that a pull needs, and no other.
const reader = "roles/artifactregistry.reader"

// withoutReader runs with a service account's right to read taken away.
func (c *chain) withoutReader(ctx context.Context, account string, run func() error) error {
	location, project, name := c.artifactRepository()
	repository, found := c.Google.Cloud.Repository(location, project, name)
	if !found {
		return fmt.Errorf("rehearsal: the repository %s of the output accessGrant does not exist in %s", c.repository, location)
	}
	return during(
		func() error { return c.Google.Cloud.Revoke(ctx, repository, reader, "serviceAccount:"+account) },
		func() error { return c.Google.Cloud.Grant(ctx, repository, reader, "serviceAccount:"+account) },
		run,
	)
}
