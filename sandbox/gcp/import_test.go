package gcp_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

// What the vendor made by hand for one customer, after a guide.
const (
	handAccount  = "bifrost-acme@vendor-images.iam.gserviceaccount.com"
	handPool     = "projects/123456789012/locations/global/workloadIdentityPools/acme-hand-pool"
	handProvider = handPool + "/providers/acme-hand-provider"
	handMember   = "principal://iam.googleapis.com/" + handPool + "/subject/6b8d0f2a"
	handName     = "projects/vendor-images/locations/europe-west1/repositories/bifrost-acme"
)

func handMade() world.GCP {
	existing := vendorWorld()
	vendor := &existing.Projects[0]
	vendor.ServiceAccounts = []world.ServiceAccount{{
		ID: "bifrost-acme", DisplayName: "Acme", Bindings: []world.Binding{{Role: userRole, Members: []string{handMember}}},
	}}
	vendor.WorkloadIdentityPools = []world.WorkloadIdentityPool{{
		ID: "acme-hand-pool", DisplayName: "Acme",
		Providers: []world.PoolProvider{{
			ID: "acme-hand-provider", IssuerURI: "https://login.microsoftonline.com/tenant/v2.0",
			AttributeMapping: map[string]string{"google.subject": "assertion.sub"}, AttributeCondition: "assertion.tid == 'tenant'",
			AllowedAudiences: []string{"api://AzureADTokenExchange"},
		}},
	}}
	vendor.Repositories = append(vendor.Repositories,
		world.Repository{
			Location: "europe-west1", Name: "bifrost-view", Upstreams: []world.Upstream{{ID: "acme", Priority: 10, Repository: handName}},
		},
		world.Repository{
			Location: "europe-west1", Name: "bifrost-acme", Description: "Acme's", Labels: map[string]string{"team": "release"}, ImmutableTags: true,
			Bindings: []world.Binding{{Role: readerRole, Members: []string{"serviceAccount:" + handAccount}}},
		})
	return existing
}

func openHandMade(t *testing.T, path string) (*gcp.Cloud, *providertest.Engine) {
	t.Helper()
	cloud, err := gcp.Open(path, handMade(), time.Now, 0)
	require.NoError(t, err)
	return cloud, configured(t, cloud, map[string]any{"project": "vendor-images", "region": "europe-west1"})
}

