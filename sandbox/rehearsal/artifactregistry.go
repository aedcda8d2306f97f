package rehearsal

import (
	"fmt"
	"regexp"
	"strings"

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
