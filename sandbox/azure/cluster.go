package azure

import (
	"cmp"
	"fmt"
	"strings"
)

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
			"nodeResourceGroup":        fmt.Sprintf("MC_%s_%s_%s", holder.Name, cluster.Name, holder.Location),
			"provisioningState":        "Succeeded",
			"powerState":               map[string]any{"code": "Running"},
			"oidcIssuerProfile":        issuer,
		}, nil
	}
	return nil, resourceNotFound(clusterKind, name, group)
}
