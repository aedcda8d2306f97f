package sandbox_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	pulumigcp "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	pulumikubernetes "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox"
)

const (
	adoptedSubscription = "1f0e2d3c-4b5a-4978-8695-a4b3c2d1e021"
	adoptedIdentity     = "/subscriptions/" + adoptedSubscription + "/resourceGroups/bifrost-production/providers/Microsoft.ManagedIdentity/userAssignedIdentities/bifrost-pull-identity"
	adoptedIssuer       = "https://northeurope.oic.prod-aks.azure.com/7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20/5e9d8c7b-6a50-4f3e-8d2c-1b0a9f8e7d22/"
	adoptedAccount      = "bifrost-acme@bifrost-images.iam.gserviceaccount.com"
	adoptedPool         = "projects/bifrost-images/locations/global/workloadIdentityPools/acme-azure-pool"
	adoptedMember       = "principal://iam.googleapis.com/projects/731905284466/locations/global/workloadIdentityPools/acme-azure-pool/subject/90c192cf-d3ac-44af-8f21-ddb66cad4a26"
	adoptedRepository   = "projects/bifrost-images/locations/us-central1/repositories/acme"
	adoptedTrust        = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	adoptedPull         = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`
	adoptedReaders      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"ecr:BatchGetImage"}]}`
	adoptedLifecycle    = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}`
)

// adoptedWorld is what a customer and a vendor made by hand, after the published
// guides, in every cloud at once.
const adoptedWorld = `
azure:
  tenants:
    - id: 7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20
      subscriptions:
        - id: ` + adoptedSubscription + `
          resourceGroups:
            - name: bifrost-production
              location: northeurope
              identities:
                - name: bifrost-pull-identity
                  clientId: 8d116ece-1738-47d9-bd9c-172411e20b8f
                  principalId: 90c192cf-d3ac-44af-8f21-ddb66cad4a26
                  federatedCredentials:
                    - name: bifrost-federated-credential
                      issuer: ` + adoptedIssuer + `
                      subject: system:serviceaccount:bifrost:bifrost-sa
                      audience: api://AzureADTokenExchange
gcp:
  projects:
    - id: bifrost-images
      number: "731905284466"
      apis: [iam.googleapis.com, sts.googleapis.com, iamcredentials.googleapis.com, artifactregistry.googleapis.com]
      serviceAccounts:
        - id: bifrost-acme
          bindings:
            - role: roles/iam.workloadIdentityUser
              members: [` + adoptedMember + `]
      workloadIdentityPools:
        - id: acme-azure-pool
          displayName: Acme
          providers:
            - id: acme-azure-provider
              issuerUri: https://login.microsoftonline.com/7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20/v2.0
              allowedAudiences: [fb60f99c-7a34-4190-8149-302f77469936]
              attributeMapping: {google.subject: assertion.sub}
              attributeCondition: assertion.tid == '7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20'
      repositories:
        - location: us-central1
          name: acme
          bindings:
            - role: roles/artifactregistry.reader
              members: ["serviceAccount:` + adoptedAccount + `"]
aws:
  accounts:
    - id: "444455556666"
      regions: [eu-central-1]
    - id: "111122223333"
      regions: [eu-central-1]
      repositories:
        - region: eu-central-1
          name: acme
          policy: ` + adoptedReaders + `
          lifecycle: ` + adoptedLifecycle + `
      policies:
        - name: bifrost-ecr
          document: ` + adoptedPull + `
      roles:
        - name: bifrost
          trust: ` + adoptedTrust + `
          policies: {pull: ` + adoptedPull + `}
          managedPolicies: ["arn:aws:iam::111122223333:policy/bifrost-ecr"]
