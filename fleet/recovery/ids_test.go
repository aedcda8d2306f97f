package recovery

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inputs are a resource's, or a provider's.
type inputs = map[string]any

func TestTheIDOfEveryTypeFollowsFromItsInputs(t *testing.T) {
	azure := inputs{"subscriptionId": "S"}
	aws := inputs{"region": "eu-central-1", "allowedAccountIds": `["111122223333"]`}
	china := inputs{"region": "cn-north-1", "allowedAccountIds": []any{"111122223333"}}
	gov := inputs{"region": "us-gov-west-1", "allowedAccountIds": `["111122223333"]`}
	sovereign := inputs{"region": "eusc-de-east-1", "allowedAccountIds": []any{"111122223333"}}
	gcp := inputs{"project": "default-project"}
	for _, c := range []struct {
		token            string
		inputs, provider inputs
		want             string
	}{
		{"azure-native:managedidentity:UserAssignedIdentity", inputs{"resourceGroupName": "G", "resourceName": "pull"}, azure,
			"/subscriptions/S/resourceGroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull"},
		{"azure-native:managedidentity:FederatedIdentityCredential", inputs{"resourceGroupName": "G", "resourceName": "pull", "federatedIdentityCredentialResourceName": "refresher"}, azure,
			"/subscriptions/S/resourceGroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull/federatedIdentityCredentials/refresher"},
		{"gcp:artifactregistry/repository:Repository", inputs{"project": "p", "location": "us", "repositoryId": "acme"}, gcp,
			"projects/p/locations/us/repositories/acme"},
		{"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", inputs{"location": "us", "repository": "acme", "role": "roles/artifactregistry.reader", "member": "serviceAccount:a@p.iam.gserviceaccount.com"}, gcp,
			"projects/default-project/locations/us/repositories/acme/roles/artifactregistry.reader/serviceAccount:a@p.iam.gserviceaccount.com"},
		{"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", inputs{"repository": "projects/p/locations/us/repositories/acme", "role": "r", "member": "m"}, gcp,
			"projects/p/locations/us/repositories/acme/r/m"},
		{"gcp:iam/workloadIdentityPool:WorkloadIdentityPool", inputs{"project": "p", "workloadIdentityPoolId": "acme-pool"}, gcp,
			"projects/p/locations/global/workloadIdentityPools/acme-pool"},
		{"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", inputs{"workloadIdentityPoolId": "acme-pool", "workloadIdentityPoolProviderId": "acme-provider"}, gcp,
			"projects/default-project/locations/global/workloadIdentityPools/acme-pool/providers/acme-provider"},
		{"gcp:serviceaccount/account:Account", inputs{"project": "p", "accountId": "acme-pull"}, gcp,
			"projects/p/serviceAccounts/acme-pull@p.iam.gserviceaccount.com"},
		{"gcp:serviceaccount/account:Account", inputs{"project": "example.com:p", "accountId": "acme-pull"}, gcp,
			"projects/example.com:p/serviceAccounts/acme-pull@p.example.com.iam.gserviceaccount.com"},
		{"gcp:serviceaccount/iAMMember:IAMMember", inputs{"serviceAccountId": "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com", "role": "roles/iam.workloadIdentityUser", "member": "principal://iam.googleapis.com/x"}, gcp,
			"projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/roles/iam.workloadIdentityUser/principal://iam.googleapis.com/x"},
		{"aws:cloudwatch/logGroup:LogGroup", inputs{"name": "/ecs/acme"}, aws, "/ecs/acme"},
		{"aws:ecr/repository:Repository", inputs{"name": "acme/server"}, aws, "acme/server"},
		{"aws:ecr/repositoryPolicy:RepositoryPolicy", inputs{"repository": "acme"}, aws, "acme"},
		{"aws:ecr/lifecyclePolicy:LifecyclePolicy", inputs{"repository": "acme"}, aws, "acme"},
		{"aws:ecs/service:Service", inputs{"cluster": "arn:aws:ecs:eu-central-1:111122223333:cluster/apps", "name": "acme"}, aws, "arn:aws:ecs:eu-central-1:111122223333:service/apps/acme"},
		{"aws:ecs/service:Service", inputs{"cluster": "apps", "name": "acme"}, aws, "arn:aws:ecs:eu-central-1:111122223333:service/apps/acme"},
		{"aws:iam/role:Role", inputs{"name": "pull", "path": "/waybill/"}, aws, "pull"},
		{"aws:iam/rolePolicy:RolePolicy", inputs{"role": "pull", "name": "registry"}, aws, "pull:registry"},
		{"aws:iam/rolePolicyAttachment:RolePolicyAttachment", inputs{"role": "pull", "policyArn": "arn:aws:iam::aws:policy/X"}, aws, "pull/arn:aws:iam::aws:policy/X"},
		{"aws:iam/policy:Policy", inputs{"name": "pull"}, aws, "arn:aws:iam::111122223333:policy/pull"},
		{"aws:iam/policy:Policy", inputs{"name": "pull", "path": "/waybill/"}, china, "arn:aws-cn:iam::111122223333:policy/waybill/pull"},
		{"aws:iam/openIdConnectProvider:OpenIdConnectProvider", inputs{"url": "https://oidc.example/id/1"}, gov, "arn:aws-us-gov:iam::111122223333:oidc-provider/oidc.example/id/1"},
		{"aws:iam/openIdConnectProvider:OpenIdConnectProvider", inputs{"url": "https://oidc.example/id/1/"}, gov, "arn:aws-us-gov:iam::111122223333:oidc-provider/oidc.example/id/1/"},
		{"aws:iam/openIdConnectProvider:OpenIdConnectProvider", inputs{"url": "https://oidc.example/id/1"}, sovereign, "arn:aws-eusc:iam::111122223333:oidc-provider/oidc.example/id/1"},
		{"kubernetes:core/v1:Secret", inputs{"metadata": inputs{"namespace": "apps", "name": "pull"}}, nil, "apps/pull"},
		{"kubernetes:core/v1:Namespace", inputs{"metadata": inputs{"name": "apps"}}, nil, "apps"},
	} {
		t.Run(c.token+" "+c.want, func(t *testing.T) {
			id, err := identify(apitype.ResourceV3{Type: tokens.Type(c.token), Inputs: c.inputs}, apitype.ResourceV3{Inputs: c.provider})
			require.NoError(t, err)
			assert.Equal(t, c.want, id)
		})
	}
}

