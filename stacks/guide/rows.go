package guide

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// row is how a type of resource is made by hand.
type row struct {
	// is what the resource is, for a heading.
	is string
	// create makes the resource, show shows it, and remove takes it away; without words,
	// it goes with another.
	create       []call
	show, remove call
	// opens says that a vendor's registry is open to the customer through the resource: it
	// is removed first.
	opens bool
	// runs says that the resource runs the product: it is made once access is granted.
	runs bool
	// terraform is the resource's type there. Its arguments have the inputs' names, with
	// the exceptions of arguments: another name, or none for what only Pulumi has.
	terraform string
	arguments map[string]string
	// ignored are the inputs that no command has, and why.
	ignored map[string]string
}

func of(words string, inputs ...[]input) call {
	return call{words: words, inputs: slices.Concat(inputs...)}
}

func list(inputs ...input) []input { return inputs }

// Identifying inputs, which all of a resource's commands have.
var (
	identity   = list(input{"resourceName", flag("--name")}, input{"resourceGroupName", flag("--resource-group")})
	credential = list(
		input{"federatedIdentityCredentialResourceName", flag("--name")},
		input{"resourceName", flag("--identity-name")}, input{"resourceGroupName", flag("--resource-group")},
	)
	inProject  = list(input{"project", joined("--project")})
	repository = list(input{"repositoryId", argument}, input{"project", joined("--project")}, input{"location", joined("--location")})
	reader     = list(input{"repository", argument}, input{"project", joined("--project")}, input{"location", joined("--location")})
	binding    = list(input{"role", joined("--role")}, input{"member", joined("--member")})
	onAccount  = list(input{"serviceAccountId", tail(argument)}, input{"serviceAccountId", projectOf})
	pool       = list(input{"workloadIdentityPoolId", argument}, input{"project", joined("--project")}, fixed("--location=global"))
	provider   = list(
		input{"workloadIdentityPoolProviderId", argument}, input{"workloadIdentityPoolId", joined("--workload-identity-pool")},
		input{"project", joined("--project")}, fixed("--location=global"),
	)
	ecr      = list(input{"repository", flag("--repository-name")})
	role     = list(input{"name", flag("--role-name")})
	attached = list(input{"role", flag("--role-name")}, input{"policyArn", flag("--policy-arn")})
	inline   = list(input{"role", flag("--role-name")}, input{"name", flag("--policy-name")})
	iamTags  = input{"tags", tags("--tags", "Key=%s,Value=%s")}
	ecsTags  = input{"tags", tags("--tags", "key=%s,value=%s")}
)

func projectOf(s *shell, v resource.PropertyValue) []string {
	return []string{"--project=" + s.word(strings.Split(scalar(v), "/")[1])}
}

