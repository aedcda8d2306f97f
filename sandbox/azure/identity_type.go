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
	return provider.Kind[*Client, identityInputs, Identity]{
		Type: provider.Type[*Client]{
			Tok:         "azure-native:managedidentity:UserAssignedIdentity",
			Args:        managedidentity.UserAssignedIdentityArgs{}.ElementType(),
			Required:    []string{"location"},
			Computed:    []string{"clientId", "name", "principalId", "tenantId", "type"},
			Settled:     []string{"name"},
			Immutable:   []string{"location", "resourceGroupName", "resourceName"},
			DeleteFirst: true, // names are unique
			Name:        "resourceName",
			Default:     defaultLocation,
			Same: func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
				return property == "location" && old.IsString() && new.IsString() &&
					normalLocation(old.StringValue()) == normalLocation(new.StringValue())
			},
			Identify: func(id string) (map[string]any, error) {
				path, err := parseID(id, false)
				return map[string]any{"resourceGroupName": path.group, "resourceName": path.identity}, err
			},
		},
		Word: asIs, Gone: isGone,
		Make: func(_ context.Context, client *Client, inputs identityInputs) (string, Identity, error) {
			existing, err := client.getIdentity(inputs.ResourceGroup, inputs.Name)
			if err := absent(existing.ID(), err); err != nil {
				return "", Identity{}, err
			}
			identity, err := client.putIdentity(inputs)
			return identity.ID(), identity, err
		},
		Find: func(client *Client, id string, _ identityInputs) (Identity, error) {
			path, err := client.parse(id, false)
			if err != nil {
				return Identity{}, err
			}
			return client.getIdentity(path.group, path.identity)
		},
		Change: func(_ context.Context, client *Client, _ string, inputs identityInputs) (Identity, error) {
			return client.putIdentity(inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, _ identityInputs) error {
			path, err := client.parse(id, false)
			if err != nil {
				return err
			}
			return client.deleteIdentity(path.group, path.identity)
		},
		Show: func(_ *Client, identity Identity, _ identityInputs) map[string]any { return identityOutputs(identity) },
	}.Resource()
}

// defaultLocation follows azure-native: the resource's own, the configured one,
// or the resource group's.
func defaultLocation(client *Client, request plugin.CheckRequest, inputs resource.PropertyMap) {
	if inputs.HasValue("location") {
		return
	}
	if old, had := request.Olds["location"]; had {
		inputs["location"] = old
	} else if client.location != "" {
		inputs["location"] = resource.NewStringProperty(client.location)
	} else if inputs["resourceGroupName"].ContainsUnknowns() {
		inputs["location"] = resource.MakeComputed(resource.NewStringProperty(""))
	} else if _, group, err := client.group(provider.Text(inputs, "resourceGroupName")); err == nil {
		// A group that cannot be found leaves the location missing, which is then refused.
		inputs["location"] = resource.NewStringProperty(group.Location)
	}
}

func identityOutputs(identity Identity) map[string]any {
	outputs := provider.Encode(identity.IdentityProperties)
	outputs["type"] = identityKind
	return outputs
}
