package recorder

import (
	"fmt"
	"hash/fnv"
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ProjectNumber is the number of every project in the mocks, AmazonAccount and
// AmazonRegion are where everything on AWS is.
const (
	ProjectNumber = "123456789012"
	AmazonAccount = "222233334444"
	AmazonRegion  = "eu-central-1"
)

// computed are the outputs that a cloud chooses, by type; the function sees
// the inputs.
var computed = map[string]func(name string, in resource.PropertyMap) resource.PropertyMap{
	"azure-native:managedidentity:UserAssignedIdentity": func(name string, in resource.PropertyMap) resource.PropertyMap {
		return texts("name", text(in, "resourceName"), "tenantId", GUID("tenant"), "clientId", GUID(name+"client"), "principalId", GUID(name+"principal"))
	},
	"azure-native:managedidentity:FederatedIdentityCredential": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("name", text(in, "federatedIdentityCredentialResourceName"))
	},
	"gcp:iam/workloadIdentityPool:WorkloadIdentityPool": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("name", fmt.Sprintf("projects/%s/locations/global/workloadIdentityPools/%s", ProjectNumber, text(in, "workloadIdentityPoolId")))
	},
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("name", fmt.Sprintf("projects/%s/locations/global/workloadIdentityPools/%s/providers/%s",
			ProjectNumber, text(in, "workloadIdentityPoolId"), text(in, "workloadIdentityPoolProviderId")))
	},
	"aws:ecr/repository:Repository": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("arn", amazonARN("ecr", "repository/"+text(in, "name")), "registryId", AmazonAccount)
	},
	"aws:iam/role:Role": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("arn", "arn:aws:iam::"+AmazonAccount+":role"+text(in, "path")+text(in, "name"))
	},
	"aws:iam/policy:Policy": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("arn", "arn:aws:iam::"+AmazonAccount+":policy"+text(in, "path")+text(in, "name"))
	},
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("arn", "arn:aws:iam::"+AmazonAccount+":oidc-provider/"+strings.TrimPrefix(text(in, "url"), "https://"))
	},
	"aws:eks/podIdentityAssociation:PodIdentityAssociation": func(name string, _ resource.PropertyMap) resource.PropertyMap {
		return texts("associationId", "a-"+GUID(name)[:8])
	},
	"aws:ecs/taskDefinition:TaskDefinition": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		return texts("arn", amazonARN("ecs", "task-definition/"+text(in, "family")+":1"))
	},
	"gcp:serviceaccount/account:Account": func(_ string, in resource.PropertyMap) resource.PropertyMap {
		email := fmt.Sprintf("%s@%s.iam.gserviceaccount.com", text(in, "accountId"), text(in, "project"))
		return texts("email", email, "name", fmt.Sprintf("projects/%s/serviceAccounts/%s", text(in, "project"), email))
	},
}

// create answers a registration: the inputs, and what the cloud computes; in a
// preview the latter is unknown, which for the SDK is absent.
func (r *Recorder) create(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	state := maps.Clone(args.Inputs)
	if strings.HasPrefix(args.TypeToken, "kubernetes:") {
		state = r.kubernetesObject(args)
	} else if compute, found := computed[args.TypeToken]; found && !r.Preview {
		maps.Copy(state, compute(args.Name, args.Inputs))
	}
	if r.Preview && args.Custom && !strings.HasPrefix(args.TypeToken, "pulumi:providers:") {
		return "", state, nil
	}
	return args.Name + "-id", state, nil
}

// kubernetesObject is an object as the API server returns it: named, with a UID.
func (r *Recorder) kubernetesObject(args pulumi.MockResourceArgs) resource.PropertyMap {
	state := maps.Clone(args.Inputs)
	metadata := resource.PropertyMap{}
	if given := state["metadata"]; given.IsObject() {
		metadata = maps.Clone(given.ObjectValue())
	}
	if _, named := metadata["name"]; !named {
		metadata["name"] = resource.NewProperty(args.Name + "-" + GUID(args.Name)[:8])
	}
	if !r.Preview {
		metadata["uid"] = resource.NewProperty(GUID(args.TypeToken + args.Name))
	}
	state["metadata"] = resource.NewProperty(metadata)
	return state
}

func amazonARN(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, AmazonRegion, AmazonAccount, resource)
}

// GUID is a GUID that is always the same for the same seed.
func GUID(seed string) string {
	hash := fnv.New128a()
	_, _ = hash.Write([]byte(seed)) // never fails
	sum := hash.Sum(nil)
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}

func text(in resource.PropertyMap, key resource.PropertyKey) string {
	if value := in[key]; value.IsString() {
		return value.StringValue()
	}
	return ""
}

func texts(pairs ...string) resource.PropertyMap {
	properties := resource.PropertyMap{}
	for i := 0; i < len(pairs); i += 2 {
		properties[resource.PropertyKey(pairs[i])] = resource.NewProperty(pairs[i+1])
	}
	return properties
}
