package gcp_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

const (
	poolToken             = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool"
	poolProviderToken     = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
	accountToken          = "gcp:serviceaccount/account:Account"
	accountMemberToken    = "gcp:serviceaccount/iAMMember:IAMMember"
	repositoryToken       = "gcp:artifactregistry/repository:Repository"
	repositoryMemberToken = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"

	project     = "vendor-images"
	number      = "123456789012"
	email       = "acme-pull@vendor-images.iam.gserviceaccount.com"
	poolPrefix  = "projects/123456789012/locations/global/workloadIdentityPools/"
	principal   = "principal://iam.googleapis.com/" + poolPrefix + "acme-azure/subject/principal-id"
	userRole    = "roles/iam.workloadIdentityUser"
	readerRole  = "roles/artifactregistry.reader"
	releaseName = "projects/vendor-images/locations/europe-west1/repositories/releases"
)

func vendorWorld() world.GCP {
	apis := []string{"artifactregistry.googleapis.com", "cloudresourcemanager.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com"}
	return world.GCP{Projects: []world.Project{
		{ID: project, Number: number, APIs: apis, Repositories: []world.Repository{
			{Location: "europe-west1", Name: "releases", Images: []string{"bifrost:1.4.2"}},
		}},
		{ID: "bare-project", Number: "999999999999"},
	}}
}

// clock is a time that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func open(t *testing.T, path string) *gcp.Cloud {
	t.Helper()
	cloud, err := gcp.Open(path, vendorWorld(), time.Now, 0)
	require.NoError(t, err)
	return cloud
}

func start(t *testing.T) (*gcp.Cloud, *providertest.Engine) {
	t.Helper()
	return startAt(t, time.Now, 0)
}

func startAt(t *testing.T, now func() time.Time, settling time.Duration) (*gcp.Cloud, *providertest.Engine) {
	t.Helper()
	cloud, err := gcp.Open(filepath.Join(t.TempDir(), "gcp.json"), vendorWorld(), now, settling)
	require.NoError(t, err)
	return cloud, configured(t, cloud, map[string]any{"project": project, "region": "europe-west1"})
}

func configured(t *testing.T, cloud *gcp.Cloud, config map[string]any) *providertest.Engine {
	t.Helper()
	return providertest.New(t, cloud.Provider().Open(), config)
}

func changed(inputs, changes map[string]any) map[string]any {
	for key, value := range changes {
		inputs[key] = value
		if value == nil {
			delete(inputs, key)
		}
	}
	return inputs
}

func pool(changes map[string]any) map[string]any {
	return changed(map[string]any{"workloadIdentityPoolId": "acme-azure"}, changes)
}

func poolProvider(changes map[string]any) map[string]any {
	return changed(map[string]any{
		"workloadIdentityPoolId": "acme-azure", "workloadIdentityPoolProviderId": "acme-entra",
		"attributeMapping":   map[string]any{"google.subject": "assertion.sub"},
		"attributeCondition": "assertion.tid == 'tenant' && google.subject == 'principal-id'",
		"oidc":               map[string]any{"issuerUri": "https://login.microsoftonline.com/tenant/v2.0"},
	}, changes)
}

func account(changes map[string]any) map[string]any {
	return changed(map[string]any{"accountId": "acme-pull"}, changes)
}

func repository(changes map[string]any) map[string]any {
	return changed(map[string]any{"repositoryId": "acme", "format": "DOCKER"}, changes)
}

func accountMember(changes map[string]any) map[string]any {
	return changed(map[string]any{
		"serviceAccountId": "projects/vendor-images/serviceAccounts/" + email, "role": userRole, "member": principal,
	}, changes)
}

func repositoryMember(changes map[string]any) map[string]any {
	return changed(map[string]any{"repository": "acme", "role": readerRole, "member": "serviceAccount:" + email}, changes)
}

func TestAnUnknownProjectIsRefusedForEveryType(t *testing.T) {
	cloud, _ := start(t)
	elsewhere := configured(t, cloud, map[string]any{"project": "nobodys-project", "region": "europe-west1"})
	for token, inputs := range map[string]map[string]any{
		poolToken: pool(nil), poolProviderToken: poolProvider(nil), accountToken: account(nil),
		repositoryToken: repository(nil), repositoryMemberToken: repositoryMember(nil),
	} {
		_, err := elsewhere.Create(token, "x", inputs)
		require.ErrorContains(t, err, "googleapi: Error 403: Permission denied on resource project nobodys-project.", token)
		assert.ErrorContains(t, err, `"reason": "CONSUMER_INVALID"`, token)
	}
}

