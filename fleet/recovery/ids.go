package recovery

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// identify derives the ID that a resource has in the state from its type and its
// inputs, and where they do not hold it from those of its provider. The forms
// are those that the providers give a resource when they make it; where a
// provider reads a resource by its properties alone (IAM members, attachments)
// the ID only has to be its own.
func identify(resource, provider apitype.ResourceV3) (string, error) {
	r := reader{inputs: resource.Inputs, provider: provider.Inputs}
	if strings.HasPrefix(string(resource.Type), "kubernetes:") {
		return r.object()
	}
	rule, known := rules[string(resource.Type)]
	if !known {
		return "", fmt.Errorf("no rule tells the ID of a %s", resource.Type)
	}
	id := rule(&r)
	if len(r.missing) > 0 {
		return "", fmt.Errorf("the ID of a %s needs %s, which the state does not show", resource.Type, strings.Join(r.missing, ", "))
	}
	return id, nil
}

// reader takes texts out of inputs and remembers what is missing.
type reader struct {
	inputs, provider map[string]any
	missing          []string
}

// text is a property; a secret one, or one that is no text, is missing.
func (r *reader) text(key string) string {
	value, _ := r.inputs[key].(string)
	return r.need(key, value)
}

// placed is a property that a provider's default may stand for.
func (r *reader) placed(key string) string {
	value, _ := r.inputs[key].(string)
	if value == "" {
		value, _ = r.provider[key].(string)
	}
	return r.need(key, value)
}

func (r *reader) need(key, value string) string {
	if value == "" {
		r.missing = append(r.missing, key)
	}
	return value
}

// object is the ID of a Kubernetes object: NAMESPACE/NAME, or NAME for a kind
// without a namespace. The provider gives every object its name before it is
// made, so that the inputs hold it.
func (r *reader) object() (string, error) {
	metadata, _ := r.inputs["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if name == "" {
		return "", fmt.Errorf("the object's metadata.name is not in the state")
	}
	if namespace, _ := metadata["namespace"].(string); namespace != "" {
		return namespace + "/" + name, nil
	}
	return name, nil
}

// account is the one account that a provider may act in, and the partition of
// its Region.
func (r *reader) account() (partition, account string) {
	region, _ := r.provider["region"].(string)
	if accounts := list(r.provider["allowedAccountIds"]); len(accounts) == 1 {
		account = accounts[0]
	}
	partition = "aws"
	for prefix, other := range map[string]string{"cn-": "aws-cn", "eusc-": "aws-eusc", "us-gov-": "aws-us-gov"} {
		if strings.HasPrefix(region, prefix) {
			partition = other
		}
	}
	return partition, r.need("the provider's allowedAccountIds", account)
}

const (
	identities  = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
	credentials = "federatedIdentityCredentials"
	pools       = "locations/global/workloadIdentityPools"
)

func (r *reader) identity() string {
	subscription, _ := r.provider["subscriptionId"].(string)
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/%s/%s",
		r.need("the provider's subscriptionId", subscription), r.text("resourceGroupName"), identities, r.text("resourceName"))
}

func (r *reader) pool() string {
	return fmt.Sprintf("projects/%s/%s/%s", r.placed("project"), pools, r.text("workloadIdentityPoolId"))
}

// serviceAccount is an account's full name. The project of a domain,
// example.com:images, stands the other way round in the address.
func (r *reader) serviceAccount() string {
	project := r.placed("project")
	host := project
	if domain, name, scoped := strings.Cut(project, ":"); scoped {
		host = name + "." + domain
	}
	return fmt.Sprintf("projects/%s/serviceAccounts/%s@%s.iam.gserviceaccount.com", project, r.text("accountId"), host)
}

// repository is the full name of a repository whose own name is given, also
// where that is the full name already.
func (r *reader) repository(key string) string {
	name := r.text(key)
	if strings.HasPrefix(name, "projects/") {
		return name
	}
	return fmt.Sprintf("projects/%s/locations/%s/repositories/%s", r.placed("project"), r.placed("location"), name)
}

