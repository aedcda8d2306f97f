package aws

import (
	"context"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

type policyInputs struct {
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	Description string            `json:"description"`
	Policy      string            `json:"policy"`
	Tags        map[string]string `json:"tags"`
}

// policyType has the policy's ARN as its ID. The output attachmentCount, which
// only a refresh would change, stays away.
func policyType() provider.Type[*Client] {
	return provider.Type[*Client]{
		Tok:         "aws:iam/policy:Policy",
		Args:        pulumiiam.PolicyArgs{}.ElementType(),
		Required:    []string{"policy"},
		Computed:    []string{"arn", "policyId", "tagsAll"},
		Settled:     []string{"arn", "policyId"},
		Immutable:   []string{"description", "name", "path"},
		Defaults:    map[string]any{"path": "/"},
		DeleteFirst: collides,
		Default: func(client *Client, request plugin.CheckRequest, inputs resource.PropertyMap) error {
			if err := textual(inputs, "policy"); err != nil {
				return err
			}
			return named(iam.MaxPolicyName)(client, request, inputs)
		},
		Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
			return append(checkName(inputs, iam.MaxPolicyName), asJSON(inputs, "policy")...)
		},
		Same: samePolicyIn("policy"),
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			var inputs policyInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return "", nil, err
			}
			tags, err := client.tagged("IAM", "CreatePolicy", inputs.Tags)
			if err != nil {
				return "", nil, failed("creating IAM Policy", inputs.Name, err)
			}
			made, err := client.iam.CreatePolicy(iam.PolicySettings{
				Name: inputs.Name, Path: inputs.Path, Description: inputs.Description, Document: inputs.Policy, Tags: tags,
			})
			if err != nil {
				return "", nil, failed("creating IAM Policy", inputs.Name, err)
			}
			return made.ARN, client.policyOutputs(made, inputs.Tags), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			var known policyInputs
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			found, err := client.iam.Policy(id)
			switch {
			case fault.Has(err, iam.NoSuchEntity):
				return nil, nil
			case err != nil:
				return nil, failed("reading IAM Policy", id, err)
			}
			return client.policyOutputs(found, known.Tags), nil
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs policyInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return nil, err
			}
			tags, err := client.tagged("IAM", "TagPolicy", inputs.Tags)
			if err == nil {
				_, err = client.iam.UpdatePolicy(id, inputs.Policy)
			}
			if err != nil {
				return nil, failed("updating IAM Policy", id, err)
			}
			changed, err := client.iam.SetPolicyTags(id, tags)
			if err != nil {
				return nil, failed("updating IAM Policy", id, err)
			}
			return client.policyOutputs(changed, inputs.Tags), nil
		},
		Delete: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) error {
			if err := client.iam.DeletePolicy(id); err != nil && !fault.Has(err, iam.NoSuchEntity) {
				return failed("deleting IAM Policy", id, err)
			}
			return nil
		},
	}
}

func (c *Client) policyOutputs(policy iam.ManagedPolicy, own map[string]string) map[string]any {
	outputs := withoutEmpty(map[string]any{
		"arn":         policy.ARN,
		"description": policy.Description,
		"name":        policy.Name,
		"path":        policy.Path,
		"policy":      policy.Text,
		"policyId":    policy.ID,
	})
	c.tagOutputs(outputs, policy.Tags, own)
	return outputs
}
