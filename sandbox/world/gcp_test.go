package world_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func TestWhatWasMadeByHandInGoogleCloudIsRead(t *testing.T) {
	read, err := load(t, `
gcp:
  projects:
    - id: vendor-images
      number: "402817365910"
      serviceAccounts:
        - id: bifrost-acme
          displayName: Acme
          bindings: [{role: roles/iam.workloadIdentityUser, members: ["user:ann@example.com"]}]
      workloadIdentityPools:
        - id: acme-azure-pool
          providers:
            - {id: acme-azure-provider, issuerUri: "https://issuer.example", attributeMapping: {google.subject: assertion.sub}, jwksJson: "{}"}
      repositories:
        - location: europe-west1
          name: acme
          immutableTags: true
          labels: {team: release}
          cleanupPolicies: [{id: old, action: DELETE}]
        - location: europe-west1
          name: view
          upstreams: [{id: acme, priority: 10, repository: projects/vendor-images/locations/europe-west1/repositories/acme}]
      gkeClusters:
        - {name: apps, location: europe-west1, context: apps, nodeServiceAccount: bifrost-acme@vendor-images.iam.gserviceaccount.com}
kubernetes:
  clusters:
    - context: apps
      issuer: https://issuer.example
      objects: [{apiVersion: v1, kind: Namespace, metadata: {name: bifrost}}]
`)
	require.NoError(t, err)
	assert.Equal(t, world.Project{
		ID: "vendor-images", Number: "402817365910",
		ServiceAccounts: []world.ServiceAccount{{
			ID: "bifrost-acme", DisplayName: "Acme",
			Bindings: []world.Binding{{Role: "roles/iam.workloadIdentityUser", Members: []string{"user:ann@example.com"}}},
		}},
		WorkloadIdentityPools: []world.WorkloadIdentityPool{{ID: "acme-azure-pool", Providers: []world.PoolProvider{{
			ID: "acme-azure-provider", IssuerURI: "https://issuer.example", JWKSJSON: "{}",
			AttributeMapping: map[string]string{"google.subject": "assertion.sub"},
		}}}},
		Repositories: []world.Repository{
			{
				Location: "europe-west1", Name: "acme", ImmutableTags: true, Labels: map[string]string{"team": "release"},
				CleanupPolicies: []json.RawMessage{json.RawMessage(`{"action":"DELETE","id":"old"}`)},
			},
			{Location: "europe-west1", Name: "view", Upstreams: []world.Upstream{{
				ID: "acme", Priority: 10, Repository: "projects/vendor-images/locations/europe-west1/repositories/acme",
			}}},
		},
		GKEClusters: []world.GKECluster{{
			Name: "apps", Location: "europe-west1", Context: "apps", NodeServiceAccount: "bifrost-acme@vendor-images.iam.gserviceaccount.com",
		}},
	}, read.GCP.Projects[0])
	assert.JSONEq(t, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bifrost"}}`, string(read.Kubernetes.Clusters[0].Objects[0]))
}

func TestEverythingWrongThatWasMadeByHandIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
azure:
  tenants:
    - id: 11111111-1111-1111-1111-111111111111
      subscriptions:
        - resourceGroups:
            - identities:
                - {name: pull, clientId: client}
                - {name: pull, clientId: client, principalId: principal, federatedCredentials: [{name: refresher}]}
gcp:
  projects:
    - id: vendor-images
      number: "402817365910"
      serviceAccounts: [{bindings: [{role: roles/viewer}]}]
      workloadIdentityPools: [{providers: [{id: entra}]}]
      repositories:
        - {location: europe-west1, name: view, upstreams: [{id: acme}], images: ["server:1.0"], bindings: [{members: [allUsers]}]}
      gkeClusters: [{name: apps, context: nowhere, nodeServiceAccount: nobody}]
aws:
  accounts:
    - id: "111111111111"
      regions: [eu-west-1]
      policies: [{name: pull}]
      repositories: [{region: eu-west-1, name: acme, mutability: FROZEN}]
kubernetes:
  clusters:
    - context: apps
      issuer: https://issuer.example
      objects: [{kind: Namespace, metadata: {name: bifrost}}, text]
`)
	for _, want := range []string{
		"azure.tenants[0].subscriptions[0].resourceGroups[0].identities[0].principalId: want a value",
		"azure.tenants[0].subscriptions[0].resourceGroups[0].identities[1].federatedCredentials[0].issuer: want a value",
		"azure.tenants[0].subscriptions[0].resourceGroups[0].identities[1].federatedCredentials[0].audience: want a value",
		"gcp.projects[0].serviceAccounts[0].id: want a value",
		"gcp.projects[0].serviceAccounts[0].bindings[0].members: want a value",
		"gcp.projects[0].workloadIdentityPools[0].id: want a value",
		"gcp.projects[0].workloadIdentityPools[0].providers[0].issuerUri: want a value",
		"gcp.projects[0].repositories[0].bindings[0].role: want a value",
		"gcp.projects[0].repositories[0].upstreams[0].repository: want a value",
		"gcp.projects[0].repositories[0].images: a repository with upstreams is virtual: nobody can publish there",
		"gcp.projects[0].gkeClusters[0].location: want a value",
		`gcp.projects[0].gkeClusters[0].context "nowhere": want the context of one of kubernetes.clusters`,
		`gcp.projects[0].gkeClusters[0].nodeServiceAccount "nobody": want the email of one of gcp.projects[].serviceAccounts`,
		"aws.accounts[0].policies[0].document: want a value",
		`aws.accounts[0].repositories[0].mutability "FROZEN": want one of ["MUTABLE" "IMMUTABLE"]`,
		"kubernetes.clusters[0].objects[0]: want a manifest with apiVersion, kind and metadata.name",
		"kubernetes.clusters[0].objects[1]: want a manifest with apiVersion, kind and metadata.name",
	} {
		require.ErrorContains(t, err, want)
	}
}
