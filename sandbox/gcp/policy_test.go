package gcp_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/provider/providertest"
)

// members are those that have a role.
func members(policy gcp.Policy, role string) []string {
	var members []string
	for _, binding := range policy.Bindings {
		if binding.Role == role {
			members = append(members, binding.Members...)
		}
	}
	return members
}

// granting prepares a pool, an account and a repository.
func granting(t *testing.T) (*gcp.Cloud, *providertest.Engine, providertest.Resource) {
	t.Helper()
	cloud, engine := start(t)
	engine.MustCreate(poolToken, "pool", pool(nil))
	created := engine.MustCreate(accountToken, "account", account(nil))
	engine.MustCreate(repositoryToken, "repository", repository(nil))
	return cloud, engine, created
}

func TestAnAccountHasTheOutputsOfGoogle(t *testing.T) {
	cloud, engine := start(t)
	created := engine.MustCreate(accountToken, "account", account(map[string]any{"displayName": "ACME pull", "disabled": true}))
	assert.Equal(t, "projects/vendor-images/serviceAccounts/"+email, string(created.ID))
	assert.Equal(t, string(created.ID), created.Text(t, "name"))
	assert.Equal(t, email, created.Text(t, "email"))
	assert.Equal(t, "serviceAccount:"+email, created.Text(t, "member"))
	assert.Regexp(t, `^1[0-9]{20}$`, created.Text(t, "uniqueId"))
	found, ok := cloud.Account(email)
	require.True(t, ok)
	assert.False(t, found.Disabled, "Google ignores the field when it creates")

	updated, err := engine.Update(created, account(map[string]any{"disabled": true}))
	require.NoError(t, err)
	assert.Equal(t, created.Text(t, "uniqueId"), updated.Text(t, "uniqueId"))
	found, _ = cloud.Account(email)
	assert.True(t, found.Disabled)

	outputs := engine.PreviewUpdate(updated, account(nil))
	assert.Equal(t, email, outputs["email"].StringValue())
	require.NoError(t, engine.Delete(updated))
	outputs = engine.Preview(accountToken, "account", account(nil))
	assert.True(t, outputs["email"].IsComputed())
	assert.True(t, outputs["member"].IsComputed())
}

func TestAccountsThatGoogleRefuses(t *testing.T) {
	for name, refused := range map[string]struct {
		inputs map[string]any
		want   string
	}{
		"taken over":   {map[string]any{"createIgnoreAlreadyExists": true}, "createIgnoreAlreadyExists: the sandbox does not model it: leave it out"},
		"short ID":     {map[string]any{"accountId": "acme"}, "accountId: \"acme\" must have 6 to 30 characters and match the regular expression [a-z]([-a-z0-9]*[a-z0-9])"},
		"long ID":      {map[string]any{"accountId": strings.Repeat("a", 31)}, "must have 6 to 30 characters"},
		"ID's start":   {map[string]any{"accountId": "1acme-pull"}, "must have 6 to 30 characters and match"},
		"ID's end":     {map[string]any{"accountId": "acme-pull-"}, "must have 6 to 30 characters and match"},
		"ID's case":    {map[string]any{"accountId": "Acme-pull"}, "must have 6 to 30 characters and match"},
		"description":  {map[string]any{"description": strings.Repeat("d", 257)}, "The description has 257 bytes: at most 256"},
		"display name": {map[string]any{"displayName": strings.Repeat("d", 101)}, "googleapi: Error 400: The display name has 101 bytes: at most 100"},
		"same ID":      {nil, "Error creating service account: googleapi: Error 409: Service account acme-pull already exists within project projects/vendor-images."},
	} {
		t.Run(name, func(t *testing.T) {
			_, engine := start(t)
			engine.MustCreate(accountToken, "first", account(nil))
			_, err := engine.Create(accountToken, "second", account(refused.inputs))
			assert.ErrorContains(t, err, refused.want)
		})
	}
}

