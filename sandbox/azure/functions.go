package azure

import (
	"reflect"

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
			if identity == nil {
				return nil, resourceNotFound(identityKind, args.Name, args.ResourceGroup)
			}
			result := identityOutputs(nil, *identity, identityInputs{})
			result["id"] = identity.ID()
			return result, nil
		}),
		provider.LookUp("azure-native:containerservice:getManagedCluster", reflect.TypeFor[named](), func(client *Client, args named) (map[string]any, error) {
			return client.getCluster(args.ResourceGroup, args.Name)
		}),
	}
}
