package gcp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// The naming and labelling rules of
// https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
// and https://cloud.google.com/artifact-registry/docs/repositories/label-repos; the
// names with dots are those of
// https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo
var (
	repositoryID = regexp.MustCompile(`^(?:[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|(?:(?:asia|eu|us)\.)?gcr\.io)$`)
	labelKey     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	labelValue   = regexp.MustCompile(`^[a-z0-9_-]{0,63}$`)
	upstreamName = regexp.MustCompile(`^projects/[^/]+/locations/([^/]+)/repositories/[^/]+$`)
	seconds      = regexp.MustCompile(`^[0-9]+(?:\.[0-9]{1,9})?s$`)
	kmsKey       = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)
)

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

// IsLocation says whether repositories can be at a location, and so whether the
// host LOCATION-docker.pkg.dev exists.
func IsLocation(name string) bool { return slices.Contains(locations, name) }
