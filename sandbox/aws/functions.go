package aws

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	pulumiecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	pulumiecs "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	pulumieks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"

	"waybill.example/waybill/sandbox/provider"
)

// wanted is what look-ups ask for, each for some of it.
type wanted struct {
	ARN        string `json:"arn"`
	URL        string `json:"url"`
	Name       string `json:"name"`
	Repository string `json:"repositoryName"`
	Registry   string `json:"registryId"`
	Tag        string `json:"imageTag"`
	Digest     string `json:"imageDigest"`
	Cluster    string `json:"clusterArn"`
	Service    string `json:"serviceName"`
	Type       string `json:"typeName"`
	Identifier string `json:"identifier"`
}

// getCallerIdentity tells whose administrator the provider is.
func getCallerIdentity() provider.Function[*Client] {
	return provider.LookUp("aws:index/getCallerIdentity:getCallerIdentity", pulumiaws.GetCallerIdentityOutputArgs{}.ElementType(),
		func(client *Client, _ wanted) (map[string]any, error) {
			return map[string]any{
				"accountId": client.Account,
				"arn":       client.Global("iam", "user/administrator"),
				"id":        client.Account,
				"userId":    "AIDA" + "ADMIN" + client.Account,
			}, nil
		})
}

// missing words what a look-up does not find as the real provider does.
func missing(err error) error {
	if gone(err) {
		return errGone
	}
	return err
}

// described are the settings of a resource with its ID and its ARN.
func described(settings any, id, arn string) map[string]any {
	outputs := provider.Encode(settings)
	outputs["id"], outputs["arn"] = id, arn
	return outputs
}

// getOIDCProvider describes an OIDC provider by its ARN or its URL.
func getOIDCProvider() provider.Function[*Client] {
	return provider.LookUp("aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider", pulumiiam.LookupOpenIdConnectProviderOutputArgs{}.ElementType(),
		func(client *Client, args wanted) (map[string]any, error) {
			name, url := args.ARN, args.URL
			switch {
			case (name == "") == (url == ""):
				return nil, errors.New("one of `arn,url` must be specified")
			case name == "":
				name = client.Global("iam", "oidc-provider/"+withoutScheme(url))
			}
			found, err := client.iam.OIDCProvider(name)
			switch {
			case err != nil && url != "":
				return nil, failed("reading", "IAM OIDC Provider", url, missing(err))
			case err != nil:
				return nil, fmt.Errorf("reading IAM OIDC Provider: %w", missing(err))
			}
			return described(found.OIDCSettings, found.ARN, found.ARN), nil
		})
}

// getCluster describes a cluster of the world. What the sandbox does not know of
// it, such as its network, is empty.
func getCluster() provider.Function[*Client] {
	return provider.LookUp("aws:eks/getCluster:getCluster", pulumieks.LookupClusterOutputArgs{}.ElementType(),
		func(client *Client, args wanted) (map[string]any, error) {
			cluster, err := client.cloud.EKS.Cluster(client.Place, args.Name)
			if err != nil {
				return nil, failed("reading", "EKS Cluster", args.Name, missing(err))
			}
			return map[string]any{
				"accessConfigs": []any{map[string]any{
					"authenticationMode": cluster.AuthenticationMode, "bootstrapClusterCreatorAdminPermissions": true,
				}},
				"arn": cluster.ARN(),
				"id":  cluster.Name,
				"identities": []any{map[string]any{
					"oidcs": []any{map[string]any{"issuer": cluster.Issuer}},
				}},
				"name":            cluster.Name,
				"platformVersion": "eks.1",
				"status":          "ACTIVE",
				"version":         cluster.KubernetesVersion,
			}, nil
		})
}

// getRole describes a role by its name.
func getRole() provider.Function[*Client] {
	return provider.LookUp("aws:iam/getRole:getRole", pulumiiam.LookupRoleOutputArgs{}.ElementType(),
		func(client *Client, args wanted) (map[string]any, error) {
			role, err := client.iam.Role(args.Name)
			if err != nil {
				return nil, failed("reading", "IAM Role", args.Name, missing(err))
			}
			return described(role.RoleSettings, role.Name, role.ARN), nil
		})
}

