package aws

import (
	"cmp"
	"context"
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
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/sandbox/provider"
)

// getCallerIdentity tells whose administrator the provider is.
func getCallerIdentity() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:index/getCallerIdentity:getCallerIdentity",
		Args: pulumiaws.GetCallerIdentityOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, _ resource.PropertyMap) (map[string]any, error) {
			return map[string]any{
				"accountId": client.Account,
				"arn":       client.Global("iam", "user/administrator"),
				"id":        client.Account,
				"userId":    "AIDA" + "ADMIN" + client.Account,
			}, nil
		},
	}
}

// missing words what a look-up does not find as the real provider does.
func missing(err error) error {
	if gone(err) {
		return errGone
	}
	return err
}

// getOIDCProvider describes an OIDC provider by its ARN or its URL.
func getOIDCProvider() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
		Args: pulumiiam.LookupOpenIdConnectProviderOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			name, url := provider.Text(properties, "arn"), provider.Text(properties, "url")
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
			return map[string]any{
				"arn":             found.ARN,
				"clientIdLists":   anyList(found.ClientIDs),
				"id":              found.ARN,
				"tags":            anyMap(found.Tags),
				"thumbprintLists": anyList(found.Thumbprints),
				"url":             found.URL,
			}, nil
		},
	}
}

// getCluster describes a cluster of the world. What the sandbox does not know of
// it, such as its network, is empty.
func getCluster() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:eks/getCluster:getCluster",
		Args: pulumieks.LookupClusterOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			name := provider.Text(properties, "name")
			cluster, err := client.cloud.EKS.Cluster(client.Place, name)
			if err != nil {
				return nil, failed("reading", "EKS Cluster", name, missing(err))
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
		},
	}
}

// getRole describes a role by its name.
func getRole() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:iam/getRole:getRole",
		Args: pulumiiam.LookupRoleOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			name := provider.Text(properties, "name")
			role, err := client.iam.Role(name)
			if err != nil {
				return nil, failed("reading", "IAM Role", name, missing(err))
			}
			return map[string]any{
				"arn": role.ARN, "id": role.Name, "name": role.Name, "path": role.Path, "description": role.Description, "tags": anyMap(role.Tags),
			}, nil
		},
	}
}

// getRepository describes an ECR repository by its name.
func getRepository() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:ecr/getRepository:getRepository",
		Args: pulumiecr.LookupRepositoryOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			name := provider.Text(properties, "name")
			repository, err := client.cloud.ECR.Get(client.Place, name)
			if err != nil {
				return nil, failed("reading", "ECR Repository", name, missing(err))
			}
			return map[string]any{
				"arn": repository.ARN(), "id": repository.Name, "name": repository.Name, "registryId": repository.Account,
				"repositoryUrl": repository.URI(), "imageTagMutability": repository.Mutability, "tags": anyMap(repository.Tags),
			}, nil
		},
	}
}

// getImage describes an image of a repository by its tag or its digest.
func getImage() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:ecr/getImage:getImage",
		Args: pulumiecr.GetImageOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			name, tag, digest := provider.Text(properties, "repositoryName"), provider.Text(properties, "imageTag"), provider.Text(properties, "imageDigest")
			registry := cmp.Or(provider.Text(properties, "registryId"), client.Account)
			switch {
			case (tag == "") == (digest == ""):
				return nil, errors.New("imageTag, imageDigest: the sandbox wants one of them")
			case registry != client.Account:
				return nil, fmt.Errorf("registryId %q: the sandbox looks into its own account's registry, %s", registry, client.Account)
			}
			held, err := client.cloud.ECR.Image(client.Place, name, tag, digest)
			if err != nil {
				return nil, fmt.Errorf("reading ECR Images: %w", err)
			}
			return map[string]any{
				"id": held, "imageDigest": held, "imageTag": tag, "registryId": registry, "repositoryName": name,
			}, nil
		},
	}
}

// getService describes an ECS service by its cluster and name.
func getService() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:ecs/getService:getService",
		Args: pulumiecs.LookupServiceOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			cluster, name := provider.Text(properties, "clusterArn"), provider.Text(properties, "serviceName")
			service, err := client.cloud.ECS.Service(strings.Replace(cluster, ":cluster/", ":service/", 1) + "/" + name)
			if err != nil {
				return nil, failed("reading", "ECS Service", name, missing(err))
			}
			return map[string]any{
				"arn": service.ARN(), "id": service.ARN(), "clusterArn": service.Cluster, "serviceName": service.Name,
				"desiredCount": service.DesiredCount, "taskDefinition": service.TaskDefinition, "tags": anyMap(service.Tags),
			}, nil
		},
	}
}

// getResource is Cloud Control's reading of a resource, of ECR repositories alone:
// with its policy, as an object.
func getResource() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok: "aws:cloudcontrol/getResource:getResource",
		Args: reflect.TypeFor[struct {
			Identifier    string  `pulumi:"identifier"`
			RoleArn       *string `pulumi:"roleArn"`
			TypeName      string  `pulumi:"typeName"`
			TypeVersionID *string `pulumi:"typeVersionId"`
		}](),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			kind, name := provider.Text(properties, "typeName"), provider.Text(properties, "identifier")
			if kind != "AWS::ECR::Repository" {
				return nil, fmt.Errorf("typeName %q: the sandbox reads AWS::ECR::Repository", kind)
			}
			repository, err := client.cloud.ECR.Get(client.Place, name)
			if err != nil {
				return nil, failed("reading", "Cloud Control API (Resource)", name, missing(err))
			}
			described := map[string]any{"RepositoryName": repository.Name, "Arn": repository.ARN()}
			if policy := client.cloud.ECR.PolicyText(repository); policy != "" {
				described["RepositoryPolicyText"] = json.RawMessage(policy)
			}
			text, err := json.Marshal(described)
			return map[string]any{"id": name, "identifier": name, "typeName": kind, "properties": string(text)}, err
		},
	}
}
