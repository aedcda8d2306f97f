package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/components/aws"
)

// Cloud says what clouds compute of what is registered there: what follows from the
// inputs by documented rules, and what is known besides. A value that is empty here is
// not known.
type Cloud struct {
	// ProjectNumber is the number of the vendor's Google project.
	ProjectNumber string
	// Site gives the account and the Region that a provider of AWS acts in, by the
	// provider's name.
	Site func(provider string) (account, region string)
	// Identity gives the IDs of an identity of Entra's by its name in the stack and in
	// Azure.
	Identity func(name, inAzure string) Identity
	// Association is the ID of every association of EKS Pod Identity, Revision that of
	// every task definition.
	Association, Revision string
}

// Identity are the IDs of an identity of Entra's.
type Identity struct{ TenantID, ClientID, PrincipalID string }

// computed are the outputs that a cloud chooses, by type.
var computed = map[string]func(c Cloud, r Registration) map[string]string{
	"azure-native:managedidentity:UserAssignedIdentity": func(c Cloud, r Registration) map[string]string {
		name := r.Text("resourceName")
		known := Identity{}
		if c.Identity != nil {
			known = c.Identity(r.Name, name)
		}
		return map[string]string{"name": name, "tenantId": known.TenantID, "clientId": known.ClientID, "principalId": known.PrincipalID}
	},
	"azure-native:managedidentity:FederatedIdentityCredential": func(_ Cloud, r Registration) map[string]string {
		return map[string]string{"name": r.Text("federatedIdentityCredentialResourceName")}
	},
	"gcp:iam/workloadIdentityPool:WorkloadIdentityPool": func(c Cloud, r Registration) map[string]string {
		return map[string]string{"name": c.pool(r)}
	},
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": func(c Cloud, r Registration) map[string]string {
		return map[string]string{"name": below(c.pool(r), "/providers/"+r.Text("workloadIdentityPoolProviderId"))}
	},
	"gcp:serviceaccount/account:Account": func(_ Cloud, r Registration) map[string]string {
		project := r.Text("project")
		domain := project // of a project of a domain, example.com:ID, it is ID.example.com
		if organization, id, scoped := strings.Cut(project, ":"); scoped {
			domain = id + "." + organization
		}
		email := fmt.Sprintf("%s@%s.iam.gserviceaccount.com", r.Text("accountId"), domain)
		return map[string]string{"email": email, "name": fmt.Sprintf("projects/%s/serviceAccounts/%s", project, email)}
	},
	"aws:ecr/repository:Repository": func(c Cloud, r Registration) map[string]string {
		account, region := c.site(r)
		return map[string]string{"arn": arn(region, "ecr", region, account, "repository/"+r.Text("name")), "registryId": account}
	},
	"aws:iam/role:Role": func(c Cloud, r Registration) map[string]string { return c.iam(r, "role"+r.Text("path")+r.Text("name")) },
	"aws:iam/policy:Policy": func(c Cloud, r Registration) map[string]string {
		return c.iam(r, "policy"+r.Text("path")+r.Text("name"))
	},
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider": func(c Cloud, r Registration) map[string]string {
		return c.iam(r, "oidc-provider/"+strings.TrimPrefix(r.Text("url"), "https://"))
	},
	"aws:eks/podIdentityAssociation:PodIdentityAssociation": func(c Cloud, _ Registration) map[string]string {
		return map[string]string{"associationId": c.Association}
	},
	"aws:ecs/taskDefinition:TaskDefinition": func(c Cloud, r Registration) map[string]string {
		account, region := c.site(r)
		return map[string]string{"arn": below(c.Revision, arn(region, "ecs", region, account, "task-definition/"+r.Text("family")+":"+c.Revision))}
	},
}

// site is where the provider of a resource of AWS's acts.
func (c Cloud) site(r Registration) (account, region string) {
	if c.Site == nil {
		return "", ""
	}
	return c.Site(r.Provider)
}

// pool is the full name of a pool of workload identities.
func (c Cloud) pool(r Registration) string {
	return below(c.ProjectNumber, fmt.Sprintf("projects/%s/locations/global/workloadIdentityPools/%s", c.ProjectNumber, r.Text("workloadIdentityPoolId")))
}

// iam is the ARN of something of IAM's, which has no Regions.
func (c Cloud) iam(r Registration, what string) map[string]string {
	account, region := c.site(r)
	return map[string]string{"arn": arn(region, "iam", "", account, what)}
}

// arn is an ARN in the partition of a Region.
func arn(at, service, region, account, what string) string {
	partition, err := aws.PartitionOf(at)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", partition.Name, service, region, account, what)
}

// below is a text that holds a value; empty where the value is not known.
func below(value, text string) string {
	if value == "" {
		return ""
	}
	return text
}

// Answer is the state of what was registered: its inputs, and what the cloud computes
// of them. Unknown are the outputs that only the cloud can tell; they are absent.
func (c Cloud) Answer(r Registration) (state resource.PropertyMap, unknown []string) {
	state = resource.PropertyMap{}
	for key, value := range r.Inputs {
		if !value.ContainsUnknowns() {
			state[key] = value
		}
	}
	if strings.HasPrefix(r.Type, "kubernetes:") {
		return state, nameObject(r, state)
	}
	if compute, found := computed[r.Type]; found {
		outputs := compute(c, r)
		for _, name := range slices.Sorted(maps.Keys(outputs)) {
			if outputs[name] == "" {
				unknown = append(unknown, name)
				continue
			}
			state[resource.PropertyKey(name)] = resource.NewProperty(outputs[name])
		}
	}
	return state, unknown
}

// nameObject gives a Kubernetes object without a name its ObjectName.
func nameObject(r Registration, state resource.PropertyMap) (unknown []string) {
	metadata := resource.PropertyMap{}
	if given := state["metadata"]; given.IsObject() {
		metadata = maps.Clone(given.ObjectValue())
	}
	if _, named := r.Inputs["metadata"].ObjectValue()["name"]; !named {
		if r.Inputs.ContainsUnknowns() {
			delete(state, "metadata") // a part of an output that is absent would be known, and nothing
			return []string{"metadata.name"}
		}
		metadata["name"] = resource.NewProperty(ObjectName(r))
	}
	state["metadata"] = resource.NewProperty(metadata)
	return nil
}

// ObjectName is the name of a Kubernetes object to which Pulumi would give a random
// one: it follows from the object's contents, and has the same length.
func ObjectName(r Registration) string {
	sum := sha256.New()
	walk(nil, resource.NewProperty(r.Inputs), func(path resource.PropertyPath, value resource.PropertyValue) {
		if !value.IsObject() && !value.IsArray() && !value.IsSecret() {
			fmt.Fprintf(sum, "%s=%v\n", path, value.V)
		}
	})
	return r.Name + "-" + hex.EncodeToString(sum.Sum(nil)[:4])
}
