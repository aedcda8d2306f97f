package azure_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/azure"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

const (
	identityToken   = "azure-native:managedidentity:UserAssignedIdentity"
	credentialToken = "azure-native:managedidentity:FederatedIdentityCredential"

	tenant       = "11111111-1111-1111-1111-111111111111"
	otherTenant  = "22222222-2222-2222-2222-222222222222"
	subscription = "33333333-3333-3333-3333-333333333333"
	issuer       = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"
	audience     = "api://AzureADTokenExchange"
)

func customerWorld() world.Azure {
	return world.Azure{Tenants: []world.Tenant{
		{ID: tenant, Subscriptions: []world.Subscription{{
			ID: subscription,
			ResourceGroups: []world.ResourceGroup{{
				Name: "rg-platform", Location: "westeurope",
				Clusters: []world.AKSCluster{
					{Name: "aks-prod", Issuer: issuer},
					{Name: "aks-old", KubernetesVersion: "1.24.0"},
				},
				Identities: []world.Identity{{
					Name: "id-existing", ClientID: "44444444-4444-4444-4444-444444444444", PrincipalID: "55555555-5555-5555-5555-555555555555",
					Location: "North Europe", Tags: map[string]string{"team": "platform"},
					FederatedCredentials: []world.FederatedCredential{{
						Name: "bifrost-federated-credential", Issuer: issuer, Subject: "system:serviceaccount:bifrost:bifrost-sa", Audience: audience,
					}},
				}},
			}},
		}}},
		{ID: otherTenant},
	}}
}

func open(t *testing.T, path string, writeTime time.Duration) *azure.Cloud {
	t.Helper()
	cloud, err := azure.Open(path, customerWorld(), writeTime, 0)
	require.NoError(t, err)
	return cloud
}

func start(t *testing.T) (*azure.Cloud, *providertest.Engine) {
	t.Helper()
	return slow(t, time.Millisecond)
}

// slow starts a cloud whose writes to credentials take a time.
func slow(t *testing.T, writeTime time.Duration) (*azure.Cloud, *providertest.Engine) {
	t.Helper()
	cloud := open(t, filepath.Join(t.TempDir(), "azure.json"), writeTime)
	return cloud, engine(t, cloud, nil)
}

func engine(t *testing.T, cloud *azure.Cloud, config map[string]any) *providertest.Engine {
	t.Helper()
	merged := map[string]any{"subscriptionId": subscription, "tenantId": tenant}
	for key, value := range config {
		merged[key] = value
	}
	return providertest.New(t, cloud.Provider().Open(), merged)
}

func identity(changes map[string]any) map[string]any {
	return changed(map[string]any{"resourceGroupName": "rg-platform", "resourceName": "id-pull", "location": "westeurope"}, changes)
}

func credential(changes map[string]any) map[string]any {
	return changed(map[string]any{
		"resourceGroupName": "rg-platform", "resourceName": "id-pull", "federatedIdentityCredentialResourceName": "refresher",
		"issuer": issuer, "subject": "system:serviceaccount:bifrost:refresher", "audiences": []any{audience},
	}, changes)
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

func TestAnIdentityHasTheOutputsOfAzure(t *testing.T) {
	cloud, engine := start(t)
	created := engine.MustCreate(identityToken, "pull", identity(map[string]any{"tags": map[string]any{"team": "platform"}}))
	assert.Equal(t, "/subscriptions/"+subscription+"/resourcegroups/rg-platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-pull", string(created.ID))
	assert.Equal(t, "id-pull", created.Text(t, "name"))
	assert.Equal(t, "westeurope", created.Text(t, "location"))
	assert.Equal(t, tenant, created.Text(t, "tenantId"))
	assert.Equal(t, "Microsoft.ManagedIdentity/userAssignedIdentities", created.Text(t, "type"))
	assert.Len(t, created.Text(t, "clientId"), 36)
	assert.NotEqual(t, created.Text(t, "clientId"), created.Text(t, "principalId"))
	assert.Equal(t, "platform", created.Outputs["tags"].ObjectValue()["team"].StringValue())

	found, ok := cloud.IdentityByClientID(strings.ToUpper(tenant), strings.ToUpper(created.Text(t, "clientId")))
	require.True(t, ok)
	assert.Equal(t, created.Text(t, "principalId"), found.PrincipalID)
	_, ok = cloud.IdentityByClientID(otherTenant, created.Text(t, "clientId"))
	assert.False(t, ok, "an identity belongs to one tenant")
}

func TestIdentifiersOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "azure.json")
	created := engine(t, open(t, path, time.Millisecond), nil).MustCreate(identityToken, "pull", identity(nil))
	again := engine(t, open(t, path, time.Millisecond), nil).Refresh(created)
	assert.Equal(t, created.Outputs, again.Outputs)
	assert.Len(t, open(t, path, time.Millisecond).Identities(), 2, "the world's identity is taken over once")
}