func TestWhatTheStateDoesNotShowIsNamed(t *testing.T) {
	secret := inputs{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
	for _, c := range []struct {
		token  string
		inputs inputs
		want   string
	}{
		{"aws:iam/role:Role", inputs{}, "the ID of a aws:iam/role:Role needs name"},
		{"aws:iam/role:Role", inputs{"name": secret}, "the ID of a aws:iam/role:Role needs name"},
		{"aws:iam/policy:Policy", inputs{"name": "pull"}, "needs the provider's allowedAccountIds"},
		{"aws:iam/openIdConnectProvider:OpenIdConnectProvider", inputs{"url": "x"}, "needs the provider's allowedAccountIds, url"},
		{"azure-native:managedidentity:UserAssignedIdentity", inputs{"resourceName": "pull"}, "needs the provider's subscriptionId, resourceGroupName"},
		{"kubernetes:core/v1:Secret", inputs{"metadata": inputs{"generateName": "a-"}}, "metadata.name is not in the state"},
		{"random:index/randomId:RandomId", inputs{}, "no rule tells the ID of a random:index/randomId:RandomId"},
	} {
		_, err := identify(apitype.ResourceV3{Type: tokens.Type(c.token), Inputs: c.inputs}, apitype.ResourceV3{})
		require.ErrorContains(t, err, c.want)
	}
}

// A type that a component begins to use must not be forgotten here: an update
// of it can be killed as well.
func TestEveryTypeOfTheProgramHasARule(t *testing.T) {
	used := programTypes(t)
	require.NotEmpty(t, used)
	for _, token := range used {
		_, derived := rules[token]
		_, again := renewed[token]
		_, lookup := lookups[token]
		assert.True(t, derived || again || lookup || strings.HasPrefix(token, "kubernetes:"), token)
	}
}
