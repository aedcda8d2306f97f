package sandbox_test

import (
	"context"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
)

// Suspending takes the reader binding, and resuming brings it back: nothing is
// replaced, and no first refresh runs, which would fail. In between the trust becomes
// another, and the pool keeps its ID.
func TestACustomerOnGoogleIsSuspendedAndResumedAndChangesItsTrust(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	s := p.start(nil)
	pool := up(t, s).Outputs["accessGrant"].(map[string]any)["pool"]

	p.set("suspended", true)
	suspended := up(t, s)
	assert.Equal(t, []string{"delete gcp-reader"}, changes(suspended))
	assert.Equal(t, true, suspended.Outputs["suspended"])
	assert.Equal(t, []string{"secret"}, broken(t, s, suspended.Outputs), "the account gets its token, which opens nothing")
	refusedBy(t, s, suspended.Outputs, "registry")
	assert.Empty(t, changes(up(t, s)))
	p.set("suspended", nil)
	resumed := up(t, s)
	assert.Equal(t, []string{"create gcp-reader"}, changes(resumed))
	assert.Empty(t, broken(t, s, resumed.Outputs))

	p.set("azure.trust", "cluster")
	p.set("gcp.pool", pool)
	changed := up(t, s)
	assert.Equal(t, pool, changed.Outputs["accessGrant"].(map[string]any)["pool"])
	got := changes(changed)
	for _, want := range []string{"replace gcp-provider", "replace gcp-impersonation", "replace pull-first-refresh", "delete azure-identity"} {
		assert.Contains(t, got, want)
	}
	assert.NotContains(t, got, "replace gcp-pool")
	assert.NotContains(t, got, "replace pull-secret")
	assert.Empty(t, changes(up(t, s)))

	p.set("azure.trust", nil)
	_, err := open(t, s).Up(context.Background())
	require.ErrorContains(t, err, "or raise gcp.generation for a new provider")
	p.set("gcp.generation", 2)
	assert.Equal(t, pool, up(t, s).Outputs["accessGrant"].(map[string]any)["pool"])
}

// The agent's binding is one for every customer whose repository shows the release
// repository.
func TestExampleTheReleaseRepositoryStaysOpenForTheOtherCustomers(t *testing.T) {
	t.Parallel()
	p := newProject(t, "cyberdyne")
	p.set("gcp.repository.protect", false)
	p.set("environments.default.namespace.protect", false)
	s := p.start(nil)
	up(t, s)
	reads := func() bool {
		releases, found := s.GCP.Repository("us", "deepintshield-releases", "releases")
		require.True(t, found)
		return releases.Policy.Grants("roles/artifactregistry.reader", gcp.Agent("229315067482"))
	}
	require.True(t, reads())
	_, err := open(t, s).Destroy(context.Background())
	require.NoError(t, err)
	assert.Equal(t, []string{"neighbour", "releases"}, repositories(s))
	assert.True(t, reads())
}

// What somebody made is found before anything is made.
func TestWhatExistsAlreadyInACloudIsFoundAtTheLookUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	p.world(func(world map[string]any) {
		project := world["gcp"].(map[string]any)["projects"].([]any)[0].(map[string]any)
		project["repositories"] = append(project["repositories"].([]any), map[string]any{"location": "europe-west1", "name": "example--hello", "images": []any{"hello:1.0"}})
		project["serviceAccounts"] = append(project["serviceAccounts"].([]any), map[string]any{"id": "example--hello-pull"})
		tenant := world["azure"].(map[string]any)["tenants"].([]any)[0].(map[string]any)
		group := tenant["subscriptions"].([]any)[0].(map[string]any)["resourceGroups"].([]any)[0].(map[string]any)
		group["identities"] = []any{map[string]any{
			"name": "hello-pull-identity", "clientId": "0c9a4e15-3c5b-4c0f-8f0e-1d2c3b4a5968", "principalId": "1d0b5f26-4d6c-4d10-9010-2e3d4c5b6a79",
		}}
	})
	s := p.start(nil)
	refused := func(wants ...string) {
		t.Helper()
		result, err := open(t, s).Up(context.Background())
		for _, want := range wants {
			require.ErrorContains(t, err, want)
		}
		if result != nil {
			for _, resource := range result.Changed() {
				assert.Contains(t, resource.Type, "pulumi:", resource.Name)
			}
		}
	}
	refused(`gcp.repository.name "example--hello": exists already in project hello-images and is not of customer example and product hello`,
		`gcp.serviceAccount "example--hello-pull": exists already`)
	p.set("gcp.repository", map[string]any{"existing": true})
	p.set("gcp.serviceAccount", "another-account")
	refused(`azure.identity.name "hello-pull-identity": exists already in group "example-apps"`)
	p.set("azure.identity", map[string]any{"existing": "hello-pull-identity"})
	up(t, s)
	assert.Empty(t, changes(up(t, s)), "what is ours is no obstacle")
}

// The vendor's half goes by its URNs, whatever the other half's clouds say.
func TestTheVendorsHalfIsOffBoardedAlone(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	s := p.start(nil)
	up(t, s)
	require.NotEmpty(t, s.Azure.Identities())
	urn := func(kind, name string) string {
		return "urn:pulumi:dev::waybill::waybill:gcp:ImageGrant$" + kind + "::" + name
	}
	_, err := open(t, s).Destroy(context.Background(), optdestroy.TargetDependents(), optdestroy.Target([]string{
		urn("gcp:serviceaccount/account:Account", "gcp-account"), urn("gcp:iam/workloadIdentityPool:WorkloadIdentityPool", "gcp-pool"),
	}))
	require.NoError(t, err)
	_, found := s.GCP.Account("example--hello-pull@hello-images.iam.gserviceaccount.com")
	assert.False(t, found)
	pool, found := s.GCP.Pool("402817365910", "example--hello-azure-pool")
	assert.True(t, found, "the ID stays taken")
	assert.Equal(t, gcp.Deleted, pool.State())
	assert.Contains(t, repositories(s), "example--hello", "the images stay until they are named, too")
	assert.NotEmpty(t, s.Azure.Identities(), "nothing of the customer's tenant was asked")
}
