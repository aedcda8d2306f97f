package azure

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

type credentialInputs struct {
	ResourceGroup string `json:"resourceGroupName"`
	Identity      string `json:"resourceName"`
	Resource      string `json:"federatedIdentityCredentialResourceName"`
	Credential
}

func credentialType() provider.Type[*Client] {
	return provider.Kind[*Client, credentialInputs, Credential]{
		Type: provider.Type[*Client]{
			Tok:         "azure-native:managedidentity:FederatedIdentityCredential",
			Args:        managedidentity.FederatedIdentityCredentialArgs{}.ElementType(),
			Required:    []string{"audiences"},
			Computed:    []string{"name", "type"},
			Settled:     []string{"name"},
			Immutable:   []string{"federatedIdentityCredentialResourceName", "resourceGroupName", "resourceName"},
			DeleteFirst: true, // names are unique
			Name:        "federatedIdentityCredentialResourceName",
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				const property = "federatedIdentityCredentialResourceName"
				if name, given := inputs[property]; !given || credentialName.MatchString(provider.Text(inputs, property)) || name.IsNull() {
					return nil
				}
				return []plugin.CheckFailure{{
					Property: property,
					Reason:   fmt.Sprintf("'%s' does not match expression '%s'", property, namePattern),
				}}
			},
			Identify: func(id string) (map[string]any, error) {
				path, err := parseID(id, true)
				return map[string]any{
					"resourceGroupName": path.group,
					"resourceName":      path.identity,
					"federatedIdentityCredentialResourceName": path.credential,
				}, err
			},
		},
		Word: asIs, Gone: isGone,
		Make: func(ctx context.Context, client *Client, inputs credentialInputs) (string, Credential, error) {
			id := credentialID(identityID(client.subscription, inputs.ResourceGroup, inputs.Identity), inputs.Resource)
			_, err := client.getCredential(inputs.ResourceGroup, inputs.Identity, inputs.Resource)
			if err := absent(id, err); err != nil {
				return "", Credential{}, err
			}
			made, err := client.putCredentialOf(ctx, inputs)
			return id, made, err
		},
		Find: func(client *Client, id string, _ credentialInputs) (Credential, error) {
			path, err := client.parse(id, true)
			if err != nil {
				return Credential{}, err
			}
			return client.getCredential(path.group, path.identity, path.credential)
		},
		Change: func(ctx context.Context, client *Client, _ string, inputs credentialInputs) (Credential, error) {
			return client.putCredentialOf(ctx, inputs)
		},
		Remove: func(ctx context.Context, client *Client, id string, _ credentialInputs) error {
			path, err := client.parse(id, true)
			if err != nil {
				return err
			}
			return client.deleteCredential(ctx, path.group, path.identity, path.credential)
		},
		Show: func(_ *Client, credential Credential, _ credentialInputs) map[string]any {
			outputs := provider.Encode(credential)
			outputs["type"] = credentialKind
			return outputs
		},
	}.Resource()
}

func (c *Client) putCredentialOf(ctx context.Context, inputs credentialInputs) (Credential, error) {
	inputs.Name = inputs.Resource
	return inputs.Credential, c.putCredential(ctx, inputs.ResourceGroup, inputs.Identity, inputs.Credential)
}