// rows are the renderings by type. The flags' sources are beside the table of the
// flags that the commands have, in tests/testdata/flags.tsv.
var rows = map[string]row{
	"azure-native:managedidentity:UserAssignedIdentity": {
		is: "The identity that pulls",
		create: []call{of("az identity create", identity, list(
			input{"location", flag("--location")}, input{"tags", tags("--tags", "%s=%s")},
		))},
		show: of("az identity show", identity), remove: of("az identity delete", identity),
		terraform: "azurerm_user_assigned_identity",
		arguments: map[string]string{"resourceName": "name"},
	},
	"azure-native:managedidentity:FederatedIdentityCredential": {
		is: "A federated credential of the identity",
		create: []call{of("az identity federated-credential create", credential, list(
			input{"issuer", flag("--issuer")}, input{"subject", flag("--subject")}, input{"audiences", listed("--audiences")},
		))},
		show:   of("az identity federated-credential show", credential),
		remove: of("az identity federated-credential delete --yes", credential),

		terraform: "azurerm_federated_identity_credential",
		arguments: map[string]string{"federatedIdentityCredentialResourceName": "name", "resourceName": "parent_id", "audiences": "audience"},
	},
	"gcp:artifactregistry/repository:Repository": {
		is: "The repository",
		create: []call{
			of("gcloud artifacts repositories create", repository, list(
				input{"format", mapped("--repository-format", map[string]string{"DOCKER": "docker"})},
				input{"mode", mapped("--mode", map[string]string{
					"STANDARD_REPOSITORY": "standard-repository", "VIRTUAL_REPOSITORY": "virtual-repository",
				})},
				input{"description", joined("--description")}, input{"labels", dictionary("--labels")},
				input{"dockerConfig", func(s *shell, v resource.PropertyValue) []string {
					return when("--immutable-tags")(s, v.ObjectValue()["immutableTags"])
				}},
				input{"kmsKeyName", joined("--kms-key")},
				input{"virtualRepositoryConfig", document("--upstream-policy-file", "=", "upstreams", upstreams)},
			)),
			{
				words: "gcloud artifacts repositories set-cleanup-policies", only: "cleanupPolicies",
				inputs: slices.Concat(repository, list(
					input{"cleanupPolicies", document("--policy", "=", "cleanup", cleanup)}, fixed("--no-dry-run"),
				)),
			},
		},
		show:   of("gcloud artifacts repositories describe", repository),
		remove: of("gcloud artifacts repositories delete --quiet", repository),

		terraform: "google_artifact_registry_repository",
	},
	"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": {
		is: "The right to read", opens: true,
		create: []call{of("gcloud artifacts repositories add-iam-policy-binding", reader, binding)},
		show:   of("gcloud artifacts repositories get-iam-policy", reader),
		remove: of("gcloud artifacts repositories remove-iam-policy-binding", reader, binding),

		terraform: "google_artifact_registry_repository_iam_member",
	},
	"gcp:serviceaccount/account:Account": {
		is: "The service account that reads",
		create: []call{of("gcloud iam service-accounts create", list(
			input{"accountId", argument}, input{"displayName", joined("--display-name")},
		), inProject)},
		show:   of("gcloud iam service-accounts describe", list(computed("email", argument)), inProject),
		remove: of("gcloud iam service-accounts delete --quiet", list(computed("email", argument)), inProject),

		terraform: "google_service_account",
	},
	"gcp:iam/workloadIdentityPool:WorkloadIdentityPool": {
		is: "The customer's pool",
		create: []call{of("gcloud iam workload-identity-pools create", pool, list(
			input{"description", joined("--description")},
		))},
		show:   of("gcloud iam workload-identity-pools describe", pool),
		remove: of("gcloud iam workload-identity-pools delete --quiet", pool),

		terraform: "google_iam_workload_identity_pool",
	},
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
		is: "A provider of the pool",
		create: []call{of("gcloud iam workload-identity-pools providers create-oidc", provider, list(
			input{"oidc.issuerUri", joined("--issuer-uri")}, input{"oidc.allowedAudiences", dictionary("--allowed-audiences")},
			input{"oidc.jwksJson", document("--jwk-json-path", "=", "keys", nil)},
			input{"attributeMapping", dictionary("--attribute-mapping")}, input{"attributeCondition", joined("--attribute-condition")},
		))},
		show:   of("gcloud iam workload-identity-pools providers describe", provider),
		remove: of("gcloud iam workload-identity-pools providers delete --quiet", provider),

		terraform: "google_iam_workload_identity_pool_provider",
	},
	"gcp:serviceaccount/iAMMember:IAMMember": {
		is:     "Who may impersonate the service account",
		create: []call{of("gcloud iam service-accounts add-iam-policy-binding", onAccount, binding)},
		show:   of("gcloud iam service-accounts get-iam-policy", onAccount),
		remove: of("gcloud iam service-accounts remove-iam-policy-binding", onAccount, binding),

		terraform: "google_service_account_iam_member",
	},
	"aws:ecr/repository:Repository": {
		is: "The repository",
		create: []call{of("aws ecr create-repository", list(
			input{"name", flag("--repository-name")}, input{"imageTagMutability", flag("--image-tag-mutability")},
			input{"imageScanningConfiguration", commas("--image-scanning-configuration")},
			input{"encryptionConfigurations", func(s *shell, v resource.PropertyValue) []string {
				return commas("--encryption-configuration")(s, resource.NewProperty(only(v)))
			}}, iamTags,
		))},
		show:   of("aws ecr describe-repositories", list(input{"name", flag("--repository-names")})),
		remove: of("aws ecr delete-repository", list(input{"name", flag("--repository-name")}, input{"forceDelete", when("--force")})),

		terraform: "aws_ecr_repository",
		arguments: map[string]string{"encryptionConfigurations": "encryption_configuration"},
	},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {
		is:     "The lifecycle policy",
		create: []call{of("aws ecr put-lifecycle-policy", ecr, list(input{"policy", document("--lifecycle-policy-text", " file://", "policy", nil)}))},
		show:   of("aws ecr get-lifecycle-policy", ecr), remove: of("aws ecr delete-lifecycle-policy", ecr),

		terraform: "aws_ecr_lifecycle_policy",
	},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {
		is: "The repository policy", opens: true,
		create: []call{of("aws ecr set-repository-policy", ecr, list(input{"policy", document("--policy-text", " file://", "policy", nil)}))},
		show:   of("aws ecr get-repository-policy", ecr), remove: of("aws ecr delete-repository-policy", ecr),

		terraform: "aws_ecr_repository_policy",
	},
	"aws:iam/role:Role": {
		is: "The role and its trust policy",
		create: []call{of("aws iam create-role", role, list(
			input{"path", flag("--path")}, input{"description", flag("--description")},
			input{"assumeRolePolicy", document("--assume-role-policy-document", " file://", "trust", nil)},
			input{"maxSessionDuration", flag("--max-session-duration")}, input{"permissionsBoundary", flag("--permissions-boundary")}, iamTags,
		))},
		show: of("aws iam get-role", role), remove: of("aws iam delete-role", role),

		terraform: "aws_iam_role",
	},
	"aws:iam/policy:Policy": {
		is: "The role's permissions",
		create: []call{of("aws iam create-policy", list(
			input{"name", flag("--policy-name")}, input{"path", flag("--path")},
			input{"policy", document("--policy-document", " file://", "policy", nil)}, iamTags,
		))},
		show:   of("aws iam get-policy", list(computed("arn", flag("--policy-arn")))),
		remove: of("aws iam delete-policy", list(computed("arn", flag("--policy-arn")))),

		terraform: "aws_iam_policy",
	},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
		is: "Attach the policy to the role", opens: true,
		create: []call{of("aws iam attach-role-policy", attached)},
		show:   of("aws iam list-attached-role-policies", keys(attached, "role")), remove: of("aws iam detach-role-policy", attached),

		terraform: "aws_iam_role_policy_attachment",
	},
	"aws:iam/rolePolicy:RolePolicy": {
		is:     "The role's permissions",
		create: []call{of("aws iam put-role-policy", inline, list(input{"policy", document("--policy-document", " file://", "policy", nil)}))},
		show:   of("aws iam get-role-policy", inline), remove: of("aws iam delete-role-policy", inline),

		terraform: "aws_iam_role_policy",
	},
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
		is: "The OIDC provider for the cluster's issuer",
		create: []call{of("aws iam create-open-id-connect-provider", list(
			input{"url", flag("--url")}, input{"clientIdLists", listed("--client-id-list")}, iamTags,
		))},
		show:   of("aws iam get-open-id-connect-provider", list(computed("arn", flag("--open-id-connect-provider-arn")))),
		remove: of("aws iam delete-open-id-connect-provider", list(computed("arn", flag("--open-id-connect-provider-arn")))),

		terraform: "aws_iam_openid_connect_provider",
		arguments: map[string]string{"clientIdLists": "client_id_list"},
	},
	"aws:eks/podIdentityAssociation:PodIdentityAssociation": {
		is: "The Pod Identity association",
		create: []call{of("aws eks create-pod-identity-association", association, list(
			input{"roleArn", flag("--role-arn")}, input{"tags", commas("--tags")},
		))},
		show: of("aws eks list-pod-identity-associations", association),
		remove: of("aws eks delete-pod-identity-association", keys(association, "clusterName"),
			list(told("associationId", flag("--association-id")))),

		terraform: "aws_eks_pod_identity_association",
	},
	"aws:cloudwatch/logGroup:LogGroup": {
		is: "The product's logs",
		create: []call{
			of("aws logs create-log-group", list(
				input{"name", flag("--log-group-name")}, input{"kmsKeyId", flag("--kms-key-id")}, input{"tags", commas("--tags")},
			)),
			{
				words: "aws logs put-retention-policy", only: "retentionInDays",
				inputs: list(input{"name", flag("--log-group-name")}, input{"retentionInDays", flag("--retention-in-days")}),
			},
		},
		show:   of("aws logs describe-log-groups", list(input{"name", flag("--log-group-name-prefix")})),
		remove: of("aws logs delete-log-group", list(input{"name", flag("--log-group-name")})),

		terraform: "aws_cloudwatch_log_group",
	},
	"aws:ecs/taskDefinition:TaskDefinition": {
		is: "The task definition", runs: true,
		create: []call{of("aws ecs register-task-definition", list(
			input{"family", flag("--family")}, input{"networkMode", flag("--network-mode")},
			input{"requiresCompatibilities", listed("--requires-compatibilities")}, input{"cpu", flag("--cpu")}, input{"memory", flag("--memory")},
			input{"runtimePlatform", commas("--runtime-platform")}, input{"executionRoleArn", flag("--execution-role-arn")},
			input{"taskRoleArn", flag("--task-role-arn")},
			input{"containerDefinitions", document("--container-definitions", " file://", "containers", nil)}, ecsTags,
		))},
		show:   of("aws ecs describe-task-definition", list(input{"family", flag("--task-definition")})),
		remove: of("aws ecs deregister-task-definition", list(told("arn", flag("--task-definition")))),

		terraform: "aws_ecs_task_definition",
	},
	"aws:ecs/service:Service": {
		is: "The service", runs: true,
		create: []call{
			of("aws ecs create-service", list(
				input{"cluster", flag("--cluster")}, input{"name", flag("--service-name")}, input{"taskDefinition", flag("--task-definition")},
				input{"desiredCount", flag("--desired-count")}, input{"launchType", flag("--launch-type")},
				input{"deploymentCircuitBreaker", func(s *shell, v resource.PropertyValue) []string {
					text := "deploymentCircuitBreaker={" + strings.Join(pairs(v, "%s=%s"), ",") + "}"
					return []string{"--deployment-configuration", s.word(text)}
				}},
				input{"networkConfiguration", network},
				input{"loadBalancers", func(s *shell, v resource.PropertyValue) []string {
					words := []string{"--load-balancers"}
					for _, one := range v.ArrayValue() {
						words = append(words, s.word(strings.Join(pairs(one, "%s=%s"), ",")))
					}
					return []string{strings.Join(words, " ")}
				}},
				input{"healthCheckGracePeriodSeconds", flag("--health-check-grace-period-seconds")},
				input{"enableEcsManagedTags", when("--enable-ecs-managed-tags")},
				input{"propagateTags", flag("--propagate-tags")}, ecsTags,
			)),
			{words: "aws ecs wait services-stable", only: "waitForSteadyState", inputs: service},
		},
		show: of("aws ecs describe-services", service),
		remove: of("aws ecs delete-service --force", list(
			input{"cluster", flag("--cluster")}, input{"name", flag("--service")},
		)),

		terraform: "aws_ecs_service",
		arguments: map[string]string{"loadBalancers": "load_balancer"},
		ignored:   map[string]string{"waitForSteadyState": "the wait is a command of its own"},
	},
}

