package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	pulumiecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	pulumieks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/fault"
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

func getPartition() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:index/getPartition:getPartition",
		Args: pulumiaws.GetPartitionOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, _ resource.PropertyMap) (map[string]any, error) {
			partition := client.Partition()
			return map[string]any{
				"dnsSuffix":        partition.Suffix,
				"id":               partition.Name,
				"partition":        partition.Name,
				"reverseDnsPrefix": partition.ReversePrefix,
			}, nil
		},
	}
}

// getRole describes a role, whoever made it.
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
				"arn":                 role.ARN,
				"assumeRolePolicy":    client.cloud.IAM.Text(role.Trust),
				"createDate":          role.CreateTime.Format(time.RFC3339),
				"description":         role.Description,
				"id":                  role.Name,
				"maxSessionDuration":  role.MaxSession,
				"name":                role.Name,
				"path":                role.Path,
				"permissionsBoundary": role.Boundary,
				"roleLastUseds":       []any{},
				"tags":                anyMap(role.Tags),
				"uniqueId":            role.ID,
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
				"arn":                    cluster.ARN(),
				"certificateAuthorities": []any{},
				"clusterId":              "",
				"computeConfigs":         []any{},
				"createdAt":              time.Time{}.Format(time.RFC3339),
				"enabledClusterLogTypes": []any{},
				"endpoint":               "",
				"id":                     cluster.Name,
				"identities": []any{map[string]any{
					"oidcs": []any{map[string]any{"issuer": cluster.Issuer}},
				}},
				"kubernetesNetworkConfigs": []any{},
				"name":                     cluster.Name,
				"outpostConfigs":           []any{},
				"platformVersion":          "eks.1",
				"remoteNetworkConfigs":     []any{},
				"roleArn":                  "",
				"status":                   "ACTIVE",
				"storageConfigs":           []any{},
				"tags":                     map[string]any{},
				"upgradePolicies":          []any{},
				"version":                  cluster.KubernetesVersion,
				"vpcConfig":                map[string]any{},
				"zonalShiftConfigs":        []any{},
			}, nil
		},
	}
}

// getRepository describes a repository of the caller's account, whoever made it.
func getRepository() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "aws:ecr/getRepository:getRepository",
		Args: pulumiecr.LookupRepositoryOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			name := provider.Text(properties, "name")
			place := client.Place
			if registry := provider.Text(properties, "registryId"); registry != "" && registry != place.Account {
				return nil, failed("reading", "ECR Repository", name, fault.API("ECR").Refuse("DescribeRepositories", 400, "AccessDeniedException",
					"User: %s is not authorized to perform: ecr:DescribeRepositories on resource: %s because no resource-based policy allows the ecr:DescribeRepositories action",
					client.Global("iam", "user/administrator"), arn.Place{Account: registry, Region: place.Region}.ARN("ecr", "repository/"+name)))
			}
			repository, found := client.cloud.ECR.Repository(place, name)
			if !found {
				return nil, fmt.Errorf("reading ECR Repository (%s): couldn't find resource", name)
			}
			return client.describe(repository), nil
		},
	}
}

func (c *Client) describe(repository ecr.Repository) map[string]any {
	newest := c.cloud.ECR.Tags(repository)
	encryption := encryptionOf(repository)
	if _, given := encryption["kmsKey"]; !given {
		encryption["kmsKey"] = ""
	}
	return map[string]any{
		"arn":                         repository.ARN(),
		"encryptionConfigurations":    []any{encryption},
		"id":                          repository.Name,
		"imageScanningConfigurations": []any{map[string]any{"scanOnPush": repository.ScanOnPush}},
		"imageTagMutability":          repository.Mutability,
		"mostRecentImageTags":         anyList(newest[:min(1, len(newest))]),
		"name":                        repository.Name,
		"registryId":                  repository.Account,
		"repositoryUrl":               repository.URI(),
		"tags":                        anyMap(repository.Tags),
	}
}
