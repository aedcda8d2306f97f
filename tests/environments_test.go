package tests_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/tests/recorder"
)

// runStack runs an example with edits, and with what the stack itself exported
// last.
func runStack(t *testing.T, name string, last map[string]any, edits ...func(map[string]any)) (*recorder.Recorder, error) {
	t.Helper()
	values, secrets := loadStack(t, name, edits...)
	r := newRecorder(values, secrets)
	r.Reads["pulumi:pulumi:StackReference"] = stackOutputs(map[string]map[string]any{"organization/waybill/test": last})
	return r, r.Run(examples(t))
}

// Each environment has a refresher, an identity, a provider and a binding of its
// own; the repository, the pool and Google's account are the customer's.
func TestExampleEnvironmentsShareNothingThatCouldBecomeAnother(t *testing.T) {
	r, err := runStack(t, "tyrell", nil)
	require.NoError(t, err)
	for kind, want := range map[string]int{
		"CronJob": 3, "WorkloadIdentityPoolProvider": 3, "IAMMember": 3, "WorkloadIdentityPool": 1, "Account": 1, "Repository": 1, "RepositoryIamMember": 1,
	} {
		assert.Len(t, r.Of(kind), want, kind)
	}
	seen := map[string]bool{}
	for environment, namespace := range map[string]string{"prod": "bifrost", "staging": "bifrost-staging", "dev": "bifrost-dev"} {
		identity := r.Named("azure-" + environment + "-identity")
		assert.Equal(t, "bifrost-pull-identity-"+environment, identity.Text("resourceName"))
		credential := r.Named("azure-" + environment + "-bifrost-federated-credential")
		assert.Equal(t, "system:serviceaccount:"+namespace+":bifrost-refresher", credential.Text("subject"))
		condition := r.Named("gcp-provider-" + environment).Text("attributeCondition")
		member := r.Named("gcp-impersonation-" + environment).Text("member")
		assert.Contains(t, condition, "assertion.sub == '")
		for _, pinned := range []string{condition, member} {
			assert.False(t, seen[pinned], "%s is pinned twice", pinned)
			seen[pinned] = true
		}
		assert.Equal(t, "kubernetes-"+environment, r.Named("pull-"+environment+"-refresh").Provider)
	}
	assert.Contains(t, r.Named("workload-dev-web-deployment").Text("spec.template.spec.containers[0].image"), ":1.5.0", "an environment's own tag")
	assert.Contains(t, r.Named("workload-prod-web-deployment").Text("spec.template.spec.containers[0].image"), ":1.4.2")
}

// Identities that are there already are each environment's own.
func TestExampleAnEnvironmentMayBringItsIdentity(t *testing.T) {
	r, err := runStack(t, "tyrell", nil, func(customer map[string]any) {
		set("environments.prod.identity", map[string]any{"existing": "prod-pull"})(customer)
		set("environments.staging.identity", map[string]any{"application": map[string]any{
			"clientId": recorder.GUID("application"), "principalId": recorder.GUID("its principal")}})(customer)
	})
	require.NoError(t, err)
	assert.Empty(t, r.Named("azure-prod-identity").Type, "it exists")
	assert.Equal(t, "prod-pull", r.Named("azure-prod-bifrost-federated-credential").Text("resourceName"))
	assert.Empty(t, r.Named("azure-staging-bifrost-federated-credential").Type, "it is not the program's to write")
	assert.Contains(t, r.Named("gcp-provider-staging").Text("attributeCondition"), recorder.GUID("its principal"))
	assert.Equal(t, "bifrost-pull-identity-dev", r.Named("azure-dev-identity").Text("resourceName"))
}

// In a pool with several clusters a ServiceAccount's name is not enough: the
// environment is part of google.subject (docs/facts.md §3).
func TestExampleEnvironmentsOfTrustedClustersHaveSubjectsOfTheirOwn(t *testing.T) {
	environment := func(name string) any {
		return map[string]any{"cluster": map[string]any{"context": name, "issuer": "https://kubernetes.wayne.example/" + name}}
	}
	r, err := runStack(t, "wayne", nil, set("environments", map[string]any{"rack-1": environment("rack-1"), "rack-2": environment("rack-2")}))
	require.NoError(t, err)
	for _, name := range []string{"rack-1", "rack-2"} {
		provider := r.Named("gcp-provider-" + name)
		assert.Equal(t, "https://kubernetes.wayne.example/"+name, provider.Text("oidc.issuerUri"))
		assert.Equal(t, "'"+name+"::' + assertion.sub", provider.Text(`attributeMapping["google.subject"]`))
		assert.Equal(t, "assertion.sub == 'system:serviceaccount:bifrost:bifrost-refresher'", provider.Text("attributeCondition"))
		assert.True(t, strings.HasSuffix(r.Named("gcp-impersonation-"+name).Text("member"),
			"/subject/"+name+"::system:serviceaccount:bifrost:bifrost-refresher"))
	}
}