kubernetes:
  clusters:
    - context: acme-production
      issuer: ` + adoptedIssuer + `
      objects:
        - {apiVersion: v1, kind: Namespace, metadata: {name: bifrost}}
        - {apiVersion: v1, kind: ServiceAccount, metadata: {name: bifrost-sa, namespace: bifrost, labels: {azure.workload.identity/use: "true"}}}
        - {apiVersion: v1, kind: Secret, metadata: {name: ar-pull-secret, namespace: bifrost}, type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: eyJhdXRocyI6e319}}
        - {apiVersion: v1, kind: ConfigMap, metadata: {name: gcp-credential-config, namespace: bifrost}, data: {credential-config.json: "{}"}}
        - apiVersion: rbac.authorization.k8s.io/v1
          kind: Role
          metadata: {name: secret-manager, namespace: bifrost}
          rules: [{apiGroups: [""], resources: [secrets], verbs: [get, create, delete]}]
        - apiVersion: rbac.authorization.k8s.io/v1
          kind: RoleBinding
          metadata: {name: secret-manager-binding, namespace: bifrost}
          subjects: [{kind: ServiceAccount, name: bifrost-sa, namespace: bifrost}]
          roleRef: {kind: Role, name: secret-manager, apiGroup: rbac.authorization.k8s.io}
        - apiVersion: batch/v1
          kind: CronJob
          metadata: {name: refresh-ar-secret, namespace: bifrost}
          spec:
            schedule: 0 0 1 1 *
            jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: token-refresh, image: "registry.example.com/refresh:1"}]}}}}
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {name: bifrost, namespace: bifrost, annotations: {pulumi.com/skipAwait: "true"}}
          spec:
            replicas: 0
            selector: {matchLabels: {app: bifrost}}
            template:
              metadata: {labels: {app: bifrost}}
              spec: {serviceAccountName: bifrost-sa, containers: [{name: bifrost, image: "registry.example.com/bifrost:1"}]}
        - apiVersion: v1
          kind: Service
          metadata: {name: bifrost, namespace: bifrost, annotations: {pulumi.com/skipAwait: "true"}}
          spec: {selector: {app: bifrost}, ports: [{port: 80, targetPort: 8080, protocol: TCP}]}