func TestAProjectHoldsAHundredAccounts(t *testing.T) {
	_, engine := start(t)
	var last providertest.Resource
	for i := range gcp.MaxAccounts {
		last = engine.MustCreate(accountToken, "account", account(map[string]any{"accountId": fmt.Sprintf("account-%d", i)}))
	}
	_, err := engine.Create(accountToken, "one-more", account(nil))
	require.ErrorContains(t, err, "googleapi: Error 429: Maximum number of service accounts on project reached.")
	require.NoError(t, engine.Delete(last))
	engine.MustCreate(accountToken, "one-more", account(nil))
}

func TestGrantsAreSeenByTokenServers(t *testing.T) {
	cloud, engine, _ := granting(t)
	onAccount := engine.MustCreate(accountMemberToken, "user", accountMember(nil))
	assert.Equal(t, "projects/vendor-images/serviceAccounts/"+email+"/"+userRole+"/"+principal, string(onAccount.ID))
	assert.NotEmpty(t, onAccount.Text(t, "etag"))
	found, _ := cloud.Account(email)
	assert.True(t, found.Policy.Grants(userRole, "somebody", principal))
	assert.False(t, found.Policy.Grants(userRole, strings.ToUpper(principal)), "members are compared exactly")
	assert.False(t, found.Policy.Grants(readerRole, principal))
	assert.Equal(t, []string{principal}, members(found.Policy, userRole))

	onRepository := engine.MustCreate(repositoryMemberToken, "reader", repositoryMember(nil))
	assert.Equal(t, "projects/vendor-images/locations/europe-west1/repositories/acme", onRepository.Text(t, "repository"))
	assert.Equal(t, "projects/vendor-images/locations/europe-west1/repositories/acme/"+readerRole+"/serviceAccount:"+email, string(onRepository.ID))
	repository, _ := cloud.Repository("europe-west1", project, "acme")
	assert.True(t, repository.Policy.Grants(readerRole, "serviceAccount:"+email))

	require.NoError(t, engine.Delete(onAccount))
	require.NoError(t, engine.Delete(onAccount), "what is gone needs no deletion")
	found, _ = cloud.Account(email)
	assert.Empty(t, found.Policy.Bindings)
	assert.Empty(t, engine.Refresh(onAccount).ID)
	assert.NotEmpty(t, engine.Refresh(onRepository).ID)
}

func TestAGrantThatExistsAlreadyIsNoError(t *testing.T) {
	cloud, engine, _ := granting(t)
	first := engine.MustCreate(accountMemberToken, "user", accountMember(nil))
	second := engine.MustCreate(accountMemberToken, "again", accountMember(nil))
	assert.Equal(t, first.ID, second.ID)
	found, _ := cloud.Account(email)
	assert.Len(t, members(found.Policy, userRole), 1)
}

func TestARepositoryIsNamedInManyWays(t *testing.T) {
	_, engine, _ := granting(t)
	full := engine.MustCreate(repositoryMemberToken, "reader", repositoryMember(map[string]any{
		"repository": "projects/vendor-images/locations/europe-west1/repositories/acme",
	}))
	for _, inputs := range []map[string]any{
		repositoryMember(nil),
		repositoryMember(map[string]any{"project": project, "location": "europe-west1"}),
		repositoryMember(map[string]any{"repository": "europe-west1/acme"}),
		repositoryMember(map[string]any{"repository": "vendor-images/europe-west1/acme"}),
	} {
		assert.Equal(t, full.ID, engine.MustCreate(repositoryMemberToken, "reader", inputs).ID)
	}
	assert.False(t, engine.Diff(full, repositoryMember(nil)).Replace(), "the short name means the same")
	assert.True(t, engine.Diff(full, repositoryMember(map[string]any{"repository": "other"})).Replace())
}