func TestAPreviewOfAnIdentityLeavesTheIdentifiersUnknown(t *testing.T) {
	cloud, engine := start(t)
	outputs := engine.Preview(identityToken, "pull", identity(nil))
	for _, output := range []resource.PropertyKey{"clientId", "principalId", "tenantId", "name", "type"} {
		assert.True(t, outputs[output].IsComputed(), output)
	}
	assert.Equal(t, "westeurope", outputs["location"].StringValue())
	assert.Len(t, cloud.Identities(), 1, "a preview creates nothing")

	created := engine.MustCreate(identityToken, "pull", identity(nil))
	outputs = engine.PreviewUpdate(created, identity(map[string]any{"tags": map[string]any{"team": "a"}}))
	assert.Equal(t, created.Text(t, "name"), outputs["name"].StringValue(), "nothing that uses the name is replaced")
	assert.True(t, outputs["clientId"].IsComputed())
}

func TestTheLocationComesFromTheConfigurationOrTheResourceGroup(t *testing.T) {
	cloud, byGroup := start(t)
	inputs, reasons := byGroup.Check(identityToken, "pull", resource.NewPropertyMapFromMap(identity(map[string]any{"location": nil})))
	assert.Empty(t, reasons)
	assert.Equal(t, "westeurope", inputs["location"].StringValue())

	inputs, _ = engine(t, cloud, map[string]any{"location": "northeurope"}).
		Check(identityToken, "pull", resource.NewPropertyMapFromMap(identity(map[string]any{"location": nil})))
	assert.Equal(t, "northeurope", inputs["location"].StringValue())

	unknownGroup := resource.NewPropertyMapFromMap(identity(map[string]any{"location": nil}))
	unknownGroup["resourceGroupName"] = resource.MakeComputed(resource.NewStringProperty(""))
	inputs, reasons = byGroup.Check(identityToken, "pull", unknownGroup)
	assert.Empty(t, reasons)
	assert.True(t, inputs["location"].IsComputed())

	_, reasons = byGroup.Check(identityToken, "pull", resource.NewPropertyMapFromMap(identity(map[string]any{"location": nil, "resourceGroupName": "rg-none"})))
	assert.Equal(t, []string{`missing required property "location"`}, reasons)
}

func TestTheSpellingOfALocationIsNoChange(t *testing.T) {
	_, engine := start(t)
	created := engine.MustCreate(identityToken, "pull", identity(map[string]any{"location": "West Europe"}))
	assert.Equal(t, "westeurope", created.Text(t, "location"))
	assert.Equal(t, plugin.DiffNone, engine.Diff(created, identity(map[string]any{"location": "westeurope"})).Changes)
	moved := engine.Diff(created, identity(map[string]any{"location": "northeurope"}))
	assert.True(t, moved.Replace())
	assert.True(t, moved.DeleteBeforeReplace)
}

func TestTagsChangeInPlaceAndIdentifiersStay(t *testing.T) {
	_, engine := start(t)
	created := engine.MustCreate(identityToken, "pull", identity(nil))
	updated, err := engine.Update(created, identity(map[string]any{"tags": map[string]any{"team": "platform"}}))
	require.NoError(t, err)
	assert.Equal(t, created.Text(t, "clientId"), updated.Text(t, "clientId"))
	assert.Equal(t, created.Text(t, "principalId"), updated.Text(t, "principalId"))
	assert.Contains(t, updated.Outputs, resource.PropertyKey("tags"))
}