`

// adopted is one resource of the world that a program takes over.
type adopted struct {
	provider, token, id string
	// same are the inputs of a program that wants what is there, and wish those
	// that it has in place of some of them.
	same, wish pulumi.Map
}

func text(value string) pulumi.Input { return pulumi.String(value) }

func metadata(name string, more pulumi.Map) pulumi.Map {
	object := pulumi.Map{"name": text(name), "namespace": text("bifrost")}
	maps.Copy(object, more)
	return object
}

var adoptedResources = map[string]adopted{
	"identity": {
		"azure", "azure-native:managedidentity:UserAssignedIdentity", adoptedIdentity,
		pulumi.Map{"resourceGroupName": text("bifrost-production"), "resourceName": text("bifrost-pull-identity")},
		pulumi.Map{"tags": pulumi.Map{"managed-by": text("waybill")}},
	},
	"credential": {
		"azure", "azure-native:managedidentity:FederatedIdentityCredential", adoptedIdentity + "/federatedIdentityCredentials/bifrost-federated-credential",
		pulumi.Map{
			"resourceGroupName": text("bifrost-production"), "resourceName": text("bifrost-pull-identity"),
			"federatedIdentityCredentialResourceName": text("bifrost-federated-credential"), "issuer": text(adoptedIssuer),
			"subject": text("system:serviceaccount:bifrost:bifrost-sa"), "audiences": pulumi.ToStringArray([]string{"api://AzureADTokenExchange"}),
		},
		pulumi.Map{"subject": text("system:serviceaccount:bifrost:bifrost-refresher")},
	},
	"pool": {
		"gcp", "gcp:iam/workloadIdentityPool:WorkloadIdentityPool", adoptedPool,
		pulumi.Map{"workloadIdentityPoolId": text("acme-azure-pool"), "displayName": text("Acme")}, pulumi.Map{"displayName": text("acme")},
	},
	"provider": {
		"gcp", "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", adoptedPool + "/providers/acme-azure-provider",
		pulumi.Map{
			"workloadIdentityPoolId": text("acme-azure-pool"), "workloadIdentityPoolProviderId": text("acme-azure-provider"),
			"attributeMapping":   pulumi.Map{"google.subject": text("assertion.sub")},
			"attributeCondition": text("assertion.tid == '7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20'"),
			"oidc": pulumi.Map{
				"issuerUri":        text("https://login.microsoftonline.com/7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20/v2.0"),
				"allowedAudiences": pulumi.ToStringArray([]string{"fb60f99c-7a34-4190-8149-302f77469936"}),
			},
		},
		pulumi.Map{"attributeCondition": text("assertion.sub == '90c192cf-d3ac-44af-8f21-ddb66cad4a26'")},
	},
	"account": {
		"gcp", "gcp:serviceaccount/account:Account", "projects/bifrost-images/serviceAccounts/" + adoptedAccount,
		pulumi.Map{"accountId": text("bifrost-acme")}, pulumi.Map{"displayName": text("Acme's images")},
	},
	"impersonation": {
		"gcp", "gcp:serviceaccount/iAMMember:IAMMember",
		"projects/bifrost-images/serviceAccounts/" + adoptedAccount + " roles/iam.workloadIdentityUser " + adoptedMember,
		pulumi.Map{
			"serviceAccountId": text("projects/bifrost-images/serviceAccounts/" + adoptedAccount),
			"role":             text("roles/iam.workloadIdentityUser"), "member": text(adoptedMember),
		}, nil,
	},
	"repository": {
		"gcp", "gcp:artifactregistry/repository:Repository", adoptedRepository,
		pulumi.Map{"location": text("us-central1"), "repositoryId": text("acme"), "format": text("DOCKER")},
		pulumi.Map{"dockerConfig": pulumi.Map{"immutableTags": pulumi.Bool(true)}},
	},
	"reader": {
		"gcp", "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
		adoptedRepository + " roles/artifactregistry.reader serviceAccount:" + adoptedAccount,
		pulumi.Map{
			"repository": text(adoptedRepository), "role": text("roles/artifactregistry.reader"), "member": text("serviceAccount:" + adoptedAccount),
		}, nil,
	},
	"ecr": {
		"aws", "aws:ecr/repository:Repository", "acme", pulumi.Map{"name": text("acme")}, pulumi.Map{"imageTagMutability": text("IMMUTABLE")},
	},
	"ecr-readers": {
		"aws", "aws:ecr/repositoryPolicy:RepositoryPolicy", "acme", pulumi.Map{"repository": text("acme"), "policy": text(adoptedReaders)},
		pulumi.Map{"policy": text(strings.Replace(adoptedReaders, `"ecr:BatchGetImage"`, `["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`, 1))},
	},
	"ecr-lifecycle": {
		"aws", "aws:ecr/lifecyclePolicy:LifecyclePolicy", "acme", pulumi.Map{"repository": text("acme"), "policy": text(adoptedLifecycle)}, nil,
	},
	"role": {
		"aws", "aws:iam/role:Role", "bifrost", pulumi.Map{"name": text("bifrost"), "assumeRolePolicy": text(adoptedTrust)},
		pulumi.Map{"description": text("Pulls bifrost")},
	},
	"role-policy": {
		"aws", "aws:iam/rolePolicy:RolePolicy", "bifrost:pull",
		pulumi.Map{"role": text("bifrost"), "name": text("pull"), "policy": text(adoptedPull)}, nil,
	},
	"policy": {
		"aws", "aws:iam/policy:Policy", "arn:aws:iam::111122223333:policy/bifrost-ecr",
		pulumi.Map{"name": text("bifrost-ecr"), "policy": text(adoptedPull)}, pulumi.Map{"tags": pulumi.Map{"managed-by": text("waybill")}},
	},
	"attachment": {
		"aws", "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "bifrost/arn:aws:iam::111122223333:policy/bifrost-ecr",
		pulumi.Map{"role": text("bifrost"), "policyArn": text("arn:aws:iam::111122223333:policy/bifrost-ecr")}, nil,
	},
	"namespace": {
		"kubernetes", "kubernetes:core/v1:Namespace", "bifrost", pulumi.Map{"metadata": pulumi.Map{"name": text("bifrost")}},
		pulumi.Map{"metadata": pulumi.Map{"name": text("bifrost"), "labels": pulumi.Map{"managed-by": text("waybill")}}},
	},
	"service-account": {
		"kubernetes", "kubernetes:core/v1:ServiceAccount", "bifrost/bifrost-sa",
		pulumi.Map{"metadata": metadata("bifrost-sa", pulumi.Map{"labels": pulumi.Map{"azure.workload.identity/use": text("true")}})},
		pulumi.Map{"metadata": metadata("bifrost-sa", nil)},
	},
	"pull-secret": {
		"kubernetes", "kubernetes:core/v1:Secret", "bifrost/ar-pull-secret",
		pulumi.Map{
			"metadata": metadata("ar-pull-secret", nil), "type": text("kubernetes.io/dockerconfigjson"),
			"data": pulumi.Map{".dockerconfigjson": text("eyJhdXRocyI6e319")},
		}, nil,
	},
	"credential-config": {
		"kubernetes", "kubernetes:core/v1:ConfigMap", "bifrost/gcp-credential-config",
		pulumi.Map{"metadata": metadata("gcp-credential-config", nil), "data": pulumi.Map{"credential-config.json": text("{}")}},
		pulumi.Map{"data": pulumi.Map{"credential-config.json": text(`{"type": "external_account"}`)}},
	},
	"secret-manager": {
		"kubernetes", "kubernetes:rbac.authorization.k8s.io/v1:Role", "bifrost/secret-manager",
		pulumi.Map{"metadata": metadata("secret-manager", nil), "rules": secretRules("get", "create", "delete")},
		pulumi.Map{"rules": secretRules("patch")},
	},
	"secret-manager-binding": {
		"kubernetes", "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "bifrost/secret-manager-binding",
		pulumi.Map{
			"metadata": metadata("secret-manager-binding", nil),
			"subjects": pulumi.Array{pulumi.Map{"kind": text("ServiceAccount"), "name": text("bifrost-sa"), "namespace": text("bifrost")}},
			"roleRef":  pulumi.Map{"kind": text("Role"), "name": text("secret-manager"), "apiGroup": text("rbac.authorization.k8s.io")},
		}, nil,
	},
	"refresh": {
		"kubernetes", "kubernetes:batch/v1:CronJob", "bifrost/refresh-ar-secret",
		pulumi.Map{"metadata": metadata("refresh-ar-secret", nil), "spec": pulumi.Map{
			"schedule": text("0 0 1 1 *"),
			"jobTemplate": pulumi.Map{"spec": pulumi.Map{"template": pulumi.Map{"spec": pulumi.Map{
				"restartPolicy": text("OnFailure"),
				"containers":    pulumi.Array{pulumi.Map{"name": text("token-refresh"), "image": text("registry.example.com/refresh:1")}},
			}}}},
		}}, nil,
	},
	"deployment": {
		"kubernetes", "kubernetes:apps/v1:Deployment", "bifrost/bifrost",
		pulumi.Map{"metadata": metadata("bifrost", pulumi.Map{"annotations": pulumi.Map{"pulumi.com/skipAwait": text("true")}}), "spec": deploymentSpec("registry.example.com/bifrost:1")},
		pulumi.Map{"spec": deploymentSpec("registry.example.com/bifrost:2")},
	},
	"service": {
		"kubernetes", "kubernetes:core/v1:Service", "bifrost/bifrost",
		pulumi.Map{"metadata": metadata("bifrost", pulumi.Map{"annotations": pulumi.Map{"pulumi.com/skipAwait": text("true")}}), "spec": pulumi.Map{
			"selector": pulumi.Map{"app": text("bifrost")},
			"ports":    pulumi.Array{pulumi.Map{"port": pulumi.Int(80), "targetPort": pulumi.Int(8080), "protocol": text("TCP")}},
		}}, nil,
	},
}

