package azure

import (
	"context"

	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

type identityInputs struct {
	ResourceGroup string            `json:"resourceGroupName"`
	Name          string            `json:"resourceName"`
	Location      string            `json:"location"`
	Tags          map[string]string `json:"tags"`
}

func identityType() provider.Type[*Client] {
	put := func(ctx context.Context, client *Client, inputs identityInputs) (string, map[string]any, error) {
		identity, err := client.putIdentity(ctx, inputs.ResourceGroup, inputs.Name, inputs.Location, inputs.Tags)
		if err != nil {
			return "", nil, err
		}
		return identity.ID(), identityOutputs(identity), nil
	}
	return provider.Type[*Client]{
		Tok:         "azure-native:managedidentity:UserAssignedIdentity",
		Args:        managedidentity.UserAssignedIdentityArgs{}.ElementType(),
		Required:    []string{"location"},
		Computed:    []string{"clientId", "name", "principalId", "tenantId", "type"},
		Settled:     []string{"name"},
		Immutable:   []string{"location", "resourceGroupName", "resourceName"},
		DeleteFirst: deleteFirst,
		Default: func(client *Client, request plugin.CheckRequest, inputs resource.PropertyMap) error {
			defaultLocation(client, request, inputs)
			return defaultName(request, inputs, "resourceName")
		},
		Same: func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
			return property == "location" && old.IsString() && new.IsString() &&
				normalLocation(old.StringValue()) == normalLocation(new.StringValue())
		},
		Create: func(ctx context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			var inputs identityInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return "", nil, err
			}
			existing, err := client.getIdentity(inputs.ResourceGroup, inputs.Name)
			if err != nil {
				return "", nil, err
			}
			if existing != nil {
				return "", nil, alreadyExists(existing.ID())
			}
			return put(ctx, client, inputs)
		},
		Read: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) (map[string]any, error) {
			path, err := client.parse(id, false)
			if err != nil {
				return nil, err
			}
			identity, err := client.getIdentity(path.group, path.identity)
			if identity == nil {
				return nil, unlessGroupGone(err)
			}
			return identityOutputs(*identity), nil
		},
		Update: func(ctx context.Context, client *Client, _ string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs identityInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return nil, err
			}
			_, outputs, err := put(ctx, client, inputs)
			return outputs, err
		},
		Delete: func(ctx context.Context, client *Client, id string, _ resource.PropertyMap) error {
			path, err := client.parse(id, false)
			if err != nil {
				return err
			}
			return unlessGroupGone(client.deleteIdentity(ctx, path.group, path.identity))
		},
		Identify: func(id string) (map[string]any, error) {
			path, err := parseID(id, false)
			return map[string]any{"resourceGroupName": path.group, "resourceName": path.identity}, err
		},
	}
}

// defaultLocation follows azure-native: the resource's own, the configured one,
// or the resource group's.
func defaultLocation(client *Client, request plugin.CheckRequest, inputs resource.PropertyMap) {
	if inputs.HasValue("location") {
		return
	}
	if old, had := request.Olds["location"]; had {
		inputs["location"] = old
		return
	}
	if client.location != "" {
		inputs["location"] = resource.NewStringProperty(client.location)
		return
	}
	if group := inputs["resourceGroupName"]; group.ContainsUnknowns() {
		inputs["location"] = resource.MakeComputed(resource.NewStringProperty(""))
		return
	}
	// A group that cannot be found leaves the location missing, which is then refused.
	if _, group, err := client.group(provider.Text(inputs, "resourceGroupName")); err == nil {
		inputs["location"] = resource.NewStringProperty(group.Location)
	}
}

func identityOutputs(identity Identity) map[string]any {
	outputs := map[string]any{
		"clientId":    identity.ClientID,
		"location":    identity.Location,
		"name":        identity.Name,
		"principalId": identity.PrincipalID,
		"tenantId":    identity.TenantID,
		"type":        identityKind,
	}
	if len(identity.Tags) > 0 {
		outputs["tags"] = anyMap(identity.Tags)
	}
	return outputs
}

func anyMap(values map[string]string) map[string]any {
	result := make(map[string]any, len(values))
	for key, value := range values {
		result[key] = value
	}
	return result
}