// path is an IAM path, / where none is given.
func (r *reader) path() string {
	if path, _ := r.inputs["path"].(string); path != "" {
		return path
	}
	return "/"
}

var rules = map[string]func(*reader) string{
	"azure-native:managedidentity:UserAssignedIdentity": (*reader).identity,
	"azure-native:managedidentity:FederatedIdentityCredential": func(r *reader) string {
		return r.identity() + "/" + credentials + "/" + r.text("federatedIdentityCredentialResourceName")
	},

	"gcp:artifactregistry/repository:Repository": func(r *reader) string { return r.repository("repositoryId") },
	"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": func(r *reader) string {
		return r.repository("repository") + "/" + r.text("role") + "/" + r.text("member")
	},
	"gcp:iam/workloadIdentityPool:WorkloadIdentityPool": (*reader).pool,
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": func(r *reader) string {
		return r.pool() + "/providers/" + r.text("workloadIdentityPoolProviderId")
	},
	"gcp:serviceaccount/account:Account": (*reader).serviceAccount,
	"gcp:serviceaccount/iAMMember:IAMMember": func(r *reader) string {
		return r.text("serviceAccountId") + "/" + r.text("role") + "/" + r.text("member")
	},

	"aws:cloudwatch/logGroup:LogGroup":                  func(r *reader) string { return r.text("name") },
	"aws:ecr/repository:Repository":                     func(r *reader) string { return r.text("name") },
	"aws:ecr/repositoryPolicy:RepositoryPolicy":         func(r *reader) string { return r.text("repository") },
	"aws:ecr/lifecyclePolicy:LifecyclePolicy":           func(r *reader) string { return r.text("repository") },
	"aws:iam/role:Role":                                 func(r *reader) string { return r.text("name") },
	"aws:iam/rolePolicy:RolePolicy":                     func(r *reader) string { return r.text("role") + ":" + r.text("name") },
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": func(r *reader) string { return r.text("role") + "/" + r.text("policyArn") },
	"aws:ecs/service:Service": func(r *reader) string {
		partition, account := r.account()
		region, _ := r.provider["region"].(string)
		return fmt.Sprintf("arn:%s:ecs:%s:%s:service/%s/%s", partition, r.need("the provider's region", region), account, last(r.text("cluster")), r.text("name"))
	},
	"aws:iam/policy:Policy": func(r *reader) string {
		partition, account := r.account()
		return fmt.Sprintf("arn:%s:iam::%s:policy%s%s", partition, account, r.path(), r.text("name"))
	},
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider": func(r *reader) string {
		partition, account := r.account()
		issuer, err := url.Parse(r.text("url"))
		if err != nil || issuer.Host == "" {
			r.need("url", "")
			return ""
		}
		return fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s%s", partition, account, issuer.Host, issuer.Path)
	},
}

// renewed are the types of which every making makes another one: what was made
// by the killed update and is in no state does no harm.
var renewed = map[string]string{
	"aws:ecs/taskDefinition:TaskDefinition": "the next update registers another revision of the family; one that the killed update registered is used by no service",
}

// lookups tell, for a type whose ID the cloud chooses, how an operator finds it
// and in which form it is given.
var lookups = map[string]func(*reader) (command, form string){
	"aws:eks/podIdentityAssociation:PodIdentityAssociation": func(r *reader) (string, string) {
		return fmt.Sprintf("aws eks list-pod-identity-associations --cluster-name %s --namespace %s --service-account %s",
			r.text("clusterName"), r.text("namespace"), r.text("serviceAccount")), "ASSOCIATION-ID"
	},
}

// last is the last part of an ARN, or a plain name.
func last(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// list reads a list of texts; a provider's lists are JSON texts in the state.
func list(value any) []string {
	values, isList := value.([]any)
	if text, isText := value.(string); isText {
		values, isList = parseList(text)
	}
	if !isList {
		return nil
	}
	var texts []string
	for _, value := range values {
		if text, isText := value.(string); isText {
			texts = append(texts, text)
		}
	}
	return texts
}
