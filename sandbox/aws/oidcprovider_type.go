package aws

import (
	"context"
	"fmt"
	"strings"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/fault"
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
	const noun = "IAM OIDC Provider"
	return provider.Type[*Client]{
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
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			var inputs oidcProviderInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return "", nil, err
			}
			tags, err := client.tagged("IAM", "CreateOpenIDConnectProvider", inputs.Tags)
			if err != nil {
				return "", nil, fmt.Errorf("creating %s: %w", noun, err)
			}
			made, err := client.iam.CreateOIDCProvider(iam.OIDCSettings{
				URL: inputs.URL, ClientIDs: inputs.ClientIDs, Thumbprints: inputs.Thumbprints, Tags: tags,
			})
			if err != nil {
				return "", nil, fmt.Errorf("creating %s: %w", noun, err)
			}
			return made.ARN, client.oidcProviderOutputs(made, inputs.Tags), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			var known oidcProviderInputs
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			found, err := client.iam.OIDCProvider(id)
			switch {
			case fault.Has(err, iam.NoSuchEntity):
				return nil, nil
			case err != nil:
				return nil, failed("reading "+noun, id, err)
			}
			return client.oidcProviderOutputs(found, known.Tags), nil
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs oidcProviderInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return nil, err
			}
			tags, err := client.tagged("IAM", "TagOpenIDConnectProvider", inputs.Tags)
			if err != nil {
				return nil, failed("updating "+noun, id, err)
			}
			changed, err := client.iam.UpdateOIDCProvider(id, inputs.ClientIDs, inputs.Thumbprints, tags)
			if err != nil {
				return nil, failed("updating "+noun, id, err)
			}
			return client.oidcProviderOutputs(changed, inputs.Tags), nil
		},
		Delete: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) error {
			if err := client.iam.DeleteOIDCProvider(id); err != nil && !fault.Has(err, iam.NoSuchEntity) {
				return failed("deleting "+noun, id, err)
			}
			return nil
		},
	}
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