// A vendor's account has one OIDC provider for each issuer: environments of one
// cluster share it, and each has a role that trusts its own ServiceAccount alone.
func TestExampleEnvironmentsOfOneClusterShareTheVendorsProvider(t *testing.T) {
	environment := func(cluster, namespace string) any {
		return map[string]any{
			"cluster":   map[string]any{"context": cluster, "issuer": "https://oidc.nakatomi.example/" + cluster},
			"namespace": map[string]any{"name": namespace},
		}
	}
	several := set("environments", map[string]any{"prod": environment("plaza", "bifrost"), "test": environment("plaza", "bifrost-test"),
		"trial": environment("plaza", "bifrost-trial"), "edge": environment("annex", "bifrost")})
	r, err := runStack(t, "nakatomi", nil, several)
	require.NoError(t, err)
	assert.Len(t, r.Of("OpenIdConnectProvider"), 2)
	assert.Equal(t, "https://oidc.nakatomi.example/plaza", r.Named("role-prod-provider").Text("url"))
	assert.Equal(t, "https://oidc.nakatomi.example/annex", r.Named("role-edge-provider").Text("url"))
	for name, account := range map[string]string{"prod": "bifrost", "test": "bifrost-test", "trial": "bifrost-trial"} {
		assert.Contains(t, strings.Join(r.Named("pull-"+name+"-first-refresh").RPC.GetDependencies(), " "), "role-prod-role", name)
		role := r.Named("role-" + name + "-role")
		assert.Equal(t, "nakatomi--bifrost-pull--"+name, role.Text("name"))
		assert.Contains(t, role.Text("assumeRolePolicy"), `"Federated":"arn:aws:iam::210987654321:oidc-provider/oidc.nakatomi.example/plaza"`)
		assert.Contains(t, role.Text("assumeRolePolicy"), `"oidc.nakatomi.example/plaza:aud":"sts.amazonaws.com","oidc.nakatomi.example/plaza:sub":"system:serviceaccount:`+account+`:bifrost-refresher"`)
	}
	assert.Empty(t, r.Of("RepositoryPolicy"), "the role's own policy says what it reads")

	existing, err := runStack(t, "nakatomi", nil, several, set("aws.vendor.oidcProvider", map[string]any{"existing": true}))
	require.ErrorContains(t, err, "aws.vendor.oidcProvider.existing true: OIDC provider")
	assert.Empty(t, beyondProviders(existing), "a second product's stack wants the first's provider there")
}

// On AKS the issuer's slash is part of the provider's name, and the product's pods
// become Entra identities as ever.
func TestExampleAnAKSClusterBecomesARoleOfTheVendors(t *testing.T) {
	r, err := runStack(t, "cyberdyne", nil, onAWS)
	require.NoError(t, err)
	assert.Equal(t, aksIssuer+"/", r.Named("role-provider").Text("url"))
	host := strings.TrimPrefix(aksIssuer, "https://")
	assert.Contains(t, r.Named("role-role").Text("assumeRolePolicy"), `"`+host+`/:aud":"sts.amazonaws.com"`)
	assert.Empty(t, r.Of("UserAssignedIdentity"))
	assert.Contains(t, r.Named("workload-deployment").Text("spec.template.spec.containers[0].image"), "210987654321.dkr.ecr.us-east-1.amazonaws.com/cyberdyne/deepintshield:")

	_, err = runStack(t, "cyberdyne", nil, onAWS, set("environments.default.cluster", map[string]any{"context": "c", "name": "prod"}))
	require.ErrorContains(t, err, "environments.default.cluster.issuer is missing", "the vendor's anchor is no look-up")
}

func TestExampleAnUploadedKeySetStandsInForAnIssuerThatCannotBeReached(t *testing.T) {
	const keys = `{"keys":[{"alg":"RS256","e":"AQAB","kty":"RSA","n":"` + modulus + `"}]}`
	r, err := runStack(t, "wayne", nil, set("environments.default.cluster.keySet", keys))
	require.NoError(t, err)
	assert.Equal(t, keys, r.Named("gcp-provider").Text("oidc.jwksJson"))
}