// getRepository describes an ECR repository by its name.
func getRepository() provider.Function[*Client] {
	return provider.LookUp("aws:ecr/getRepository:getRepository", pulumiecr.LookupRepositoryOutputArgs{}.ElementType(),
		func(client *Client, args wanted) (map[string]any, error) {
			repository, err := client.cloud.ECR.Get(client.Place, args.Name)
			if err != nil {
				return nil, failed("reading", "ECR Repository", args.Name, missing(err))
			}
			outputs := described(repository.Settings, repository.Name, repository.ARN())
			outputs["registryId"], outputs["repositoryUrl"] = repository.Account, repository.URI()
			return outputs, nil
		})
}

// getImage describes an image of a repository by its tag or its digest.
func getImage() provider.Function[*Client] {
	return provider.LookUp("aws:ecr/getImage:getImage", pulumiecr.GetImageOutputArgs{}.ElementType(),
		func(client *Client, args wanted) (map[string]any, error) {
			registry := cmp.Or(args.Registry, client.Account)
			switch {
			case (args.Tag == "") == (args.Digest == ""):
				return nil, errors.New("imageTag, imageDigest: the sandbox wants one of them")
			case registry != client.Account:
				return nil, fmt.Errorf("registryId %q: the sandbox looks into its own account's registry, %s", registry, client.Account)
			}
			held, err := client.cloud.ECR.Image(client.Place, args.Repository, args.Tag, args.Digest)
			if err != nil {
				return nil, fmt.Errorf("reading ECR Images: %w", err)
			}
			return map[string]any{
				"id": held, "imageDigest": held, "imageTag": args.Tag, "registryId": registry, "repositoryName": args.Repository,
			}, nil
		})
}

// getService describes an ECS service by its cluster and name.
func getService() provider.Function[*Client] {
	return provider.LookUp("aws:ecs/getService:getService", pulumiecs.LookupServiceOutputArgs{}.ElementType(),
		func(client *Client, args wanted) (map[string]any, error) {
			service, err := client.cloud.ECS.Service(strings.Replace(args.Cluster, ":cluster/", ":service/", 1) + "/" + args.Service)
			if err != nil {
				return nil, failed("reading", "ECS Service", args.Service, missing(err))
			}
			outputs := described(service.ServiceSettings, service.ARN(), service.ARN())
			outputs["clusterArn"], outputs["serviceName"] = service.Cluster, service.Name
			return outputs, nil
		})
}

// getResource is Cloud Control's reading of a resource, of ECR repositories alone:
// with its policy, as an object.
func getResource() provider.Function[*Client] {
	return provider.LookUp("aws:cloudcontrol/getResource:getResource", reflect.TypeFor[struct {
		Identifier    string  `pulumi:"identifier"`
		RoleArn       *string `pulumi:"roleArn"`
		TypeName      string  `pulumi:"typeName"`
		TypeVersionID *string `pulumi:"typeVersionId"`
	}](),
		func(client *Client, args wanted) (map[string]any, error) {
			kind, name := args.Type, args.Identifier
			if kind != "AWS::ECR::Repository" {
				return nil, fmt.Errorf("typeName %q: the sandbox reads AWS::ECR::Repository", kind)
			}
			repository, err := client.cloud.ECR.Get(client.Place, name)
			if err != nil {
				return nil, failed("reading", "Cloud Control API (Resource)", name, missing(err))
			}
			described := map[string]any{"RepositoryName": repository.Name, "Arn": repository.ARN()}
			if policy := repository.PolicyText(); policy != "" {
				described["RepositoryPolicyText"] = json.RawMessage(policy)
			}
			text, err := json.Marshal(described)
			return map[string]any{"id": name, "identifier": name, "typeName": kind, "properties": string(text)}, err
		})
}