func secretRules(verbs ...string) pulumi.Array {
	return pulumi.Array{pulumi.Map{
		"apiGroups": pulumi.ToStringArray([]string{""}), "resources": pulumi.ToStringArray([]string{"secrets"}), "verbs": pulumi.ToStringArray(verbs),
	}}
}

func deploymentSpec(image string) pulumi.Map {
	return pulumi.Map{
		"replicas": pulumi.Int(0), "selector": pulumi.Map{"matchLabels": pulumi.Map{"app": text("bifrost")}},
		"template": pulumi.Map{
			"metadata": pulumi.Map{"labels": pulumi.Map{"app": text("bifrost")}},
			"spec": pulumi.Map{
				"serviceAccountName": text("bifrost-sa"),
				"containers":         pulumi.Array{pulumi.Map{"name": text("bifrost"), "image": text(image)}},
			},
		},
	}
}

// adoptedOwners are what resources belong to, which goes after them.
var adoptedOwners = map[string]string{
	"credential": "identity", "provider": "pool", "impersonation": "account", "reader": "repository", "ecr-readers": "ecr", "ecr-lifecycle": "ecr",
	"role-policy": "role", "attachment": "role", "service-account": "namespace", "pull-secret": "namespace", "credential-config": "namespace",
	"secret-manager": "namespace", "secret-manager-binding": "namespace", "refresh": "namespace", "deployment": "namespace", "service": "namespace",
}

