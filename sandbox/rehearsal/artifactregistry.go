package rehearsal

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/world"
)

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
		if p.ID != project {
			continue
		}
		i := indexRepository(p.Repositories, location, own)
		if i >= 0 {
			repository := p.Repositories[i]
			return c.registry + "/" + strings.TrimSuffix(c.repository, own) + repository.Name + "/" + repository.Images[0], nil
		}
	}
	return "", fmt.Errorf("rehearsal: the world needs another repository with an image in %s of project %s", location, project)
}

func indexRepository(all []world.Repository, location, not string) int {
	for i, repository := range all {
		if repository.Location == location && repository.Name != not && len(repository.Images) > 0 {
			return i
		}
	}
	return -1
}

// readerCases are those who must not read, and a tag that must not move.
func (c *chain) readerCases() []testCase {
	cases := []testCase{
		{"nobody in particular", hopRegistry, registryNobody, func(ctx context.Context) error {
			return c.registryRequest(ctx, authn.Anonymous, "", "")
		}},
		{"anybody with an account at Google", hopRegistry, anyWords, c.anybody},
	}
	return append(cases, c.moveCases(regexp.MustCompile(`enabled tag immutability`))...)
}

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
	return &refused{hopRegistry, "every member of the repository's policy is one service account"}
}

// pullAs goes to the registry with an access token of a service account, as the
// metadata server of a node gives it.
func (c *chain) pullAs(ctx context.Context, account, image, do string) error {
	token, err := c.Google.Tokens.MintAccount(account, []string{googleapis.CloudPlatform}, googleapis.MaxLifetime)
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	return c.registryRequest(ctx, accessToken(token), image, do)
}

// withoutReader runs with a service account's right to read taken away.
func (c *chain) withoutReader(ctx context.Context, account string, run func() error) error {
	location, project, name := c.artifactRepository()
	repository, found := c.Google.Cloud.Repository(location, project, name)
	if !found {
		return fmt.Errorf("rehearsal: the repository %s of the output accessGrant does not exist in %s", c.repository, location)
	}
	const reader = "roles/artifactregistry.reader"
	return during(
		func() error { return c.Google.Cloud.Revoke(ctx, repository, reader, "serviceAccount:"+account) },
		func() error { return c.Google.Cloud.Grant(ctx, repository, reader, "serviceAccount:"+account) },
		run,
	)
}
