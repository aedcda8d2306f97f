package gcp

import (
	"regexp"
	"slices"
	"strings"
)

// accountRoles are the roles that can be granted on a service account:
// https://cloud.google.com/iam/docs/roles-permissions/iam and the basic roles.
var accountRoles = []string{
	"roles/editor", "roles/owner", "roles/viewer",
	"roles/iam.securityAdmin", "roles/iam.securityReviewer",
	"roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountDeleter", "roles/iam.serviceAccountKeyAdmin",
	"roles/iam.serviceAccountOpenIdTokenCreator", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser",
	"roles/iam.serviceAccountViewer", "roles/iam.workloadIdentityUser",
}

// repositoryRoles are the roles that can be granted on a repository:
// https://cloud.google.com/artifact-registry/docs/access-control#roles
var repositoryRoles = []string{
	"roles/artifactregistry.admin", "roles/artifactregistry.createOnPushRepoAdmin", "roles/artifactregistry.createOnPushWriter",
	"roles/artifactregistry.reader", "roles/artifactregistry.repoAdmin", "roles/artifactregistry.writer",
}

// Members that name no one in particular, and the prefixes of the others:
// https://cloud.google.com/iam/docs/principal-identifiers
var (
	plainMembers   = []string{"allUsers", "allAuthenticatedUsers"}
	memberPrefixes = []string{"user:", "group:", "domain:", "projectOwner:", "projectEditor:", "projectViewer:"}
)

// federated is a member of a workload identity pool, by the number of the project.
var federated = regexp.MustCompile(`^(?:principal://iam\.googleapis\.com/(projects/[^/]+/locations/global/workloadIdentityPools/[^/]+)/subject/(.+)|principalSet://iam\.googleapis\.com/(projects/[^/]+/locations/global/workloadIdentityPools/[^/]+)/(?:\*|group/.+|attribute\.[a-z0-9_]+/.+))$`)

// checkMember refuses a member that cannot be granted anything. By is the grant, which
// meets new members as missing once.
func (c *Cloud) checkMember(held contents, member, by string) error {
	if slices.Contains(plainMembers, member) {
		return nil
	}
	for _, prefix := range memberPrefixes {
		if name, found := strings.CutPrefix(member, prefix); found && name != "" {
			return nil
		}
	}
	if email, found := strings.CutPrefix(member, "serviceAccount:"); found {
		_, exists := held.Accounts[email]
		if !exists && !held.hasAgent(email) || c.fresh.Missing(email, by, c.now()) {
			return invalid("Service account %s does not exist.", email)
		}
		return nil
	}
	parts := federated.FindStringSubmatch(member)
	if parts == nil {
		if strings.HasPrefix(member, "principal://") || strings.HasPrefix(member, "principalSet://") {
			return invalid("Invalid principal %s: want principal://iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/subject/SUBJECT or a principalSet of that pool.", member)
		}
		return invalid("The member %s is of an unknown type. Please set a valid type prefix for the member.", member)
	}
	if len(parts[2]) > maxSubject {
		return invalid("Invalid principal %s: its subject has %d bytes, at most %d are possible.", member, len(parts[2]), maxSubject)
	}
	// Pools are known by the project's number: with the ID, there is none.
	pool := parts[1] + parts[3]
	if found, exists := c.pool(held, pool); !exists || found.State() == Deleted || c.fresh.Missing(pool, by, c.now()) {
		return invalid("Identity Pool does not exist (%s). Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API.", pool)
	}
	return nil
}

// agentForm is the service agent with which Artifact Registry acts for a project,
// by the project's number:
// https://cloud.google.com/artifact-registry/docs/ar-service-account
var agentForm = regexp.MustCompile(`^service-([0-9]+)@gcp-sa-artifactregistry\.iam\.gserviceaccount\.com$`)

// Agent is the member of IAM policies that is the service agent of Artifact
// Registry in a project.
func Agent(projectNumber string) string { return "serviceAccount:" + agentEmail(projectNumber) }

func agentEmail(projectNumber string) string {
	return "service-" + projectNumber + "@gcp-sa-artifactregistry.iam.gserviceaccount.com"
}

// hasAgent says whether an email names a service agent of Artifact Registry that
// exists: Google makes it with the first repository of a project.
func (held *contents) hasAgent(email string) bool {
	parts := agentForm.FindStringSubmatch(email)
	return parts != nil && held.Agents[parts[1]]
}

// normalMember lowers the case of what is an email or a domain, as the gcp
// provider does. Federated members are case-sensitive.
func normalMember(member string) string {
	if strings.HasPrefix(member, "principal") {
		return member
	}
	kind, name, found := strings.Cut(member, ":")
	if !found {
		return member
	}
	return kind + ":" + strings.ToLower(name)
}