func TestNamesAreNotMadeUp(t *testing.T) {
	_, engine := start(t)
	_, err := engine.Create(identityToken, "pull", identity(map[string]any{"resourceName": nil}))
	require.ErrorContains(t, err, "resourceName: the sandbox does not model made-up names: give one")
	_, err = engine.Create(credentialToken, "pull", credential(map[string]any{"federatedIdentityCredentialResourceName": nil}))
	require.ErrorContains(t, err, "federatedIdentityCredentialResourceName: the sandbox does not model made-up names: give one")
}

func TestIdentitiesThatAzureRefuses(t *testing.T) {
	many := map[string]any{}
	for i := range 51 {
		many[fmt.Sprintf("tag%d", i)] = "x"
	}
	for name, refused := range map[string]struct {
		config, inputs map[string]any
		want           string
	}{
		"resource group": {inputs: map[string]any{"resourceGroupName": "rg-none"},
			want: `Status=404 Code="ResourceGroupNotFound" Message="Resource group 'rg-none' could not be found."`},
		"subscription": {config: map[string]any{"subscriptionId": otherTenant},
			want: `Status=404 Code="SubscriptionNotFound" Message="The subscription '` + otherTenant + `' could not be found."`},
		"tenant": {config: map[string]any{"tenantId": otherTenant},
			want: `Status=401 Code="InvalidAuthenticationTokenTenant" Message="The access token is from the wrong issuer 'https://sts.windows.net/` + otherTenant + `/'.`},
		"short name":    {inputs: map[string]any{"resourceName": "id"}, want: `Code="InvalidResourceName"`},
		"long name":     {inputs: map[string]any{"resourceName": strings.Repeat("i", 129)}, want: `Code="InvalidResourceName"`},
		"name's start":  {inputs: map[string]any{"resourceName": "-id-pull"}, want: `Code="InvalidResourceName"`},
		"name's signs":  {inputs: map[string]any{"resourceName": "id.pull"}, want: `Code="InvalidResourceName"`},
		"location":      {inputs: map[string]any{"location": "westworld"}, want: `Code="LocationNotAvailableForResourceType" Message="The provided location 'westworld' is not available`},
		"too many tags": {inputs: map[string]any{"tags": many}, want: `The resource has 51 tags`},
		"tag's name":    {inputs: map[string]any{"tags": map[string]any{"a/b": "x"}}, want: `Code="InvalidTagNameCharacters"`},
		"tag's value":   {inputs: map[string]any{"tags": map[string]any{"a": strings.Repeat("x", 257)}}, want: `Code="InvalidTag"`},
		"same name": {inputs: map[string]any{"resourceName": "ID-existing"},
			want: "cannot create already existing resource '/subscriptions/" + subscription + "/resourcegroups/rg-platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-existing'"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, _ := start(t)
			_, err := engine(t, cloud, refused.config).Create(identityToken, "pull", identity(refused.inputs))
			require.ErrorContains(t, err, refused.want)
			assert.Len(t, cloud.Identities(), 1, "nothing is created")
		})
	}
}

func TestTheLongestNamesAreTaken(t *testing.T) {
	_, engine := start(t)
	name := strings.Repeat("i", 128)
	engine.MustCreate(identityToken, "pull", identity(map[string]any{"resourceName": name}))
	engine.MustCreate(credentialToken, "refresher", credential(map[string]any{
		"resourceName": name, "federatedIdentityCredentialResourceName": strings.Repeat("c", 120),
	}))
}

func TestACallerWithoutATenantUsesTheSubscriptionsOwn(t *testing.T) {
	cloud, _ := start(t)
	created := providertest.New(t, cloud.Provider().Open(), map[string]any{"subscriptionId": subscription}).
		MustCreate(identityToken, "pull", identity(nil))
	assert.Equal(t, tenant, created.Text(t, "tenantId"))
}

func TestTheSubscriptionMustBeConfigured(t *testing.T) {
	cloud, _ := start(t)
	_, err := cloud.Provider().Open().Configure(t.Context(), plugin.ConfigureRequest{})
	assert.ErrorContains(t, err, "subscriptionId: want the subscription's GUID")
}