// inOrder are the names of the resources, owners first.
func inOrder() []string {
	names := slices.Sorted(maps.Keys(adoptedResources))
	slices.SortStableFunc(names, func(a, b string) int { return min(1, len(adoptedOwners[a])) - min(1, len(adoptedOwners[b])) })
	return names
}

// adopting registers every resource of the world. Wishing, it wants some of them
// otherwise than they are; adopting, it imports them and ignores what it wants.
func adopting(adopt, wishing *bool) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		providers := map[string]pulumi.ProviderResource{}
		var err error
		if providers["azure"], err = azurenative.NewProvider(ctx, "azure", &azurenative.ProviderArgs{SubscriptionId: pulumi.String(adoptedSubscription)}); err != nil {
			return err
		}
		if providers["gcp"], err = pulumigcp.NewProvider(ctx, "gcp", &pulumigcp.ProviderArgs{Project: pulumi.String("bifrost-images")}); err != nil {
			return err
		}
		if providers["aws"], err = pulumiaws.NewProvider(ctx, "aws", &pulumiaws.ProviderArgs{
			Region: pulumi.String("eu-central-1"), AllowedAccountIds: pulumi.ToStringArray([]string{"111122223333"}),
		}); err != nil {
			return err
		}
		if providers["kubernetes"], err = pulumikubernetes.NewProvider(ctx, "kubernetes", &pulumikubernetes.ProviderArgs{
			Context: pulumi.String("acme-production"), EnableConfigMapMutable: pulumi.Bool(true),
		}); err != nil {
			return err
		}
		made := map[string]pulumi.Resource{}
		for _, name := range inOrder() {
			each := adoptedResources[name]
			inputs := maps.Clone(each.same)
			if *wishing {
				maps.Copy(inputs, each.wish)
			}
			if each.provider == "kubernetes" {
				inputs = typed(each.token, inputs)
			}
			options := []pulumi.ResourceOption{pulumi.Provider(providers[each.provider])}
			switch {
			case *adopt:
				options = append(options, pulumi.Import(pulumi.ID(each.id)), pulumi.IgnoreChanges([]string{"*"}))
			case name == "service":
				// The cluster's choice, which no program writes: its removal replaces.
				options = append(options, pulumi.IgnoreChanges([]string{"spec.clusterIP", "spec.clusterIPs"}))
			}
			if owner, owned := made[adoptedOwners[name]]; owned {
				options = append(options, pulumi.DependsOn([]pulumi.Resource{owner}))
			}
			registered := &pulumi.CustomResourceState{}
			if err := ctx.RegisterResource(each.token, name, inputs, registered, options...); err != nil {
				return err
			}
			made[name] = registered
		}
		return nil
	}
}

