package azure

import (
	"context"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/sandbox/provider"
)

// functions are the look-ups that programs make.
func functions() []provider.Function[*Client] {
	type named struct {
		ResourceGroup string `json:"resourceGroupName" pulumi:"resourceGroupName"`
		Name          string `json:"resourceName" pulumi:"resourceName"`
	}
	return []provider.Function[*Client]{
		{
			Tok:  "azure-native:managedidentity:getUserAssignedIdentity",
			Args: reflect.TypeFor[named](),
			Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
				var args named
				if err := provider.Decode(properties, &args); err != nil {
					return nil, err
				}
				identity, err := client.getIdentity(args.ResourceGroup, args.Name)
				if err != nil {
					return nil, err
				}
				if identity == nil {
					return nil, resourceNotFound(identityKind, args.Name, args.ResourceGroup)
				}
				result := identityOutputs(*identity)
				result["id"] = identity.ID()
				return result, nil
			},
		},
		{
			Tok:  "azure-native:containerservice:getManagedCluster",
			Args: reflect.TypeFor[named](),
			Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
				var args named
				if err := provider.Decode(properties, &args); err != nil {
					return nil, err
				}
				return client.getCluster(args.ResourceGroup, args.Name)
			},
		},
	}
}
