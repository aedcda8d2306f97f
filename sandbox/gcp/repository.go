package gcp

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/state"
)

// Modes of repositories.
const (
	standard = "STANDARD_REPOSITORY"
	virtual  = "VIRTUAL_REPOSITORY"
)

// RepositorySettings are what a caller sets. The json names are those of the
// Pulumi type's properties.
type RepositorySettings struct {
	// Project is the project's ID.
	Project                 string            `json:"project"`
	Location                string            `json:"location"`
	ID                      string            `json:"repositoryId"`
	Format                  string            `json:"format"`
	Mode                    string            `json:"mode,omitempty"`
	Labels                  map[string]string `json:"labels,omitempty"`
	Description             string            `json:"description,omitempty"`
	KMSKeyName              string            `json:"kmsKeyName,omitempty"`
	DockerConfig            *DockerConfig     `json:"dockerConfig,omitempty"`
	VirtualRepositoryConfig *VirtualConfig    `json:"virtualRepositoryConfig,omitempty"`
	CleanupPolicies         []CleanupPolicy   `json:"cleanupPolicies,omitempty"`
	CleanupPolicyDryRun     bool              `json:"cleanupPolicyDryRun,omitempty"`
}

// DockerConfig configures a repository of the format DOCKER.
type DockerConfig struct {
	// ImmutableTags forbids to move and delete tags.
	ImmutableTags bool `json:"immutableTags"`
}

// VirtualConfig configures a virtual repository.
type VirtualConfig struct {
	UpstreamPolicies []UpstreamPolicy `json:"upstreamPolicies,omitempty"`
}

// UpstreamPolicy is one repository that a virtual repository serves from.
type UpstreamPolicy struct {
	ID string `json:"id,omitempty"`
	// Priority decides which upstream is asked first: the greatest.
	Priority int `json:"priority,omitempty"`
	// Repository is the full resource name.
	Repository string `json:"repository,omitempty"`
}

// CleanupPolicy deletes or keeps versions. The sandbox stores it and cleans nothing.
type CleanupPolicy struct {
	ID                 string              `json:"id"`
	Action             string              `json:"action,omitempty"`
	Condition          *CleanupCondition   `json:"condition,omitempty"`
	MostRecentVersions *MostRecentVersions `json:"mostRecentVersions,omitempty"`
}

// CleanupCondition says which versions a policy is about.
type CleanupCondition struct {
	// NewerThan and OlderThan are durations in seconds, such as 2592000s.
	NewerThan           string   `json:"newerThan,omitempty"`
	OlderThan           string   `json:"olderThan,omitempty"`
	PackageNamePrefixes []string `json:"packageNamePrefixes,omitempty"`
	TagPrefixes         []string `json:"tagPrefixes,omitempty"`
	// TagState is ANY, TAGGED or UNTAGGED; empty means ANY.
	TagState            string   `json:"tagState,omitempty"`
	VersionNamePrefixes []string `json:"versionNamePrefixes,omitempty"`
}

// MostRecentVersions keeps a number of versions.
type MostRecentVersions struct {
	KeepCount           int      `json:"keepCount,omitempty"`
	PackageNamePrefixes []string `json:"packageNamePrefixes,omitempty"`
}

// Repository is an Artifact Registry repository.
type Repository struct {
	RepositorySettings
	CreateTime time.Time `json:"createTime"`
	UpdateTime time.Time `json:"updateTime"`
	// Policy says who may read and write.
	Policy Policy `json:"policy"`
}

// ResourceName is the full name, with the project's ID.
func (r Repository) ResourceName() string { return repositoryName(r.Project, r.Location, r.ID) }

// Virtual says whether the repository serves from others.
func (r Repository) Virtual() bool { return r.Mode == virtual }

// ImmutableTags says whether tags may not be moved.
func (r Repository) ImmutableTags() bool {
	return r.DockerConfig != nil && r.DockerConfig.ImmutableTags
}