// held is what the clouds hold of the world, without what controllers write.
func held(t *testing.T, s *sandbox.Sandbox) map[string]any {
	t.Helper()
	pool, _ := s.GCP.Pool("731905284466", "acme-azure-pool")
	provider, _ := s.GCP.PoolProvider("731905284466", "acme-azure-pool", "acme-azure-provider")
	account, _ := s.GCP.Account(adoptedAccount)
	iam, err := s.AWS.IAM.Account("111122223333")
	require.NoError(t, err)
	role, err := iam.Role("bifrost")
	require.NoError(t, err)
	policy, err := iam.Policy("arn:aws:iam::111122223333:policy/bifrost-ecr")
	require.NoError(t, err)
	all := map[string]any{
		"identities": s.Azure.Identities(), "pool": pool, "provider": provider, "account": account, "repositories": s.GCP.Repositories(),
		"ecr": s.AWS.ECR.Repositories(), "role": role, "policy": policy,
	}
	kube := client(t, s)
	deployment, err := kube.AppsV1().Deployments("bifrost").Get(context.Background(), "bifrost", metav1.GetOptions{})
	require.NoError(t, err)
	runner, err := kube.CoreV1().ServiceAccounts("bifrost").Get(context.Background(), "bifrost-sa", metav1.GetOptions{})
	require.NoError(t, err)
	secret, err := kube.CoreV1().Secrets("bifrost").Get(context.Background(), "ar-pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	all["deployment"], all["service account"], all["secret"] = deployment.Spec, runner.ResourceVersion, secret.ResourceVersion
	return all
}

func TestWhatTheGuidesHadPeopleMakeIsAdoptedInEveryCloud(t *testing.T) {
	t.Parallel()
	p := &project{t: t, root: t.TempDir(), stack: "adopted"}
	p.copy("Pulumi.yaml")
	path := filepath.Join(p.root, "sandbox", "worlds", "adopted.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(adoptedWorld), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(p.root, "Pulumi.adopted.yaml"), nil, 0o600))
	adopt, wishing := true, true
	s := p.start(adopting(&adopt, &wishing))
	before := held(t, s)

	preview, err := open(t, s).Preview(context.Background())
	require.NoError(t, err)
	result := up(t, s)
	assert.Equal(t, changes(preview), changes(result))
	for _, resource := range result.Resources {
		_, isAdopted := adoptedResources[resource.Name]
		assert.Equal(t, isAdopted, resource.Imported, resource.Name)
	}
	assert.Len(t, result.Changed(), len(adoptedResources)+4, "the providers beside them")
	assert.Equal(t, before, held(t, s), "an import changes nothing, whatever the program wants")
	assert.Empty(t, changes(up(t, s)))
	_, err = open(t, s).Refresh(context.Background())
	require.NoError(t, err)
	assert.Empty(t, changes(up(t, s)))

	adopt, wishing = false, false
	assert.Equal(t, []string{"update deployment", "update namespace", "update refresh", "update service"}, changes(up(t, s)),
		"a program that wants what is there changes nothing, but that objects lose defaults that the API server then sets again")
	assert.Equal(t, before, held(t, s))
	assert.Empty(t, changes(up(t, s)))

	wishing = true
	var want []string
	for name, each := range adoptedResources {
		if each.wish != nil {
			want = append(want, "update "+name)
		}
	}
	assert.ElementsMatch(t, want, changes(up(t, s)), "everything in place")
	assert.Empty(t, changes(up(t, s)))
	after := held(t, s)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if name == "account" || name == "secret" {
			continue
		}
		assert.NotEqual(t, before[name], after[name], name)
	}
	_, err = open(t, s).Destroy(context.Background())
	require.NoError(t, err, "found by the IDs that they have since their import")
	assert.Empty(t, s.Azure.Identities())
	assert.Empty(t, s.GCP.Repositories())
	assert.Empty(t, s.AWS.ECR.Repositories())
}
