package aws

import (
	"context"
	"strings"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

// oidcProviderType has the provider's ARN as its ID. The output url lacks its
// https://, as IAM shows it, and with it the input of an import: a program that
// ignores changes of the url then fails its check, as with the real provider.
func oidcProviderType() provider.Type[*Client] {
	return tagged("IAM", "CreateOpenIDConnectProvider", "TagOpenIDConnectProvider", provider.Kind[*Client, iam.OIDCSettings, iam.OIDCProvider]{
		Type: provider.Type[*Client]{
			Tok:       "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
			Args:      pulumiiam.OpenIdConnectProviderArgs{}.ElementType(),
			Required:  []string{"clientIdLists"},
			Computed:  []string{"arn", "tagsAll", "thumbprintLists"},
			Settled:   []string{"arn", "thumbprintLists"},
			Immutable: []string{"url"},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				if url := provider.Text(inputs, "url"); inputs.HasValue("url") && !strings.HasPrefix(url, "https://") {
					return []plugin.CheckFailure{failure("url", `%q has an invalid URL: want https://`, url)}
				}
				return nil
			},
			Same: func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
				return property == "url" && old.IsString() && new.IsString() && withoutScheme(old.StringValue()) == withoutScheme(new.StringValue())
			},
		},
		Noun: "IAM OIDC Provider",
		Make: func(_ context.Context, client *Client, inputs iam.OIDCSettings) (string, iam.OIDCProvider, error) {
			made, err := client.iam.CreateOIDCProvider(inputs)
			return made.ARN, made, err
		},
		Find: func(client *Client, id string, _ iam.OIDCSettings) (iam.OIDCProvider, error) {
			return client.iam.OIDCProvider(id)
		},
		Change: func(_ context.Context, client *Client, id string, inputs iam.OIDCSettings) (iam.OIDCProvider, error) {
			return client.iam.UpdateOIDCProvider(id, inputs.ClientIDs, inputs.Thumbprints, inputs.Tags)
		},
		Remove: func(_ context.Context, client *Client, id string, _ iam.OIDCSettings) error {
			return client.iam.DeleteOIDCProvider(id)
		},
		Show: func(_ *Client, found iam.OIDCProvider, _ iam.OIDCSettings) map[string]any {
			return map[string]any{"arn": found.ARN, "clientIdLists": found.ClientIDs, "thumbprintLists": found.Thumbprints, "url": found.URL}
		},
	})
}

// withoutScheme is an issuer as IAM names it.
func withoutScheme(issuer string) string { return strings.TrimPrefix(issuer, "https://") }
