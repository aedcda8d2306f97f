package azure

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"waybill.example/waybill/sandbox/provider"
)

// functions are the look-ups that programs make.
func functions() []provider.Function[*Client] {
	type named struct {
		ResourceGroup string `json:"resourceGroupName" pulumi:"resourceGroupName"`
		Name          string `json:"resourceName" pulumi:"resourceName"`
	}
	return []provider.Function[*Client]{
		provider.LookUp("azure-native:managedidentity:getUserAssignedIdentity", reflect.TypeFor[named](), func(client *Client, args named) (map[string]any, error) {
			identity, err := client.getIdentity(args.ResourceGroup, args.Name)
			if err != nil {
				return nil, err
			}
			result := identityOutputs(identity)
			result["id"] = identity.ID()
			return result, nil
		}),
		provider.LookUp("azure-native:containerservice:getManagedCluster", reflect.TypeFor[named](), func(client *Client, args named) (map[string]any, error) {
			return client.getCluster(args.ResourceGroup, args.Name)
		}),
	}
}

const clusterKind = "Microsoft.ContainerService/managedClusters"

// clusterVersion is the version of a cluster whose world names none: that of
// the sandbox's own control plane.
const clusterVersion = "1.34.2"

// getCluster describes an AKS cluster with what azure-native's
// getManagedCluster returns about its identity, version and issuer. Node pools,
// networks and add-ons are left out.
func (c *Client) getCluster(group, name string) (map[string]any, error) {
	_, holder, err := c.group(group)
	if err != nil {
		return nil, err
	}
	for _, cluster := range holder.Clusters {
		if !strings.EqualFold(cluster.Name, name) {
			continue
		}
		version := cmp.Or(cluster.KubernetesVersion, clusterVersion)
		issuer := map[string]any{"enabled": cluster.Issuer != ""}
		if cluster.Issuer != "" {
			issuer["issuerURL"] = cluster.Issuer
		}
		return map[string]any{
			"id":                       fmt.Sprintf("/subscriptions/%s/resourcegroups/%s/providers/%s/%s", c.subscription, holder.Name, clusterKind, cluster.Name),
			"name":                     cluster.Name,
			"type":                     clusterKind,
			"location":                 holder.Location,
			"kubernetesVersion":        version,
			"currentKubernetesVersion": version,
			"provisioningState":        "Succeeded",
			"oidcIssuerProfile":        issuer,
		}, nil
	}
	return nil, resourceNotFound(clusterKind, name, group)
}