func TestAnAPIThatIsNotEnabledIsRefusedForEveryType(t *testing.T) {
	cloud, _ := start(t)
	bare := configured(t, cloud, map[string]any{"project": "bare-project", "region": "europe-west1"})
	for token, inputs := range map[string]map[string]any{poolToken: pool(nil), poolProviderToken: poolProvider(nil), accountToken: account(nil)} {
		_, err := bare.Create(token, "x", inputs)
		require.ErrorContains(t, err, "googleapi: Error 403: Identity and Access Management (IAM) API has not been used in project 999999999999 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iam.googleapis.com/overview?project=999999999999 then retry.", token)
		assert.ErrorContains(t, err, `"reason": "SERVICE_DISABLED"`, token)
	}
	for token, inputs := range map[string]map[string]any{repositoryToken: repository(nil), repositoryMemberToken: repositoryMember(nil)} {
		_, err := bare.Create(token, "x", inputs)
		require.ErrorContains(t, err, "Artifact Registry API has not been used in project 999999999999 before or it is disabled.", token)
	}
}

func TestAProjectMustBeNamedSomewhere(t *testing.T) {
	cloud, _ := start(t)
	_, err := configured(t, cloud, nil).Create(poolToken, "pool", pool(nil))
	require.ErrorContains(t, err, "project: required field is not set")
	configured(t, cloud, nil).MustCreate(poolToken, "pool", pool(map[string]any{"project": project}))
}

func TestGetProjectKnowsTheNumber(t *testing.T) {
	_, engine := start(t)
	byDefault, err := engine.Invoke("gcp:organizations/getProject:getProject", nil)
	require.NoError(t, err)
	assert.Equal(t, number, byDefault["number"].StringValue())
	assert.Equal(t, "projects/"+project, byDefault["id"].StringValue())
	_, err = engine.Invoke("gcp:organizations/getProject:getProject", map[string]any{"projectId": "bare-project"})
	require.ErrorContains(t, err, "Cloud Resource Manager API has not been used in project 999999999999 before or it is disabled.")

	_, err = engine.Invoke("gcp:organizations/getProject:getProject", map[string]any{"projectId": "nobodys-project"})
	assert.ErrorContains(t, err, `the user does not have permission to access Project "nobodys-project" or it may not exist`)
}

func TestAnotherProjectInTheConfigurationReplacesWhatIsThere(t *testing.T) {
	cloud, engine := start(t)
	created := engine.MustCreate(repositoryToken, "acme", repository(nil))
	moved := configured(t, cloud, map[string]any{"project": "bare-project", "region": "europe-west4"}).Diff(created, repository(nil))
	assert.True(t, moved.Replace())
	assert.Len(t, moved.ReplaceKeys, 2, "project and location")
	assert.False(t, moved.DeleteBeforeReplace)
	assert.False(t, engine.Diff(created, repository(map[string]any{"project": project, "location": "europe-west1"})).Replace(),
		"what the configuration supplied may be written out")
}

func TestEverythingOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gcp.json")
	config := map[string]any{"project": project, "region": "europe-west1"}
	engine := configured(t, open(t, path), config)
	var created []providertest.Resource
	for _, each := range []struct {
		token  string
		inputs map[string]any
	}{
		{poolToken, pool(nil)}, {poolProviderToken, poolProvider(nil)}, {accountToken, account(nil)}, {accountMemberToken, accountMember(nil)},
		{repositoryToken, repository(nil)}, {repositoryMemberToken, repositoryMember(nil)},
	} {
		created = append(created, engine.MustCreate(each.token, "x", each.inputs))
	}
	again := configured(t, open(t, path), config)
	for _, before := range created {
		after := again.Refresh(before)
		assert.Equal(t, before.Inputs, after.Inputs)
		assert.Equal(t, before.ID, after.ID)
		assert.Equal(t, before.Outputs["name"], after.Outputs["name"])
	}
	assert.Len(t, open(t, path).Repositories(), 2, "the world's repository is taken over once")
}
