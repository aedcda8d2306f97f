package gcp

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
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
	Project  string `json:"project"`
	Location string `json:"location"`
	ID       string `json:"repositoryId"`
	Format   string `json:"format"`
	Mode     string `json:"mode,omitempty"`
	// Labels are all that the repository carries, default labels included.
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

func (r Repository) clone() Repository {
	r.RepositorySettings = r.RepositorySettings.clone()
	r.Policy = r.Policy.clone()
	return r
}

func (s RepositorySettings) clone() RepositorySettings {
	s.Labels = maps.Clone(s.Labels)
	if s.DockerConfig != nil {
		config := *s.DockerConfig
		s.DockerConfig = &config
	}
	if s.VirtualRepositoryConfig != nil {
		s.VirtualRepositoryConfig = &VirtualConfig{UpstreamPolicies: slices.Clone(s.VirtualRepositoryConfig.UpstreamPolicies)}
	}
	// The policies' own parts are never changed once they are stored.
	s.CleanupPolicies = slices.Clone(s.CleanupPolicies)
	return s
}

func repositoryName(project, location, id string) string {
	return fmt.Sprintf("projects/%s/locations/%s/repositories/%s", project, location, id)
}

// The naming and labelling rules of
// https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
// and https://cloud.google.com/artifact-registry/docs/repositories/label-repos
var (
	repositoryID = regexp.MustCompile(`^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	labelKey     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	labelValue   = regexp.MustCompile(`^[a-z0-9_-]{0,63}$`)
	upstreamName = regexp.MustCompile(`^projects/[^/]+/locations/([^/]+)/repositories/[^/]+$`)
	seconds      = regexp.MustCompile(`^[0-9]+(?:\.[0-9]{1,9})?s$`)
	kmsKey       = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)
)

func (c *Client) createRepository(settings RepositorySettings) (Repository, error) {
	project, err := c.use(settings.Project, registryAPI)
	if err != nil {
		return Repository{}, err
	}
	if !slices.Contains(locations, settings.Location) {
		return Repository{}, &Error{Code: http.StatusForbidden, Message: fmt.Sprintf("Permission denied on 'locations/%s' (or it may not exist).", settings.Location)}
	}
	settings.Project = project.ID
	now := c.cloud.now().UTC()
	repository := Repository{RepositorySettings: settings, CreateTime: now, UpdateTime: now}
	err = c.cloud.store.Update(func(held *contents) error {
		if _, taken := held.Repositories[repository.ResourceName()]; taken {
			return &Error{Code: http.StatusConflict, Message: "the repository already exists"}
		}
		if err := problems(checkRepository(*held, settings)); err != nil {
			return err
		}
		held.Repositories[repository.ResourceName()] = repository.clone()
		return nil
	})
	return repository, err
}

func (c *Client) getRepository(project, location, id string) (Repository, error) {
	owner, err := c.use(project, registryAPI)
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
	settings.Project = repository.Project
	err = c.cloud.store.Update(func(held *contents) error {
		current, exists := held.Repositories[repository.ResourceName()]
		if !exists {
			return notFound()
		}
		if err := problems(checkRepository(*held, settings)); err != nil {
			return err
		}
		current.RepositorySettings, current.UpdateTime = settings.clone(), c.cloud.now().UTC()
		held.Repositories[repository.ResourceName()] = current
		repository = current.clone()
		return nil
	})
	return repository, err
}

// deleteRepository deletes a repository and what it holds.
func (c *Client) deleteRepository(project, location, id string) error {
	repository, err := c.getRepository(project, location, id)
	if err != nil {
		return err
	}
	return c.cloud.store.Update(func(held *contents) error {
		delete(held.Repositories, repository.ResourceName())
		return nil
	})
}

// checkRepository returns what is wrong with the settings. Google's wording is
// not published.
func checkRepository(held contents, settings RepositorySettings) []string {
	var messages []string
	report := func(format string, args ...any) { messages = append(messages, fmt.Sprintf(format, args...)) }
	if !repositoryID.MatchString(settings.ID) {
		report("Invalid repository ID %q: it must have 1 to 63 characters, start with a lowercase letter, end with a lowercase letter or number, and contain only lowercase letters, numbers and hyphens", settings.ID)
	}
	if settings.Format != "DOCKER" {
		report("The repository format %q is not modelled by the sandbox: it knows DOCKER", settings.Format)
	}
	if settings.KMSKeyName != "" && !kmsKey.MatchString(settings.KMSKeyName) {
		report("Invalid KMS key name %q: it must have the form projects/P/locations/L/keyRings/R/cryptoKeys/K", settings.KMSKeyName)
	}
	messages = append(messages, checkLabels(settings.Labels)...)
	messages = append(messages, checkCleanup(settings.CleanupPolicies)...)
	switch settings.Mode {
	case standard:
		if settings.VirtualRepositoryConfig != nil {
			report("Upstream policies cannot be set on a standard repository")
		}
	case virtual:
		messages = append(messages, checkUpstreams(held, settings)...)
	default:
		report("The repository mode %q is not modelled by the sandbox: it knows %s and %s", settings.Mode, standard, virtual)
	}
	return messages
}

// checkUpstreams applies
// https://cloud.google.com/artifact-registry/docs/repositories/virtual-overview:
// upstreams exist, in the same location and of the same format.
func checkUpstreams(held contents, settings RepositorySettings) []string {
	var messages []string
	report := func(format string, args ...any) { messages = append(messages, fmt.Sprintf(format, args...)) }
	if settings.VirtualRepositoryConfig == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, policy := range settings.VirtualRepositoryConfig.UpstreamPolicies {
		if policy.ID == "" || seen[policy.ID] {
			report("Invalid upstream policy ID %q: every policy must have an ID of its own", policy.ID)
		}
		seen[policy.ID] = true
		parts := upstreamName.FindStringSubmatch(policy.Repository)
		if parts == nil {
			report("Invalid upstream repository %q: it must have the form projects/P/locations/L/repositories/R", policy.Repository)
			continue
		}
		if parts[1] != settings.Location {
			report("The upstream repository %q must be in the location of the virtual repository, %s", policy.Repository, settings.Location)
		}
		if upstream, exists := held.Repositories[policy.Repository]; !exists {
			report("The upstream repository %q does not exist", policy.Repository)
		} else if upstream.Format != settings.Format {
			report("The upstream repository %q must have the format of the virtual repository, %s", policy.Repository, settings.Format)
		}
	}
	return messages
}

func checkLabels(labels map[string]string) []string {
	var messages []string
	if len(labels) > 64 {
		messages = append(messages, fmt.Sprintf("%d labels: at most 64 are allowed", len(labels)))
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !labelKey.MatchString(key) || !labelValue.MatchString(labels[key]) {
			messages = append(messages, fmt.Sprintf("Invalid label %s=%s: keys have 1 to 63 and values at most 63 lowercase letters, numbers, underscores and dashes, and keys begin with a letter", key, labels[key]))
		}
	}
	return messages
}

// checkCleanup applies
// https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy
func checkCleanup(policies []CleanupPolicy) []string {
	var messages []string
	seen := map[string]bool{}
	for _, policy := range policies {
		report := func(format string, args ...any) {
			messages = append(messages, fmt.Sprintf("Cleanup policy %q: ", policy.ID)+fmt.Sprintf(format, args...))
		}
		if policy.ID == "" || len(policy.ID) >= 128 || seen[policy.ID] {
			report("the ID must be unique and have 1 to 127 characters")
		}
		seen[policy.ID] = true
		if policy.Action != "DELETE" && policy.Action != "KEEP" {
			report("the action %q must be DELETE or KEEP", policy.Action)
		}
		if (policy.Condition == nil) == (policy.MostRecentVersions == nil) {
			report("exactly one of condition and mostRecentVersions must be set")
		}
		if policy.MostRecentVersions != nil && policy.Action != "KEEP" {
			report("mostRecentVersions may only be specified with a KEEP action")
		}
		if policy.Condition == nil {
			continue
		}
		for _, duration := range []string{policy.Condition.NewerThan, policy.Condition.OlderThan} {
			if duration != "" && !seconds.MatchString(duration) {
				report("the duration %q must be in seconds, such as 2592000s", duration)
			}
		}
		if state := policy.Condition.TagState; state != "" && !slices.Contains([]string{"ANY", "TAGGED", "UNTAGGED"}, state) {
			report("the tag state %q must be ANY, TAGGED or UNTAGGED", state)
		}
	}
	return messages
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

// locations are where repositories can be:
// https://cloud.google.com/artifact-registry/docs/repositories/repo-locations
var locations = []string{
	"africa-south1", "asia", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
	"asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3", "australia-southeast1",
	"australia-southeast2", "europe", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1",
	"europe-west1", "europe-west10", "europe-west12", "europe-west2", "europe-west3", "europe-west4", "europe-west6",
	"europe-west8", "europe-west9", "me-central1", "me-central2", "me-west1", "northamerica-northeast1",
	"northamerica-northeast2", "northamerica-south1", "southamerica-east1", "southamerica-west1", "us", "us-central1",
	"us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
}