func TestGrantsThatGoogleRefuses(t *testing.T) {
	member := func(member string) map[string]any { return map[string]any{"member": member} }
	for name, refused := range map[string]struct {
		inputs map[string]any
		want   string
	}{
		"role of another service": {map[string]any{"role": readerRole},
			"Error setting IAM policy for service account 'projects/vendor-images/serviceAccounts/" + email + "': googleapi: Error 400: Role roles/artifactregistry.reader is not supported for this resource."},
		"unknown role":       {map[string]any{"role": "roles/iam.workloadIdentityUsers"}, "Role roles/iam.workloadIdentityUsers is not supported for this resource."},
		"account that isn't": {map[string]any{"serviceAccountId": "projects/vendor-images/serviceAccounts/nobody@vendor-images.iam.gserviceaccount.com"}, "googleapi: Error 404: Unknown service account"},
		"project's ID": {member(strings.Replace(principal, number, project, 1)),
			"Identity Pool does not exist (projects/vendor-images/locations/global/workloadIdentityPools/acme-azure). Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API."},
		"pool that isn't": {member(strings.Replace(principal, "acme-azure", "other", 1)), "Identity Pool does not exist (" + poolPrefix + "other)"},
		"pool set that isn't": {member("principalSet://iam.googleapis.com/" + poolPrefix + "other/*"),
			"Identity Pool does not exist (" + poolPrefix + "other)"},
		"no subject":          {member("principal://iam.googleapis.com/" + poolPrefix + "acme-azure/subject/"), "Invalid principal"},
		"long subject":        {member("principal://iam.googleapis.com/" + poolPrefix + "acme-azure/subject/" + strings.Repeat("s", 128)), "its subject has 128 bytes"},
		"deleted member":      {member("deleted:serviceAccount:" + email), "member: a deleted principal cannot be granted a role"},
		"member without kind": {member(email), `member: invalid value "` + email + `"`},
		"unknown kind":        {member("robot:" + email), "The member robot:" + email + " is of an unknown type. Please set a valid type prefix for the member."},
		"member that isn't": {member("serviceAccount:nobody@vendor-images.iam.gserviceaccount.com"),
			"Service account nobody@vendor-images.iam.gserviceaccount.com does not exist."},
		"condition": {map[string]any{"condition": map[string]any{"title": "t", "expression": "true"}}, "condition: the sandbox does not model it: leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, engine, _ := granting(t)
			_, err := engine.Create(accountMemberToken, "user", accountMember(refused.inputs))
			require.ErrorContains(t, err, refused.want)
			found, _ := cloud.Account(email)
			assert.Empty(t, found.Policy.Bindings)
		})
	}
}

func TestGrantsOnARepositoryThatGoogleRefuses(t *testing.T) {
	_, engine, _ := granting(t)
	_, err := engine.Create(repositoryMemberToken, "reader", repositoryMember(map[string]any{"role": userRole}))
	require.ErrorContains(t, err, "Role roles/iam.workloadIdentityUser is not supported for this resource.")
	_, err = engine.Create(repositoryMemberToken, "reader", repositoryMember(map[string]any{"repository": "other"}))
	require.ErrorContains(t, err, `Error retrieving IAM policy for artifactregistry repository "projects/vendor-images/locations/europe-west1/repositories/other": googleapi: Error 404`)
}

func TestOtherKindsOfMembersAreTaken(t *testing.T) {
	_, engine, _ := granting(t)
	for _, member := range []string{
		"user:Ann@example.com", "group:team@example.com", "domain:example.com", "allUsers",
		"principalSet://iam.googleapis.com/" + poolPrefix + "acme-azure/*",
		"principalSet://iam.googleapis.com/" + poolPrefix + "acme-azure/attribute.ns/bifrost",
		"principalSet://iam.googleapis.com/" + poolPrefix + "acme-azure/group/admins",
	} {
		created := engine.MustCreate(repositoryMemberToken, "reader", repositoryMember(map[string]any{"member": member}))
		assert.NotEmpty(t, engine.Refresh(created).ID, member)
	}
}

func TestAPolicyHoldsFifteenHundredPrincipals(t *testing.T) {
	cloud, engine, _ := granting(t)
	for i := range gcp.MaxPrincipals {
		engine.MustCreate(accountMemberToken, "user", accountMember(map[string]any{"member": fmt.Sprintf("user:user-%d@example.com", i)}))
	}
	_, err := engine.Create(accountMemberToken, "user", accountMember(nil))
	require.ErrorContains(t, err, "The number of members in the policy (1501) is larger than the maximum allowed size 1500.")
	found, _ := cloud.Account(email)
	assert.Len(t, members(found.Policy, userRole), gcp.MaxPrincipals)
}