func TestACredentialIsSeenByTokenServers(t *testing.T) {
	cloud, engine := start(t)
	owner := engine.MustCreate(identityToken, "pull", identity(nil))
	created := engine.MustCreate(credentialToken, "refresher", credential(nil))
	assert.Equal(t, string(owner.ID)+"/federatedIdentityCredentials/refresher", string(created.ID))
	assert.Equal(t, "refresher", created.Text(t, "name"))
	assert.Equal(t, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", created.Text(t, "type"))

	found, _ := cloud.IdentityByClientID(tenant, owner.Text(t, "clientId"))
	want := azure.Credential{Name: "refresher", Issuer: issuer, Subject: "system:serviceaccount:bifrost:refresher", Audiences: []string{audience}}
	assert.Equal(t, []azure.Credential{want}, found.Credentials)

	_, err := engine.Update(created, credential(map[string]any{"subject": "system:serviceaccount:bifrost:other"}))
	require.NoError(t, err)
	found, _ = cloud.IdentityByClientID(tenant, owner.Text(t, "clientId"))
	assert.Equal(t, "system:serviceaccount:bifrost:other", found.Credentials[0].Subject)
}

func TestIssuerSubjectAndAudiencesChangeInPlace(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(identityToken, "pull", identity(nil))
	created := engine.MustCreate(credentialToken, "refresher", credential(nil))
	for property, value := range map[string]any{"issuer": "https://elsewhere.example/", "subject": "other", "audiences": []any{"other"}} {
		assert.False(t, engine.Diff(created, credential(map[string]any{property: value})).Replace(), property)
	}
	for _, property := range []string{"resourceName", "resourceGroupName", "federatedIdentityCredentialResourceName"} {
		result := engine.Diff(created, credential(map[string]any{property: "another"}))
		assert.True(t, result.Replace(), property)
		assert.True(t, result.DeleteBeforeReplace, property)
	}
}

func TestCredentialsThatAzureRefuses(t *testing.T) {
	for name, refused := range map[string]struct {
		inputs map[string]any
		want   string
	}{
		"no audience":       {map[string]any{"audiences": []any{}}, `Message="The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audience'."`},
		"two audiences":     {map[string]any{"audiences": []any{audience, "other"}}, "has 2 audiences: exactly one is supported"},
		"no issuer":         {map[string]any{"issuer": ""}, "must specify 'issuer', 'subject' and 'audience'"},
		"plain issuer":      {map[string]any{"issuer": "http://oidc.example/"}, "issuer 'http://oidc.example/' is invalid: it must be an https URL"},
		"issuer's host":     {map[string]any{"issuer": "https://"}, "it must be an https URL"},
		"subject wildcard":  {map[string]any{"subject": "system:serviceaccount:*:refresher"}, "wildcard characters are not supported"},
		"audience wildcard": {map[string]any{"audiences": []any{"*"}}, "wildcard characters are not supported"},
		"long subject":      {map[string]any{"subject": strings.Repeat("s", 601)}, "subject has 601 characters: at most 600"},
		"short name": {map[string]any{"federatedIdentityCredentialResourceName": "re"},
			"'federatedIdentityCredentialResourceName' does not match expression '^[a-zA-Z0-9]{1}[a-zA-Z0-9-_]{2,119}$'"},
		"long name":    {map[string]any{"federatedIdentityCredentialResourceName": strings.Repeat("c", 121)}, "does not match expression"},
		"name's start": {map[string]any{"federatedIdentityCredentialResourceName": "_refresher"}, "does not match expression"},
		"no identity":  {map[string]any{"resourceName": "id-none"}, `Status=404 Code="ParentResourceNotFound"`},
		"no group":     {map[string]any{"resourceGroupName": "rg-none"}, `Code="ResourceGroupNotFound"`},
		"same pair": {map[string]any{"subject": "system:serviceaccount:bifrost:refresher"},
			`Status=409 Code="Conflict" Message="Issuer and subject combination already exists for this Managed Identity."`},
		"same name": {map[string]any{"federatedIdentityCredentialResourceName": "Refresher"}, "cannot create already existing resource '/subscriptions/" + subscription},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, engine := start(t)
			owner := engine.MustCreate(identityToken, "pull", identity(nil))
			engine.MustCreate(credentialToken, "first", credential(nil))
			_, err := engine.Create(credentialToken, "second", changed(credential(map[string]any{
				"federatedIdentityCredentialResourceName": "second", "subject": "second",
			}), refused.inputs))
			require.ErrorContains(t, err, refused.want)
			found, _ := cloud.IdentityByClientID(tenant, owner.Text(t, "clientId"))
			assert.Len(t, found.Credentials, 1, "nothing is created")
		})
	}
}

