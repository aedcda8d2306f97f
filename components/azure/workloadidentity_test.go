package azure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/tests/recorder"
)

const (
	tenant = "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"
	issuer = "https://westeurope.oic.prod-aks.azure.com/" + tenant + "/0b6f3c1d-7e58-4b0a-8f25-91c4d6e7a812/"
)

func subjects(n int) []azure.Subject {
	var all []azure.Subject
	for i := range n {
		all = append(all, azure.Subject{Name: fmt.Sprintf("credential-%02d", i), Issuer: issuer, Namespace: "shop", ServiceAccount: fmt.Sprintf("refresher-%d", i)})
	}
	return all
}

func arguments() *azure.WorkloadIdentityArgs {
	return &azure.WorkloadIdentityArgs{
		Customer: "acme", Product: "shop", TenantID: tenant, ResourceGroup: "apps", Location: "westeurope",
		Name: "shop-pull-identity", Subjects: subjects(3),
	}
}

func register(t *testing.T, args *azure.WorkloadIdentityArgs, preview bool) *recorder.Recorder {
	t.Helper()
	r := &recorder.Recorder{Preview: preview, Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
		"azure-native:managedidentity:getUserAssignedIdentity": func(in resource.PropertyMap) (resource.PropertyMap, error) {
			return resource.NewPropertyMapFromMap(map[string]any{
				"name": in["resourceName"].StringValue(), "tenantId": tenant, "clientId": "existing-client", "principalId": "existing-principal",
			}), nil
		},
	}}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		identity, err := azure.NewWorkloadIdentity(ctx, "id", args)
		if err != nil {
			return err
		}
		ctx.Export("principalId", identity.PrincipalID)
		return nil
	}))
	return r
}

func TestCredentialsAreWrittenOneAfterAnother(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := register(t, arguments(), preview)
		credentials := r.Of("FederatedIdentityCredential")
		require.Len(t, credentials, 3)
		for i, credential := range credentials {
			assert.Equal(t, fmt.Sprintf("id-credential-%02d", i), credential.Name)
			var on []string
			for _, urn := range credential.RPC.GetDependencies() {
				if strings.Contains(urn, "FederatedIdentityCredential") {
					on = append(on, urn[strings.LastIndex(urn, ":")+1:])
				}
			}
			if i == 0 {
				assert.Empty(t, on)
				continue
			}
			assert.Equal(t, []string{credentials[i-1].Name}, on, "each waits for the one before it")
		}
	}
}

// A replacement that created first would collide on issuer and subject; two
// deletions at once are refused by Azure and tried again.
func TestCredentialsAreReplacedDeleteFirstAndRetried(t *testing.T) {
	for _, credential := range register(t, arguments(), false).Of("FederatedIdentityCredential") {
		assert.True(t, credential.RPC.GetDeleteBeforeReplaceDefined())
		assert.True(t, credential.RPC.GetDeleteBeforeReplace())
		assert.Equal(t, []string{"id-settles"}, credential.RPC.GetHooks().GetOnError(), "one hook, which deletions find too")
	}
}

func TestACredentialTrustsOneServiceAccountOfOneCluster(t *testing.T) {
	credential := register(t, arguments(), false).Named("id-credential-01")
	assert.Equal(t, issuer, credential.Text("issuer"), "with its slash")
	assert.Equal(t, "system:serviceaccount:shop:refresher-1", credential.Text("subject"))
	assert.Equal(t, "credential-01", credential.Text("federatedIdentityCredentialResourceName"))
	assert.Equal(t, "shop-pull-identity", credential.Text("resourceName"))
	audiences := credential.Value("audiences").ArrayValue()
	require.Len(t, audiences, 1)
	assert.Equal(t, "api://AzureADTokenExchange", audiences[0].StringValue(), "the URI, never the GUID")
}

