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
	ResourceGroup string   `json:"resourceGroupName"`
	Identity      string   `json:"resourceName"`
	Name          string   `json:"federatedIdentityCredentialResourceName"`
	Issuer        string   `json:"issuer"`
	Subject       string   `json:"subject"`
	Audiences     []string `json:"audiences"`
}

func (i credentialInputs) credential() Credential {
	return Credential{Name: i.Name, Issuer: i.Issuer, Subject: i.Subject, Audiences: i.Audiences}
}

func credentialType() provider.Type[*Client] {
	return provider.Type[*Client]{
		Tok:         "azure-native:managedidentity:FederatedIdentityCredential",
		Args:        managedidentity.FederatedIdentityCredentialArgs{}.ElementType(),
		Required:    []string{"audiences"},
		Computed:    []string{"name", "type"},
		Settled:     []string{"name"},
		Immutable:   []string{"federatedIdentityCredentialResourceName", "resourceGroupName", "resourceName"},
		DeleteFirst: deleteFirst,
		Default: func(_ *Client, request plugin.CheckRequest, inputs resource.PropertyMap) error {
			return defaultName(request, inputs, "federatedIdentityCredentialResourceName")
		},
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
		Create: func(ctx context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			var inputs credentialInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return "", nil, err
			}
			id := credentialID(identityID(client.subscription, inputs.ResourceGroup, inputs.Identity), inputs.Name)
			existing, err := client.getCredential(inputs.ResourceGroup, inputs.Identity, inputs.Name)
			if err != nil {
				return "", nil, err
			}
			if existing != nil {
				return "", nil, alreadyExists(id)
			}
			if err := client.putCredential(ctx, inputs.ResourceGroup, inputs.Identity, inputs.credential()); err != nil {
				return "", nil, err
			}
			return id, credentialOutputs(inputs.credential()), nil
		},
		Read: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) (map[string]any, error) {
			path, err := client.parse(id, true)
			if err != nil {
				return nil, err
			}
			credential, err := client.getCredential(path.group, path.identity, path.credential)
			if credential == nil {
				return nil, unlessGroupGone(err)
			}
			return credentialOutputs(*credential), nil
		},
		Update: func(ctx context.Context, client *Client, _ string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs credentialInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return nil, err
			}
			if err := client.putCredential(ctx, inputs.ResourceGroup, inputs.Identity, inputs.credential()); err != nil {
				return nil, err
			}
			return credentialOutputs(inputs.credential()), nil
		},
		Delete: func(ctx context.Context, client *Client, id string, _ resource.PropertyMap) error {
			path, err := client.parse(id, true)
			if err != nil {
				return err
			}
			return unlessGroupGone(client.deleteCredential(ctx, path.group, path.identity, path.credential))
		},
		Identify: func(id string) (map[string]any, error) {
			path, err := parseID(id, true)
			return map[string]any{
				"resourceGroupName": path.group,
				"resourceName":      path.identity,
				"federatedIdentityCredentialResourceName": path.credential,
			}, err
		},
	}
}

func credentialOutputs(credential Credential) map[string]any {
	audiences := make([]any, len(credential.Audiences))
	for i, audience := range credential.Audiences {
		audiences[i] = audience
	}
	return map[string]any{
		"audiences": audiences,
		"issuer":    credential.Issuer,
		"name":      credential.Name,
		"subject":   credential.Subject,
		"type":      credentialKind,
	}
}