func TestIssuersAreComparedWithTheirSlashAndCase(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(identityToken, "pull", identity(nil))
	engine.MustCreate(credentialToken, "first", credential(nil))
	engine.MustCreate(credentialToken, "second", credential(map[string]any{
		"federatedIdentityCredentialResourceName": "without-slash", "issuer": strings.TrimSuffix(issuer, "/"),
	}))
	engine.MustCreate(credentialToken, "third", credential(map[string]any{
		"federatedIdentityCredentialResourceName": "capital", "subject": "system:serviceaccount:Bifrost:refresher",
	}))
}

func TestAnIdentityHoldsTwentyCredentials(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(identityToken, "pull", identity(nil))
	nth := func(n int) map[string]any {
		return credential(map[string]any{
			"federatedIdentityCredentialResourceName": fmt.Sprintf("credential-%d", n), "subject": fmt.Sprintf("subject-%d", n),
		})
	}
	var last providertest.Resource
	for n := range azure.MaxCredentials {
		last = engine.MustCreate(credentialToken, "credential", nth(n))
	}
	_, err := engine.Create(credentialToken, "one-more", nth(20))
	require.ErrorContains(t, err, "has 20 federated identity credentials, the most that an identity can have")
	require.NoError(t, engine.Delete(last))
	engine.MustCreate(credentialToken, "one-more", nth(20))
}

// atOnce starts all writes together and returns their errors in order.
func atOnce(writes ...func() error) []error {
	var group sync.WaitGroup
	begin := make(chan struct{})
	results := make([]error, len(writes))
	for i, write := range writes {
		group.Go(func() {
			<-begin
			results[i] = write()
		})
	}
	close(begin)
	group.Wait()
	return results
}

func TestASecondWriteToOneIdentityIsRefusedNotQueued(t *testing.T) {
	const concurrent = `Status=409 Code="ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity" Message="Too many Federated Identity Credentials are written concurrently for the managed identity '/subscriptions/` + subscription + `/resourcegroups/rg-platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-pull'.`
	_, engine := slow(t, 300*time.Millisecond)
	engine.MustCreate(identityToken, "pull", identity(nil))
	first := engine.MustCreate(credentialToken, "first", credential(nil))
	create := func(name string) func() error {
		return func() error {
			_, err := engine.Create(credentialToken, name, credential(map[string]any{
				"federatedIdentityCredentialResourceName": name, "subject": name,
			}))
			return err
		}
	}
	update := func() error {
		_, err := engine.Update(first, credential(nil))
		return err
	}
	remove := func() error { return engine.Delete(first) }

	for name, writes := range map[string][]func() error{
		"two creations":             {create("one"), create("two")},
		"an update and a creation":  {update, create("three")},
		"a deletion and a creation": {remove, create("four")},
	} {
		results := atOnce(writes...)
		refused := results[0]
		if refused == nil {
			refused = results[1]
		}
		require.ErrorContains(t, refused, concurrent, name)
		assert.Contains(t, results, nil, name+": the other write is done")
	}
	require.NoError(t, create("after")(), "a refusal leaves nothing behind")
}

func TestWritesToTwoIdentitiesDoNotMeet(t *testing.T) {
	_, engine := slow(t, 100*time.Millisecond)
	create := func(owner string) func() error {
		engine.MustCreate(identityToken, owner, identity(map[string]any{"resourceName": owner}))
		return func() error {
			_, err := engine.Create(credentialToken, owner, credential(map[string]any{"resourceName": owner}))
			return err
		}
	}
	assert.Equal(t, []error{nil, nil}, atOnce(create("id-pull"), create("id-other")))
}

