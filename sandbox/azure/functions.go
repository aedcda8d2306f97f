package azure

import (
	"context"
	"reflect"

	"github.com/google/uuid"
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
		{
			Tok:  "azure-native:authorization:getClientConfig",
			Args: reflect.TypeFor[struct{}](),
			Run: func(_ context.Context, client *Client, _ resource.PropertyMap) (map[string]any, error) {
				tenant, subscription, err := client.account()
				if err != nil {
					return nil, err
				}
				clientID := client.clientID
				if clientID == "" {
					clientID = azureCLI
				}
				return map[string]any{
					"clientId":       clientID,
					"objectId":       uuid.NewSHA1(uuid.NameSpaceURL, []byte(tenant+"/"+clientID)).String(),
					"subscriptionId": subscription.ID,
					"tenantId":       tenant,
				}, nil
			},
		},
	}
}

// azureCLI is the client ID of the Azure CLI, the same in every tenant: who the
// caller is where the configuration names no application.
const azureCLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