func TestExampleNodesOnGKEReadByThemselves(t *testing.T) {
	r, err := runStack(t, "hanso", nil)
	require.NoError(t, err)
	members := r.Of("RepositoryIamMember")
	require.Len(t, members, 1)
	assert.Equal(t, "serviceAccount:gke-nodes@hanso-platform.iam.gserviceaccount.com", members[0].Text("member"))
	assert.Empty(t, r.Of("WorkloadIdentityPool"), "nobody else gets in")
	assert.Empty(t, r.Of("CronJob"))
	assert.True(t, r.Named("workload-deployment").Value("spec.template.spec.imagePullSecrets").IsNull() ||
		len(r.Named("workload-deployment").Value("spec.template.spec.imagePullSecrets").ArrayValue()) == 0)
}

// A virtual repository of another project serves nothing until that project's
// service agent may read the releases.
func TestExampleReleasesOfAnotherProjectAreReadable(t *testing.T) {
	r, err := runStack(t, "cyberdyne", nil)
	require.NoError(t, err)
	upstream := r.Named("gcp-upstream-reader")
	assert.Equal(t, "deepintshield-releases", upstream.Text("project"))
	assert.Equal(t, "releases", upstream.Text("repository"))
	assert.Equal(t, "serviceAccount:service-"+recorder.ProjectNumber+"@gcp-sa-artifactregistry.iam.gserviceaccount.com", upstream.Text("member"))

	r, err = runStack(t, "globex", nil)
	require.NoError(t, err)
	assert.Empty(t, r.Named("gcp-upstream-reader").Type, "within one project nothing is needed")
}

// held are the trusts of each identity, by the names of its credentials.
func held(r *recorder.Recorder) map[string][]string {
	all := map[string][]string{}
	for _, credential := range r.Of("FederatedIdentityCredential") {
		if strings.HasPrefix(credential.Parent, "workloads-") {
			all[credential.Parent] = append(all[credential.Parent], credential.Text("federatedIdentityCredentialResourceName"))
		}
	}
	return all
}

// lastTrusts are what a stack exports of its workloads.
func lastTrusts(r *recorder.Recorder) map[string]any {
	trusts := map[string]any{}
	for identity, names := range held(r) {
		for _, name := range names {
			trusts[name] = map[string]any{"identity": "bifrost-" + identity}
		}
	}
	return map[string]any{"workloadTrusts": trusts}
}

// Nine workloads in three environments are twenty-seven trusts on two
// identities; taking one away takes one away.
func TestExampleRemovingOneTrustRemovesOneTrust(t *testing.T) {
	first, err := runStack(t, "tyrell", nil)
	require.NoError(t, err)
	before := held(first)
	require.Len(t, before, 2)
	assert.Len(t, before["workloads-1"], 20, "Entra's limit")
	assert.Len(t, before["workloads-2"], 7)

	for removed := range 9 {
		var name string
		second, err := runStack(t, "tyrell", lastTrusts(first), func(customer map[string]any) {
			workloads := customer["workloads"].([]any)
			name = workloads[removed].(map[string]any)["component"].(string)
			workloads[removed].(map[string]any)["identity"] = false
		})
		require.NoError(t, err)
		after := held(second)
		for identity, names := range before {
			want := slices.DeleteFunc(slices.Clone(names), func(trust string) bool { return strings.HasSuffix(trust, "_"+name) })
			assert.Equal(t, want, after[identity], "without %s, %s keeps the rest", name, identity)
		}
	}
	t.Run("in one environment", func(t *testing.T) {
		second, err := runStack(t, "tyrell", lastTrusts(first), func(customer map[string]any) {
			customer["workloads"].([]any)[3].(map[string]any)["environments"] = []any{"prod", "dev"}
		})
		require.NoError(t, err)
		gone := []string{}
		for identity, names := range before {
			for _, name := range names {
				if !slices.Contains(held(second)[identity], name) {
					gone = append(gone, name)
				}
			}
		}
		assert.Equal(t, []string{"bifrost_staging_scheduler"}, gone)
		assert.Empty(t, second.Named("workload-staging-scheduler-deployment").Type)
		assert.NotEmpty(t, second.Named("workload-dev-scheduler-deployment").Type)
	})
	t.Run("a trust that comes back takes a free place", func(t *testing.T) {
		less, err := runStack(t, "tyrell", lastTrusts(first), func(customer map[string]any) {
			customer["workloads"] = customer["workloads"].([]any)[1:]
		})
		require.NoError(t, err)
		again, err := runStack(t, "tyrell", lastTrusts(less))
		require.NoError(t, err)
		assert.ElementsMatch(t, before["workloads-1"], held(again)["workloads-1"])
	})
}