func TestSovereignCloudsHaveTheirOwnAudience(t *testing.T) {
	for _, cloud := range []azure.Cloud{azure.USGovernment, azure.China} {
		args := arguments()
		args.Cloud = cloud
		credential := register(t, args, false).Named("id-credential-00")
		assert.Equal(t, cloud.ExchangeAudience, credential.Value("audiences").ArrayValue()[0].StringValue())
	}
	assert.Equal(t, "https://login.partner.microsoftonline.cn/"+tenant+"/v2.0", azure.China.Issuer(tenant))
	assert.Equal(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", azure.Public.Issuer(tenant))
	assert.Equal(t, "api://AzureADTokenExchange/.default", azure.Public.Scope())
}

func TestAnExistingIdentityIsUsedAndNotManaged(t *testing.T) {
	args := arguments()
	args.Name, args.Existing = "", "made-by-hand"
	r := register(t, args, false)
	assert.Empty(t, r.Of("UserAssignedIdentity"))
	assert.Equal(t, "made-by-hand", r.Named("id-credential-00").Text("resourceName"))
}

func TestANameThatIsTakenIsRefusedUnlessItIsOurs(t *testing.T) {
	for name, c := range map[string]struct {
		tags    map[string]any
		taken   string
		refused bool
	}{
		"somebody else's": {map[string]any{"waybill-customer": "acme", "waybill-product": "other"}, "", true},
		"our own":         {map[string]any{"waybill-customer": "acme", "waybill-product": "shop"}, "", false},
		"taken over":      {nil, "/subscriptions/s/id", false},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			if c.taken != "" {
				args.Children = map[string]child.Options{"identity": {Import: c.taken}}
			}
			r := &recorder.Recorder{Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
				"azure-native:managedidentity:getUserAssignedIdentity": func(resource.PropertyMap) (resource.PropertyMap, error) {
					return resource.NewPropertyMapFromMap(map[string]any{"id": "/there", "tags": c.tags}), nil
				},
			}}
			err := r.Run(func(ctx *pulumi.Context) error {
				_, err := azure.NewWorkloadIdentity(ctx, "id", args)
				return err
			})
			if c.refused {
				require.ErrorContains(t, err, `azure.WorkloadIdentity: name "shop-pull-identity": exists already in group "apps"`)
				assert.Empty(t, r.All())
				return
			}
			require.NoError(t, err)
			assert.Len(t, r.Of("UserAssignedIdentity"), 1)
		})
	}
}

func TestAnAppRegistrationIsNotWritten(t *testing.T) {
	args := arguments()
	args.Name = ""
	args.Application = &azure.Application{ClientID: recorder.GUID("client"), PrincipalID: recorder.GUID("principal")}
	r := register(t, args, false)
	assert.Len(t, r.All(), 1, "the component and nothing else")
}

func TestBadArgumentsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*azure.WorkloadIdentityArgs)
		want   string
	}{
		"no tenant":           {func(a *azure.WorkloadIdentityArgs) { a.TenantID = "" }, `tenantId "": want the customer's tenant ID`},
		"an upper-case GUID":  {func(a *azure.WorkloadIdentityArgs) { a.TenantID = strings.ToUpper(tenant) }, "a lower-case GUID"},
		"no identity":         {func(a *azure.WorkloadIdentityArgs) { a.Name = "" }, `identity []: want exactly one of name, existing and application`},
		"two identities":      {func(a *azure.WorkloadIdentityArgs) { a.Existing = "other" }, `identity ["name" "existing"]: want exactly one`},
		"a name with a space": {func(a *azure.WorkloadIdentityArgs) { a.Name = "a b c" }, `name "a b c": want a user-assigned identity name`},
		"no group":            {func(a *azure.WorkloadIdentityArgs) { a.ResourceGroup = "" }, `resourceGroup "": want the group that holds the identity`},
		"no subject":          {func(a *azure.WorkloadIdentityArgs) { a.Subjects = nil }, "subjects 0 given: want 1 to 20, Entra's limit"},
		"21 subjects":         {func(a *azure.WorkloadIdentityArgs) { a.Subjects = subjects(21) }, "subjects 21 given: want 1 to 20, Entra's limit"},
		"a short name":        {func(a *azure.WorkloadIdentityArgs) { a.Subjects[1].Name = "ab" }, `subjects[1].name "ab": want a federated credential name`},
		"an http issuer":      {func(a *azure.WorkloadIdentityArgs) { a.Subjects[0].Issuer = "http://x.example/" }, `subjects[0].issuer "http://x.example/": want an https issuer URL`},
		"a user in an issuer": {func(a *azure.WorkloadIdentityArgs) { a.Subjects[0].Issuer = "https://u@x.example/" }, "want an https issuer URL"},
		"a wildcard":          {func(a *azure.WorkloadIdentityArgs) { a.Subjects[0].ServiceAccount = "*" }, `subjects[0].serviceAccount "*"`},
		"a repeated name":     {func(a *azure.WorkloadIdentityArgs) { a.Subjects[1].Name = a.Subjects[0].Name }, `subjects[1].name "credential-00": repeats subjects[0]`},
		"a repeated subject": {func(a *azure.WorkloadIdentityArgs) {
			a.Subjects[2] = a.Subjects[0]
			a.Subjects[2].Name = "again"
		}, `subjects[2].subject "system:serviceaccount:shop:refresher-0": repeats subjects[0]`},
		"a half application": {func(a *azure.WorkloadIdentityArgs) {
			a.Name, a.Application = "", &azure.Application{ClientID: recorder.GUID("x")}
		}, `application.principalId "": want its service principal's object ID`},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			c.change(args)
			err := args.Validate()
			require.ErrorContains(t, err, c.want)
			assert.Len(t, strings.Split(err.Error(), "\n"), 1, "one problem is one line: %s", err)
		})
	}
	args := arguments()
	args.Subjects = subjects(20)
	assert.NoError(t, args.Validate())
}
