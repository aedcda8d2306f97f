package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// GCP holds the projects of the vendor's side, and those of customers that run
// GKE.
type GCP struct {
	Projects []Project `json:"projects,omitempty"`
}

// Project is one Google Cloud project.
type Project struct {
	ID string `json:"id"`
	// Number is the project number, as text: YAML would read it as a number.
	Number string `json:"number"`
	// APIs are the services that are enabled, for example
	// artifactregistry.googleapis.com.
	APIs []string `json:"apis,omitempty"`
	// ServiceAccounts are those that exist already; so are the pools, repositories
	// and clusters below.
	ServiceAccounts       []ServiceAccount       `json:"serviceAccounts,omitempty"`
	WorkloadIdentityPools []WorkloadIdentityPool `json:"workloadIdentityPools,omitempty"`
	Repositories          []Repository           `json:"repositories,omitempty"`
	GKEClusters           []GKECluster           `json:"gkeClusters,omitempty"`
	// Bindings say who has which role on everything in the project; of those that
	// the sandbox knows, roles of Artifact Registry.
	Bindings []Binding `json:"bindings,omitempty"`
	// Releases are what the vendor's pipeline pushes once their repository is there,
	// as LOCATION/REPOSITORY/IMAGE:TAG, by the pusher; empty
	// means that nothing is pushed.
	Releases []string `json:"releases,omitempty"`
	// Pusher is the ID of one of the service accounts.
	Pusher string `json:"pusher,omitempty"`
}

// Binding grants a role to members, as gcloud prints an IAM policy.
type Binding struct {
	// Role is of the form roles/artifactregistry.reader.
	Role string `json:"role"`
	// Members are as in an IAM policy, for example serviceAccount:EMAIL.
	Members []string `json:"members"`
}

// ServiceAccount is a service account.
type ServiceAccount struct {
	// ID is what stands before the @ of its email. NUMBER-compute is Compute Engine's
	// default account.
	ID          string `json:"id"`
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
	// Bindings say who may use the account.
	Bindings []Binding `json:"bindings,omitempty"`
}

// Email names the account of a project.
func (a ServiceAccount) Email(project string) string {
	if strings.HasSuffix(a.ID, "-compute") && a.ID[0] >= '0' && a.ID[0] <= '9' {
		return a.ID + "@developer.gserviceaccount.com"
	}
	return a.ID + "@" + project + ".iam.gserviceaccount.com"
}

// WorkloadIdentityPool is a workload identity pool with its providers.
type WorkloadIdentityPool struct {
	ID          string         `json:"id"`
	DisplayName string         `json:"displayName,omitempty"`
	Description string         `json:"description,omitempty"`
	Disabled    bool           `json:"disabled,omitempty"`
	Providers   []PoolProvider `json:"providers,omitempty"`
}

// PoolProvider is an OIDC provider of a workload identity pool.
type PoolProvider struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
	// AttributeMapping is CEL expressions by attribute; google.subject is required.
	AttributeMapping map[string]string `json:"attributeMapping"`
	// AttributeCondition is a CEL expression; empty means that every token passes.
	AttributeCondition string `json:"attributeCondition,omitempty"`
	// IssuerURI is the tokens' issuer.
	IssuerURI string `json:"issuerUri"`
	// AllowedAudiences are the audiences of accepted tokens; empty means the
	// provider's own name.
	AllowedAudiences []string `json:"allowedAudiences,omitempty"`
	// JWKSJSON is an uploaded key set, as JSON text; empty means the one that the
	// issuer publishes.
	JWKSJSON string `json:"jwksJson,omitempty"`
}

// Repository is an Artifact Registry repository of the format DOCKER.
type Repository struct {
	// Location is a region or multi-region, for example europe-west1.
	Location    string            `json:"location"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	// ImmutableTags is true where published tags cannot be moved.
	ImmutableTags bool `json:"immutableTags,omitempty"`
	// Upstreams are the repositories that this one, a virtual one, serves from.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	// CleanupPolicies are objects of the API's JSON, each with its id.
	CleanupPolicies []json.RawMessage `json:"cleanupPolicies,omitempty"`
	// Bindings say who may read and write.
	Bindings []Binding `json:"bindings,omitempty"`
	// Images are those that the vendor published here, for example bifrost:1.4.2.
	Images []string `json:"images,omitempty"`
}

// Upstream is a repository that a virtual one serves from.
type Upstream struct {
	ID string `json:"id"`
	// Priority is a number; the upstream with the greatest is asked first.
	Priority int `json:"priority,omitempty"`
	// Repository is of the form projects/P/locations/L/repositories/R.
	Repository string `json:"repository"`
}

// GKECluster is a Google Kubernetes Engine cluster.
type GKECluster struct {
	Name     string `json:"name"`
	Location string `json:"location"`
	// Context is the kubeconfig context in kubernetes.clusters that reaches it.
	Context string `json:"context"`
	// NodeServiceAccount is the email of the nodes' service account, with which
	// the kubelet pulls. It may belong to another project.
	NodeServiceAccount string `json:"nodeServiceAccount"`
}

// validateGCP checks what the projects hold as far as names go: the embedded
// cloud applies Google's own rules when it takes them over.
func (w *World) validateGCP(report func(format string, args ...any)) {
	for i, project := range w.GCP.Projects {
		key := fmt.Sprintf("gcp.projects[%d]", i)
		validatePusher(key, project.Pusher, project.Releases, slices.ContainsFunc(project.ServiceAccounts, func(a ServiceAccount) bool { return a.ID == project.Pusher }), report)
		for j, repository := range project.Repositories {
			at := fmt.Sprintf("%s.repositories[%d]", key, j)
			if !locationForm.MatchString(repository.Location) || !repositoryForm.MatchString(repository.Name) {
				report("%s %q in %q: want the name of a repository and its location, for example releases in europe-west1", at, repository.Name, repository.Location)
			}
			validateImages(at, repository.Images, report)
			if len(repository.Upstreams) > 0 && len(repository.Images) > 0 {
				report("%s.images: a repository with upstreams is virtual: nobody can publish there", at)
			}
		}
		for j, release := range project.Releases {
			if _, err := ParseRelease(release); err != nil {
				report("%s.releases[%d] %v", key, j, err)
			}
		}
		for j, cluster := range project.GKEClusters {
			at := fmt.Sprintf("%s.gkeClusters[%d]", key, j)
			if !slices.ContainsFunc(w.Kubernetes.Clusters, func(c Cluster) bool { return c.Context == cluster.Context }) {
				report("%s.context %q: want the context of one of kubernetes.clusters", at, cluster.Context)
			}
			if !w.GCP.hasAccount(cluster.NodeServiceAccount) {
				report("%s.nodeServiceAccount %q: want the email of one of gcp.projects[].serviceAccounts", at, cluster.NodeServiceAccount)
			}
		}
	}
}

func (g GCP) hasAccount(email string) bool {
	return slices.ContainsFunc(g.Projects, func(p Project) bool {
		return slices.ContainsFunc(p.ServiceAccounts, func(a ServiceAccount) bool { return a.Email(p.ID) == email })
	})
}