func TestAWriteEndsWithItsRequest(t *testing.T) {
	cloud, driver := slow(t, time.Hour)
	driver.MustCreate(identityToken, "pull", identity(nil))
	instance := cloud.Provider().Open()
	engine := providertest.New(t, instance, map[string]any{"subscriptionId": subscription})
	inputs, reasons := engine.Check(credentialToken, "refresher", resource.NewPropertyMapFromMap(credential(nil)))
	require.Empty(t, reasons)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := instance.Create(ctx, plugin.CreateRequest{Type: credentialToken, Properties: inputs})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestDeletingAnIdentityDeletesItsCredentials(t *testing.T) {
	cloud, engine := start(t)
	owner := engine.MustCreate(identityToken, "pull", identity(nil))
	created := engine.MustCreate(credentialToken, "refresher", credential(nil))
	require.NoError(t, engine.Delete(owner))
	assert.Empty(t, engine.Refresh(owner).ID)
	assert.Empty(t, engine.Refresh(created).ID)
	require.NoError(t, engine.Delete(created), "what is gone needs no deletion")
	require.NoError(t, engine.Delete(owner))

	again := engine.MustCreate(identityToken, "pull", identity(nil))
	assert.NotEqual(t, owner.Text(t, "clientId"), again.Text(t, "clientId"))
	found, _ := cloud.IdentityByClientID(tenant, again.Text(t, "clientId"))
	assert.Empty(t, found.Credentials)
}

func TestResourcesCanBeImported(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(identityToken, "pull", identity(nil))
	created := engine.MustCreate(credentialToken, "refresher", credential(nil))
	adopted := engine.Import(credentialToken, "adopted", string(created.ID))
	assert.Equal(t, created.Inputs, adopted.Inputs)

}

// An ID is spelled as the portal and the CLI show it, or as Azure answers.
func TestWhatWasMadeByHandIsImportedAndThenChangedInPlace(t *testing.T) {
	cloud, engine := start(t)
	found, exists := cloud.IdentityByClientID(tenant, "44444444-4444-4444-4444-444444444444")
	require.True(t, exists)
	assert.Equal(t, []azure.Credential{{
		Name: "bifrost-federated-credential", Issuer: issuer, Subject: "system:serviceaccount:bifrost:bifrost-sa", Audiences: []string{audience},
	}}, found.Credentials)

	for _, groups := range []string{"resourceGroups", "resourcegroups"} {
		existing := "/subscriptions/" + subscription + "/" + groups + "/rg-platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-existing"
		adopted := engine.Import(identityToken, "existing", existing)
		same := map[string]any{
			"resourceGroupName": "rg-platform", "resourceName": "id-existing", "location": "northeurope", "tags": map[string]any{"team": "platform"},
		}
		assert.Empty(t, engine.Diff(adopted, same).DetailedDiff, groups)
		assert.Equal(t, adopted.Inputs, engine.Refresh(adopted).Inputs)
		for property, replaces := range map[string]bool{"tags": false, "location": true, "resourceName": true} {
			difference := engine.Diff(adopted, changed(changed(map[string]any{}, same), map[string]any{property: map[bool]any{true: "westeurope"}[replaces]}))
			assert.NotEmpty(t, difference.DetailedDiff, property)
			assert.Equal(t, replaces, difference.Replace(), property)
		}

		credential := engine.Import(credentialToken, "credential", existing+"/federatedIdentityCredentials/bifrost-federated-credential")
		same = map[string]any{
			"resourceGroupName": "rg-platform", "resourceName": "id-existing", "federatedIdentityCredentialResourceName": "bifrost-federated-credential",
			"issuer": issuer, "subject": "system:serviceaccount:bifrost:bifrost-sa", "audiences": []any{audience},
		}
		assert.Empty(t, engine.Diff(credential, same).DetailedDiff, groups)
		moved := changed(changed(map[string]any{}, same), map[string]any{"subject": "system:serviceaccount:bifrost:bifrost-refresher"})
		assert.False(t, engine.Diff(credential, moved).Replace())
		assert.NotEmpty(t, engine.Diff(credential, moved).DetailedDiff)
		assert.Empty(t, engine.Import(identityToken, "missing", existing+"0").ID)
		assert.Empty(t, engine.Import(credentialToken, "missing", existing+"/federatedIdentityCredentials/other").ID)
	}
}

func TestAWorldThatAzureWouldRefuseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world.Identity)
		want   string
	}{
		"issuer":   {func(i *world.Identity) { i.FederatedCredentials[0].Issuer = "http://plain.example" }, "it must be an https URL"},
		"wildcard": {func(i *world.Identity) { i.FederatedCredentials[0].Subject = "system:*" }, "wildcard characters are not supported"},
		"tag":      {func(i *world.Identity) { i.Tags["a/b"] = "c" }, "has reserved characters"},
		"count":    {func(i *world.Identity) { i.FederatedCredentials = make([]world.FederatedCredential, 21) }, "21 federated identity credentials: an identity can have 20"},
	} {
		existing := customerWorld()
		c.change(&existing.Tenants[0].Subscriptions[0].ResourceGroups[0].Identities[0])
		_, err := azure.Open(filepath.Join(t.TempDir(), "azure.json"), existing, time.Millisecond, 0)
		require.ErrorContains(t, err, c.want, name)
		assert.ErrorContains(t, err, "the world's identity id-existing", name)
	}
}

