package aws

import (
	"context"
	"errors"
	"fmt"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
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