func TestGrantsAtTheSameTimeAllArrive(t *testing.T) {
	cloud, engine, _ := granting(t)
	var group sync.WaitGroup
	const writers = 20
	errs := make([]error, writers)
	for i := range writers {
		group.Go(func() {
			_, errs[i] = engine.Create(accountMemberToken, "user", accountMember(map[string]any{"member": fmt.Sprintf("user:user-%d@example.com", i)}))
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	found, _ := cloud.Account(email)
	assert.Len(t, members(found.Policy, userRole), writers)
}

func TestAnAccountThatIsMadeAgainHasNoneOfItsGrants(t *testing.T) {
	cloud, engine, first := granting(t)
	grant := engine.MustCreate(repositoryMemberToken, "reader", repositoryMember(nil))
	engine.MustCreate(accountMemberToken, "user", accountMember(nil))
	require.NoError(t, engine.Delete(first))

	repository, _ := cloud.Repository("europe-west1", project, "acme")
	assert.Equal(t, []string{"deleted:serviceAccount:" + email + "?uid=" + first.Text(t, "uniqueId")}, members(repository.Policy, readerRole))
	assert.Empty(t, engine.Refresh(grant).ID)

	second := engine.MustCreate(accountToken, "account", account(nil))
	assert.NotEqual(t, first.Text(t, "uniqueId"), second.Text(t, "uniqueId"))
	repository, _ = cloud.Repository("europe-west1", project, "acme")
	assert.False(t, repository.Policy.Grants(readerRole, "serviceAccount:"+email))
	found, _ := cloud.Account(email)
	assert.Empty(t, found.Policy.Bindings)

	engine.MustCreate(repositoryMemberToken, "reader", repositoryMember(nil))
	repository, _ = cloud.Repository("europe-west1", project, "acme")
	assert.Len(t, members(repository.Policy, readerRole), 2, "the deleted member stays beside the new one")
}

func TestAPolicyKeepsAMemberWhosePoolIsGone(t *testing.T) {
	cloud, engine, _ := granting(t)
	engine.MustCreate(accountMemberToken, "user", accountMember(nil))
	require.NoError(t, engine.Delete(engine.Import(poolToken, "pool", "projects/vendor-images/locations/global/workloadIdentityPools/acme-azure")))
	engine.MustCreate(accountMemberToken, "other", accountMember(map[string]any{"member": "user:ann@example.com"}))
	found, _ := cloud.Account(email)
	assert.Equal(t, []string{principal, "user:ann@example.com"}, members(found.Policy, userRole))
}

func TestAGrantCanBeImported(t *testing.T) {
	_, engine, _ := granting(t)
	engine.MustCreate(accountMemberToken, "user", accountMember(nil))
	adopted := engine.Import(accountMemberToken, "adopted", "projects/vendor-images/serviceAccounts/"+email+" "+userRole+" "+principal)
	assert.Equal(t, principal, adopted.Inputs["member"].StringValue())
	assert.Equal(t, userRole, adopted.Inputs["role"].StringValue())
}

// What was made a moment ago is met as missing once by each request that refers to it.
func TestSomethingNewIsNotKnownEverywhereYet(t *testing.T) {
	c := &clock{time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	_, engine := startAt(t, c.Now, time.Minute)
	engine.MustCreate(accountToken, "account", account(nil))
	engine.MustCreate(poolToken, "pool", pool(nil))
	engine.MustCreate(repositoryToken, "repository", repository(nil))
	for _, try := range []struct {
		token   string
		inputs  map[string]any
		refused []string
	}{
		{repositoryMemberToken, repositoryMember(nil), []string{"Error 400: Service account " + email + " does not exist."}},
		{poolProviderToken, poolProvider(nil), []string{"WorkloadIdentityPoolProvider: googleapi: Error 404"}},
		{accountMemberToken, accountMember(nil), []string{"Error 404: Unknown service account", "Error 400: Identity Pool does not exist"}},
	} {
		for _, want := range try.refused {
			_, err := engine.Create(try.token, "new", try.inputs)
			require.ErrorContains(t, err, want)
		}
		engine.MustCreate(try.token, "new", try.inputs)
	}
	c.now = c.now.Add(time.Minute)
	engine.MustCreate(accountMemberToken, "later", accountMember(map[string]any{"member": principal + "-2"}))
}