// Upstreams are the resource names of the repositories that a virtual one
// serves from, in the order in which they are asked.
func (r Repository) Upstreams() []string {
	if r.VirtualRepositoryConfig == nil {
		return nil
	}
	policies := slices.Clone(r.VirtualRepositoryConfig.UpstreamPolicies)
	slices.SortStableFunc(policies, func(a, b UpstreamPolicy) int { return b.Priority - a.Priority })
	names := make([]string, len(policies))
	for i, policy := range policies {
		names[i] = policy.Repository
	}
	return names
}

func repositoryName(project, location, id string) string {
	return fmt.Sprintf("projects/%s/locations/%s/repositories/%s", project, location, id)
}

func (c *Client) createRepository(settings RepositorySettings) (Repository, error) {
	project, err := c.use(settings.Project, RegistryAPI)
	if err != nil {
		return Repository{}, err
	}
	if !slices.Contains(locations, settings.Location) {
		return Repository{}, &Error{Code: http.StatusForbidden, Message: fmt.Sprintf("Permission denied on 'locations/%s' (or it may not exist).", settings.Location)}
	}
	settings.Project, settings.Mode = project.ID, cmp.Or(settings.Mode, standard)
	if settings.DockerConfig != nil && !settings.DockerConfig.ImmutableTags {
		// The provider leaves a block without a true value out of a creation, and not
		// out of an update:
		// https://github.com/hashicorp/terraform-provider-google-beta/blob/v5.42.0/google-beta/services/artifactregistry/resource_artifact_registry_repository.go
		settings.DockerConfig = nil
	}
	now := c.cloud.now().UTC()
	repository := Repository{RepositorySettings: settings, CreateTime: now, UpdateTime: now}
	err = c.cloud.store.Update(func(held *contents) error {
		if _, taken := held.Repositories[repository.ResourceName()]; taken {
			return &Error{Code: http.StatusConflict, Message: "the repository already exists"}
		}
		if err := problems(checkRepository(*held, settings)); err != nil {
			return err
		}
		held.Repositories[repository.ResourceName()] = repository
		if agent := agentEmail(project.Number); !held.hasAgent(agent) {
			held.Agents[project.Number] = true
			c.cloud.fresh.Made(agent, now)
		}
		return nil
	})
	return repository, err
}

func (c *Client) getRepository(project, location, id string) (Repository, error) {
	owner, err := c.use(project, RegistryAPI)
	if err != nil {
		return Repository{}, err
	}
	repository, found := c.cloud.Repository(location, owner.ID, id)
	if !found {
		return Repository{}, notFound()
	}
	return repository, nil
}

func (c *Client) updateRepository(settings RepositorySettings) (Repository, error) {
	repository, err := c.getRepository(settings.Project, settings.Location, settings.ID)
	if err != nil {
		return Repository{}, err
	}
	settings.Project, settings.Mode = repository.Project, cmp.Or(settings.Mode, standard)
	return state.Edit(c.cloud.store, contents.repositories, repository.ResourceName(), notFound(), func(held contents, current *Repository) error {
		current.RepositorySettings, current.UpdateTime = settings, c.cloud.now().UTC()
		return problems(checkRepository(held, settings))
	})
}

func (held contents) repositories() map[string]Repository { return held.Repositories }

// deleteRepository deletes a repository and what it holds.
func (c *Client) deleteRepository(project, location, id string) error {
	repository, err := c.getRepository(project, location, id)
	if err != nil {
		return err
	}
	return state.Remove(c.cloud.store, contents.repositories, repository.ResourceName(), notFound())
}

// parseRepository reads the ways to name a repository: its ID, LOCATION/ID,
// PROJECT/LOCATION/ID and the full resource name. What the name leaves out
// stays as it is given.
func parseRepository(name, project, location string) (string, string, string) {
	parts := strings.Split(name, "/")
	switch {
	case len(parts) == 6 && upstreamName.MatchString(name):
		return parts[1], parts[3], parts[5]
	case len(parts) == 3:
		return parts[0], parts[1], parts[2]
	case len(parts) == 2:
		return project, parts[0], parts[1]
	default:
		return project, location, name
	}
}