// An identity with a high number keeps its trust when all before it are gone.
func TestExampleATrustStaysOnAnIdentityWithAHighNumber(t *testing.T) {
	r, err := runStack(t, "tyrell", map[string]any{"workloadTrusts": map[string]any{
		"bifrost_prod_web": map[string]any{"identity": "bifrost-workloads-7"}, "gone": map[string]any{"identity": "bifrost-workloads-99999999"},
	}}, set("workloads", []any{map[string]any{"component": "web", "identity": true, "environments": []any{"prod"}}, map[string]any{"component": "api"}}))
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"workloads-7": {"bifrost_prod_web"}}, held(r))
}

// Clusters of one's own may repeat a namespace: their issuers tell them apart.
func TestExampleTheSameNamespaceOnTwoClustersIsTwoTrusts(t *testing.T) {
	environment := func(name string) any {
		return map[string]any{"cluster": map[string]any{"issuer": "https://" + name + ".example/", "context": name}}
	}
	r, err := runStack(t, "tyrell", nil, set("environments", map[string]any{"prod": environment("prod"), "staging": environment("staging")}))
	require.NoError(t, err)
	assert.Len(t, held(r)["workloads-1"], 18)
	assert.Equal(t, "https://staging.example/", r.Named("workloads-1-bifrost_staging_web").Text("issuer"))
}

// A token is tried on the images of all components that run in an environment, each
// of them once.
func TestExampleEveryComponentsImageIsTried(t *testing.T) {
	r, err := runStack(t, "tyrell", nil, set("workloads", []any{
		map[string]any{"component": "web", "image": "bifrost/web"}, map[string]any{"component": "api"}, map[string]any{"component": "jobs"},
	}))
	require.NoError(t, err)
	images := strings.Split(r.Named("pull-prod-images").Text("data.images"), "\n")
	require.Len(t, images, 2)
	assert.Contains(t, strings.Join(images, " "), "/bifrost/web:")
}

// What the Azure webhook acts on: the ServiceAccount's annotations and the label
// of the pods (docs/facts.md §1 row 9).
func TestExampleAWorkloadAsksForItsIdentity(t *testing.T) {
	r, err := runStack(t, "tyrell", nil)
	require.NoError(t, err)
	account := r.Named("workload-staging-web-account")
	assert.Equal(t, "bifrost-web", account.Text("metadata.name"))
	assert.NotEmpty(t, account.Text(`metadata.annotations["azure.workload.identity/client-id"]`))
	assert.Equal(t, "2ad5470e-f918-4635-b7ea-052648c94afd", account.Text(`metadata.annotations["azure.workload.identity/tenant-id"]`))
	deployment := r.Named("workload-staging-web-deployment")
	assert.Equal(t, "true", deployment.Text(`spec.template.metadata.labels["azure.workload.identity/use"]`))
	assert.Equal(t, "bifrost-web", deployment.Text("spec.template.spec.serviceAccountName"))
	assert.Equal(t, "system:serviceaccount:bifrost-staging:bifrost-web", r.Named("workloads-1-bifrost_staging_web").Text("subject"))
	assert.Contains(t, dependencies(deployment), "workloads-1-bifrost_staging_web", "a pod does not start before it is trusted")
	for _, name := range []string{"pull-staging-refresh", "pull-staging-first-refresh"} {
		assert.NotContains(t, fmt.Sprint(r.Named(name).Inputs), "azure.workload.identity", "the refresher relies on no webhook")
	}
}

func dependencies(registration recorder.Registration) []string {
	var names []string
	for _, urn := range registration.RPC.GetDependencies() {
		names = append(names, urn[strings.LastIndex(urn, ":")+1:])
	}
	return names
}