// The forms are those of the Import section of each type's page, for example
// https://www.pulumi.com/registry/packages/gcp/api-docs/iam/workloadidentitypool/#import
func TestWhatWasMadeByHandIsImportedByEveryDocumentedID(t *testing.T) {
	_, engine := openHandMade(t, filepath.Join(t.TempDir(), "gcp.json"))
	byID := strings.NewReplacer("123456789012", "vendor-images")
	for name, c := range map[string]struct {
		token string
		ids   []string
		// kept is the ID that the resource has afterwards.
		kept string
		// same is what a program writes that wants what is there; updated and
		// replaced are changes to it.
		same, updated, replaced map[string]any
	}{
		"account": {
			token: accountToken, kept: "projects/vendor-images/serviceAccounts/" + handAccount,
			ids:  []string{"projects/vendor-images/serviceAccounts/" + handAccount, "vendor-images/" + handAccount, handAccount},
			same: map[string]any{"accountId": "bifrost-acme", "displayName": "Acme"}, updated: map[string]any{"displayName": "acme"},
			replaced: map[string]any{"accountId": "waybill-acme"},
		},
		"pool": {
			token: poolToken, kept: byID.Replace(handPool), ids: []string{byID.Replace(handPool), "vendor-images/acme-hand-pool", "acme-hand-pool"},
			same:    map[string]any{"workloadIdentityPoolId": "acme-hand-pool", "displayName": "Acme"},
			updated: map[string]any{"description": "Acme's"}, replaced: map[string]any{"workloadIdentityPoolId": "acme-azure-pool"},
		},
		"provider": {
			token: poolProviderToken, kept: byID.Replace(handProvider),
			ids: []string{byID.Replace(handProvider), "vendor-images/acme-hand-pool/acme-hand-provider", "acme-hand-pool/acme-hand-provider"},
			same: map[string]any{
				"workloadIdentityPoolId": "acme-hand-pool", "workloadIdentityPoolProviderId": "acme-hand-provider", "project": "vendor-images",
				"attributeMapping": map[string]any{"google.subject": "assertion.sub"}, "attributeCondition": "assertion.tid == 'tenant'",
				"oidc": map[string]any{
					"issuerUri": "https://login.microsoftonline.com/tenant/v2.0", "allowedAudiences": []any{"api://AzureADTokenExchange"},
				},
			},
			updated: map[string]any{"attributeCondition": "false"}, replaced: map[string]any{"workloadIdentityPoolProviderId": "entra"},
		},
		"user of the account": {
			token: accountMemberToken, kept: "projects/vendor-images/serviceAccounts/" + handAccount + "/" + userRole + "/" + handMember,
			ids: []string{"projects/vendor-images/serviceAccounts/" + handAccount + " " + userRole + " " + handMember},
			same: map[string]any{
				"serviceAccountId": "projects/vendor-images/serviceAccounts/" + handAccount, "role": userRole, "member": handMember,
			},
			replaced: map[string]any{"member": handMember + "0"},
		},
		"repository": {
			token: repositoryToken, kept: handName,
			ids: []string{handName, "vendor-images/europe-west1/bifrost-acme", "europe-west1/bifrost-acme", "bifrost-acme"},
			same: repository(map[string]any{
				"repositoryId": "bifrost-acme", "description": "Acme's", "labels": map[string]any{"team": "release"},
				"dockerConfig": map[string]any{"immutableTags": true},
			}),
			updated: map[string]any{"labels": map[string]any{}}, replaced: map[string]any{"location": "us"},
		},
		"virtual repository": {
			token: repositoryToken, kept: strings.Replace(handName, "bifrost-acme", "bifrost-view", 1), ids: []string{"bifrost-view"},
			same: repository(map[string]any{"repositoryId": "bifrost-view", "mode": "VIRTUAL_REPOSITORY", "virtualRepositoryConfig": map[string]any{
				"upstreamPolicies": []any{map[string]any{"id": "acme", "priority": 10, "repository": handName}},
			}}),
			updated: map[string]any{"virtualRepositoryConfig": map[string]any{}}, replaced: map[string]any{"mode": nil},
		},
		"reader of the repository": {
			token: repositoryMemberToken, kept: handName + "/" + readerRole + "/serviceAccount:" + handAccount,
			ids: []string{
				handName + " " + readerRole + " serviceAccount:" + handAccount,
				"vendor-images/europe-west1/bifrost-acme " + readerRole + " serviceAccount:" + handAccount,
				"europe-west1/bifrost-acme " + readerRole + " serviceAccount:" + handAccount,
				"bifrost-acme " + readerRole + " serviceAccount:" + handAccount,
			},
			same:     map[string]any{"repository": handName, "role": readerRole, "member": "serviceAccount:" + handAccount},
			replaced: map[string]any{"role": "roles/artifactregistry.writer"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range c.ids {
				adopted := engine.Import(c.token, "adopted", id)
				assert.Equal(t, c.kept, string(adopted.ID), id)
				assert.Empty(t, engine.Diff(adopted, c.same).DetailedDiff, "%s: a program that wants what is there changes nothing", id)
				again := engine.Refresh(adopted)
				assert.Equal(t, adopted.ID, again.ID, "%s: found again under the ID that it has now", id)
				assert.Equal(t, adopted.Inputs, again.Inputs, id)
				if c.updated != nil {
					difference := engine.Diff(adopted, changed(clone(c.same), c.updated))
					assert.NotEmpty(t, difference.DetailedDiff, id)
					assert.False(t, difference.Replace(), id)
				}
				assert.True(t, engine.Diff(adopted, changed(clone(c.same), c.replaced)).Replace(), id)
			}
			assert.Empty(t, engine.Import(c.token, "missing", strings.NewReplacer("acme", "nobody", "bifrost-view", "nobody").Replace(c.ids[0])).ID)
		})
	}
}

func clone(inputs map[string]any) map[string]any {
	return changed(map[string]any{}, inputs)
}

func TestWhatWasMadeByHandIsTakenOverOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gcp.json")
	cloud, engine := openHandMade(t, path)
	found, exists := cloud.Account(handAccount)
	require.True(t, exists)
	assert.Equal(t, []string{handMember}, members(found.Policy, userRole))
	provider, exists := cloud.PoolProvider("123456789012", "acme-hand-pool", "acme-hand-provider")
	require.True(t, exists)
	assert.True(t, provider.Accepts("api://AzureADTokenExchange"))

	require.NoError(t, engine.Delete(engine.Import(repositoryMemberToken, "reader", handName+" "+readerRole+" serviceAccount:"+handAccount)))
	require.NoError(t, engine.Delete(engine.Import(accountToken, "account", handAccount)))
	again, _ := openHandMade(t, path)
	_, exists = again.Account(handAccount)
	assert.False(t, exists, "what was deleted since does not come back")
	repository, exists := again.Repository("europe-west1", "vendor-images", "bifrost-acme")
	require.True(t, exists)
	assert.Empty(t, members(repository.Policy, readerRole))
	same, _ := cloud.Repository("europe-west1", "vendor-images", "bifrost-acme")
	assert.Equal(t, same.CreateTime, repository.CreateTime)
}

func TestAWorldThatGoogleWouldRefuseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world.Project)
		want   string
	}{
		"account":   {func(p *world.Project) { p.ServiceAccounts[0].ID = "acme" }, `serviceAccounts/acme@vendor-images.iam.gserviceaccount.com: googleapi: Error 400: "acme" must have 6 to 30 characters`},
		"user":      {func(p *world.Project) { p.ServiceAccounts[0].Bindings[0].Members[0] += "/\n" }, "Invalid principal"},
		"role":      {func(p *world.Project) { p.ServiceAccounts[0].Bindings[0].Role = readerRole }, "Role roles/artifactregistry.reader is not supported for this resource"},
		"pool":      {func(p *world.Project) { p.WorkloadIdentityPools[0].ID = "gcp-pool" }, "reserved for Google"},
		"condition": {func(p *world.Project) { p.WorkloadIdentityPools[0].Providers[0].AttributeCondition = "'tenant'" }, "Invalid attribute condition"},
		"mapping":   {func(p *world.Project) { p.WorkloadIdentityPools[0].Providers[0].AttributeMapping = nil }, "must include a mapping to the google.subject attribute"},
		"labels":    {func(p *world.Project) { p.Repositories[2].Labels["Team"] = "release" }, "Invalid label Team=release"},
		"upstream":  {func(p *world.Project) { p.Repositories[1].Upstreams[0].Repository += "0" }, "does not exist"},
		"reader": {func(p *world.Project) {
			p.Repositories[2].Bindings[0].Members[0] = "serviceAccount:nobody@vendor-images.iam.gserviceaccount.com"
		}, "Service account nobody@vendor-images.iam.gserviceaccount.com does not exist"},
		"cleanup": {func(p *world.Project) {
			p.Repositories[2].CleanupPolicies = []json.RawMessage{json.RawMessage(`{"id": "old", "action": "BURN", "condition": {}}`)}
		}, `the action "BURN" must be DELETE or KEEP`},
	} {
		t.Run(name, func(t *testing.T) {
			existing := handMade()
			c.change(&existing.Projects[0])
			_, err := gcp.Open(filepath.Join(t.TempDir(), "gcp.json"), existing, time.Now, 0)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "the world's projects/")
		})
	}
}

// The agent is Google's and appears with the first repository of a project:
// https://cloud.google.com/artifact-registry/docs/ar-service-account
func TestTheServiceAgentOfArtifactRegistryIsAMemberOnceItsProjectHasARepository(t *testing.T) {
	existing := vendorWorld()
	existing.Projects = append(existing.Projects, world.Project{ID: "acme-images", Number: "402817365910", APIs: existing.Projects[0].APIs})
	cloud, err := gcp.Open(filepath.Join(t.TempDir(), "gcp.json"), existing, time.Now, 0)
	require.NoError(t, err)
	engine := configured(t, cloud, map[string]any{"project": "vendor-images", "region": "europe-west1"})
	engine.MustCreate(repositoryToken, "repository", repository(nil))
	agent := gcp.Agent("402817365910")
	grant := repositoryMember(map[string]any{"member": agent})
	_, err = engine.Create(repositoryMemberToken, "agent", grant)
	require.ErrorContains(t, err, "Service account service-402817365910@gcp-sa-artifactregistry.iam.gserviceaccount.com does not exist")

	engine.MustCreate(repositoryToken, "theirs", repository(map[string]any{"project": "acme-images"}))
	engine.MustCreate(repositoryMemberToken, "agent", grant)
	_, err = engine.Create(repositoryMemberToken, "nobody", repositoryMember(map[string]any{"member": gcp.Agent("999999999999")}))
	require.ErrorContains(t, err, "does not exist")
	found, _ := cloud.Repository("europe-west1", "vendor-images", "acme")
	assert.Equal(t, []string{agent}, members(found.Policy, readerRole))
}

// What came from Container Registry and from Compute Engine has names of its own.
func TestMovedRegistriesAndDefaultAccountsAreTakenOver(t *testing.T) {
	existing := vendorWorld()
	existing.Projects[0].Repositories = append(existing.Projects[0].Repositories, world.Repository{Location: "europe", Name: "eu.gcr.io", Images: []string{"bifrost:1"}})
	existing.Projects[0].ServiceAccounts = append(existing.Projects[0].ServiceAccounts, world.ServiceAccount{ID: number + "-compute"})
	cloud, err := gcp.Open(filepath.Join(t.TempDir(), "gcp.json"), existing, time.Now, 0)
	require.NoError(t, err)
	engine := configured(t, cloud, map[string]any{"project": project, "region": "europe"})
	member := "serviceAccount:" + number + "-compute@developer.gserviceaccount.com"
	engine.MustCreate(repositoryMemberToken, "nodes", repositoryMember(map[string]any{"location": "europe", "repository": "eu.gcr.io", "member": member}))
	found, _ := cloud.Repository("europe", project, "eu.gcr.io")
	assert.Equal(t, []string{member}, members(found.Policy, readerRole))
	_, err = engine.Create(repositoryMemberToken, "nobody", repositoryMember(map[string]any{
		"location": "europe", "repository": "eu.gcr.io", "member": "serviceAccount:999999999998-compute@developer.gserviceaccount.com",
	}))
	require.ErrorContains(t, err, "does not exist")

	existing.Projects[0].ServiceAccounts[0].ID = "999999999998-compute"
	_, err = gcp.Open(filepath.Join(t.TempDir(), "gcp.json"), existing, time.Now, 0)
	require.ErrorContains(t, err, "must have 6 to 30 characters", "another project's number")
}