var (
	association = list(
		input{"clusterName", flag("--cluster-name")}, input{"namespace", flag("--namespace")}, input{"serviceAccount", flag("--service-account")},
	)
	service = list(input{"cluster", flag("--cluster")}, input{"name", flag("--services")})
)

func network(s *shell, v resource.PropertyValue) []string {
	given := v.ObjectValue()
	public := "DISABLED"
	if at := given["assignPublicIp"]; at.IsBool() && at.BoolValue() {
		public = "ENABLED"
	}
	text := "awsvpcConfiguration={subnets=[" + strings.Join(scalars(given["subnets"]), ",") + "]"
	if groups := given["securityGroups"]; groups.IsArray() {
		text += ",securityGroups=[" + strings.Join(scalars(groups), ",") + "]"
	}
	return []string{"--network-configuration", s.word(text + ",assignPublicIp=" + public + "}")}
}

// upstreams are the repositories that a virtual repository shows, as gcloud reads them
// (https://cloud.google.com/artifact-registry/docs/repositories/virtual-repo#create).
func upstreams(v resource.PropertyValue) any { return v.ObjectValue()["upstreamPolicies"].Mappable() }

// cleanup are cleanup policies as gcloud reads them
// (https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy#json).
func cleanup(v resource.PropertyValue) any {
	var all []any
	for _, each := range v.ArrayValue() {
		policy := resource.PropertyMap{}
		for key, value := range each.ObjectValue() {
			switch key {
			case "id":
				policy["name"] = value
			case "action":
				name := value.StringValue()
				policy[key] = resource.NewProperty(resource.PropertyMap{"type": resource.NewProperty(name[:1] + strings.ToLower(name[1:]))})
			case "condition":
				condition := resource.PropertyMap{}
				for key, value := range value.ObjectValue() {
					if key == "tagState" {
						value = resource.NewProperty(strings.ToLower(value.StringValue()))
					}
					condition[key] = value
				}
				policy[key] = resource.NewProperty(condition)
			default:
				policy[key] = value
			}
		}
		all = append(all, resource.NewProperty(policy).Mappable())
	}
	return all
}