// An app registration's credentials are not this program's to write.
func TestExampleWhatGoesIntoAnAppRegistrationIsPrinted(t *testing.T) {
	applications := []any{}
	for _, name := range []string{"first", "second"} {
		applications = append(applications, map[string]any{"clientId": recorder.GUID(name), "principalId": recorder.GUID(name + " principal")})
	}
	r, err := runStack(t, "tyrell", nil, set("azure.workloadIdentities", map[string]any{"applications": applications}))
	require.NoError(t, err)
	assert.Empty(t, held(r), "nothing is written")
	assert.Equal(t, recorder.GUID("first"), r.Named("workload-prod-web-account").Text(`metadata.annotations["azure.workload.identity/client-id"]`))
	assert.Equal(t, recorder.GUID("second"), r.Named("workload-staging-worker-account").Text(`metadata.annotations["azure.workload.identity/client-id"]`))

	_, err = runStack(t, "tyrell", nil, set("azure.workloadIdentities", map[string]any{"applications": applications[:1]}))
	require.ErrorContains(t, err, "azure.workloadIdentities has room for 20 trusts: want identities for bifrost_staging_worker")
}

func TestExampleAWorkloadOnEKSBecomesARoleOfItsOwn(t *testing.T) {
	policy := map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bifrost/*"}}}
	edits := []func(map[string]any){set("workload", nil), set("workloads", []any{
		map[string]any{"component": "web"},
		map[string]any{"component": "worker", "identity": true, "policies": map[string]any{"bucket": policy}},
	})}
	r, err := runStack(t, "initech", nil, edits...)
	require.NoError(t, err)
	role := r.Named("role-bifrost_default_worker-role")
	assert.Equal(t, "initech_bifrost_default_worker", role.Text("name"))
	assert.Contains(t, role.Text("assumeRolePolicy"), `:sub":"system:serviceaccount:bifrost:bifrost-worker"`)
	assert.Contains(t, r.Named("workload-worker-account").Text(`metadata.annotations["eks.amazonaws.com/role-arn"]`), "/initech_bifrost_default_worker")
	assert.Empty(t, r.Named("workload-web-account").Text(`metadata.annotations["eks.amazonaws.com/role-arn"]`))

	r, err = runStack(t, "umbrella", nil, edits...)
	require.NoError(t, err)
	assert.Equal(t, "deepintshield-worker", r.Named("role-deepintshield_default_worker-association").Text("serviceAccount"))
	assert.Empty(t, r.Named("workload-worker-account").Text(`metadata.annotations["eks.amazonaws.com/role-arn"]`), "the association names the account")
}

// On ECS every task has a role: the workload's policies are its.
func TestExampleATaskMayDoWhatItsPoliciesSay(t *testing.T) {
	r, err := runStack(t, "stark", nil, set("workload.policies", map[string]any{"queue": map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}},
	}}))
	require.NoError(t, err)
	policy := r.Named("service-task-policy-queue")
	assert.Contains(t, policy.Text("policy"), "sqs:SendMessage")
	assert.NotContains(t, r.Named("service-execution-policy").Text("policy"), "sqs:SendMessage")
}

// Resources that were made by hand are imported.
func TestAnEntryOfAdoptImportsTheResource(t *testing.T) {
	const id = "/subscriptions/8c1d7e02-90ab-4f36-b1c5-2e4f6a8b0c11/resourceGroups/example-apps/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hello-pull-identity"
	r, err := runStack(t, "dev", nil, set("adopt", map[string]any{"azure-identity": id, "pull-secret": "hello/ar-pull-secret"}))
	require.NoError(t, err)
	for name, id := range map[string]string{"azure-identity": id, "pull-secret": "hello/ar-pull-secret"} {
		assert.Equal(t, id, r.Named(name).RPC.GetImportId(), name)
	}
	assert.Empty(t, r.Named("gcp-pool").RPC.GetImportId())
	forces := func(r *recorder.Recorder) (all []string) {
		for _, one := range r.All() {
			if one.Type == "pulumi:providers:kubernetes" && !one.Value("enablePatchForce").IsNull() {
				all = append(all, one.Name)
			}
		}
		return all
	}
	assert.Equal(t, []string{"kubernetes"}, forces(r), "its fields are somebody else's")

	r, err = runStack(t, "tyrell", nil, set("adopt", map[string]any{"workloads-1-identity": id}))
	require.NoError(t, err)
	assert.Empty(t, forces(r), "an identity in Azure is no object of a cluster")

	_, err = runStack(t, "dev", nil, set("adopt", map[string]any{"azure-identities": id, "pull-secrets": "x", "gcp-pool": "y"}))
	require.ErrorContains(t, err, "adopt.azure-identities: is no resource of this stack: want one of azure-hello-federated-credential, azure-identity")
	require.ErrorContains(t, err, "adopt.pull-secrets: is no resource of this stack")
}
