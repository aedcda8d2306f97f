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

type oidcProviderInputs struct {
	URL         string            `json:"url"`
	ClientIDs   []string          `json:"clientIdLists"`
	Thumbprints []string          `json:"thumbprintLists"`
	Tags        map[string]string `json:"tags"`
}

// oidcProviderType has the provider's ARN as its ID. The output url lacks its
// https://, as IAM shows it, and with it the input of an import: a program that
// ignores changes of the url then fails its check, as with the real provider.
func oidcProviderType() provider.Type[*Client] {
	return provider.Kind[*Client, oidcProviderInputs, iam.OIDCProvider]{
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
		Noun: "IAM OIDC Provider", Word: failed, Gone: gone,
		Make: func(_ context.Context, client *Client, inputs oidcProviderInputs) (string, iam.OIDCProvider, error) {
			tags, err := client.tagged("IAM", "CreateOpenIDConnectProvider", inputs.Tags)
			if err != nil {
				return "", iam.OIDCProvider{}, err
			}
			made, err := client.iam.CreateOIDCProvider(iam.OIDCSettings{
				URL: inputs.URL, ClientIDs: inputs.ClientIDs, Thumbprints: inputs.Thumbprints, Tags: tags,
			})
			return made.ARN, made, err
		},
		Find: func(client *Client, id string, _ oidcProviderInputs) (iam.OIDCProvider, error) {
			return client.iam.OIDCProvider(id)
		},
		Change: func(_ context.Context, client *Client, id string, inputs oidcProviderInputs) (iam.OIDCProvider, error) {
			tags, err := client.tagged("IAM", "TagOpenIDConnectProvider", inputs.Tags)
			if err != nil {
				return iam.OIDCProvider{}, err
			}
			return client.iam.UpdateOIDCProvider(id, inputs.ClientIDs, inputs.Thumbprints, tags)
		},
		Remove: func(_ context.Context, client *Client, id string, _ oidcProviderInputs) error {
			return client.iam.DeleteOIDCProvider(id)
		},
		Show: func(client *Client, found iam.OIDCProvider, inputs oidcProviderInputs) map[string]any {
			return client.oidcProviderOutputs(found, inputs.Tags)
		},
	}.Resource()
}

// withoutScheme is an issuer as IAM names it.
func withoutScheme(issuer string) string { return strings.TrimPrefix(issuer, "https://") }

func (c *Client) oidcProviderOutputs(found iam.OIDCProvider, own map[string]string) map[string]any {
	outputs := map[string]any{
		"arn":             found.ARN,
		"clientIdLists":   anyList(found.ClientIDs),
		"thumbprintLists": anyList(found.Thumbprints),
		"url":             found.URL,
	}
	c.tagOutputs(outputs, found.Tags, own)
	return outputs
}