func TestAnIDOfAnotherSubscriptionIsRefused(t *testing.T) {
	cloud, first := start(t)
	created := first.MustCreate(identityToken, "pull", identity(nil))
	moved := engine(t, cloud, map[string]any{"subscriptionId": otherTenant})
	assert.ErrorContains(t, moved.Delete(created), "is in subscription "+subscription+", but the provider is configured for "+otherTenant)
}

func TestLookUps(t *testing.T) {
	cloud, driver := start(t)
	cluster, err := driver.Invoke("azure-native:containerservice:getManagedCluster", map[string]any{"resourceGroupName": "RG-Platform", "resourceName": "aks-prod"})
	require.NoError(t, err)
	assert.Equal(t, issuer, cluster["oidcIssuerProfile"].ObjectValue()["issuerURL"].StringValue())
	assert.True(t, cluster["oidcIssuerProfile"].ObjectValue()["enabled"].BoolValue())
	assert.Equal(t, "1.34.2", cluster["currentKubernetesVersion"].StringValue())
	assert.Equal(t, "westeurope", cluster["location"].StringValue())

	old, err := driver.Invoke("azure-native:containerservice:getManagedCluster", map[string]any{"resourceGroupName": "rg-platform", "resourceName": "aks-old"})
	require.NoError(t, err)
	assert.False(t, old["oidcIssuerProfile"].ObjectValue()["enabled"].BoolValue())
	assert.NotContains(t, old["oidcIssuerProfile"].ObjectValue(), resource.PropertyKey("issuerURL"))
	assert.Equal(t, "1.24.0", old["currentKubernetesVersion"].StringValue())

	existing, err := driver.Invoke("azure-native:managedidentity:getUserAssignedIdentity", map[string]any{"resourceGroupName": "rg-platform", "resourceName": "id-existing"})
	require.NoError(t, err)
	assert.Equal(t, "44444444-4444-4444-4444-444444444444", existing["clientId"].StringValue())
	assert.Equal(t, "55555555-5555-5555-5555-555555555555", existing["principalId"].StringValue())

	_, err = driver.Invoke("azure-native:containerservice:getManagedCluster", map[string]any{"resourceGroupName": "rg-platform", "resourceName": "aks-none"})
	assert.ErrorContains(t, err, `Status=404 Code="ResourceNotFound" Message="The Resource 'Microsoft.ContainerService/managedClusters/aks-none' under resource group 'rg-platform' was not found.`)
	_, err = driver.Invoke("azure-native:managedidentity:getUserAssignedIdentity", map[string]any{"resourceGroupName": "rg-platform", "resourceName": "id-none"})
	assert.ErrorContains(t, err, `The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/id-none' under resource group 'rg-platform' was not found.`)
	_, err = driver.Invoke("azure-native:containerservice:getManagedCluster", map[string]any{"resourceGroupName": "rg-platform"})
	assert.ErrorContains(t, err, `missing required property "resourceName"`)
	_, err = engine(t, cloud, map[string]any{"tenantId": otherTenant}).Invoke("azure-native:managedidentity:getUserAssignedIdentity",
		map[string]any{"resourceGroupName": "rg-platform", "resourceName": "id-existing"})
	assert.ErrorContains(t, err, "InvalidAuthenticationTokenTenant")
}
