package aws

import (
	"context"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

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
	return provider.Kind[*Client, policyInputs, iam.ManagedPolicy]{
		Type: provider.Type[*Client]{
			Tok:         "aws:iam/policy:Policy",
			Args:        pulumiiam.PolicyArgs{}.ElementType(),
			Required:    []string{"policy"},
			Computed:    []string{"arn", "policyId", "tagsAll"},
			Settled:     []string{"arn", "policyId"},
			Immutable:   []string{"description", "name", "path"},
			Defaults:    map[string]any{"path": "/"},
			DeleteFirst: collides,
			Default:     named(iam.MaxPolicyName, "policy"),
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				return append(checkName(inputs, iam.MaxPolicyName), asJSON(inputs, "policy")...)
			},
			Same: samePolicyIn("policy"),
		},
		Noun: "IAM Policy", Word: failed, Gone: gone,
		Subject: func(inputs policyInputs) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs policyInputs) (string, iam.ManagedPolicy, error) {
			tags, err := client.tagged("IAM", "CreatePolicy", inputs.Tags)
			if err != nil {
				return "", iam.ManagedPolicy{}, err
			}
			made, err := client.iam.CreatePolicy(iam.PolicySettings{
				Name: inputs.Name, Path: inputs.Path, Description: inputs.Description, Document: inputs.Policy, Tags: tags,
			})
			return made.ARN, made, err
		},
		Find: func(client *Client, id string, _ policyInputs) (iam.ManagedPolicy, error) {
			return client.iam.Policy(id)
		},
		Change: func(_ context.Context, client *Client, id string, inputs policyInputs) (iam.ManagedPolicy, error) {
			tags, err := client.tagged("IAM", "TagPolicy", inputs.Tags)
			if err != nil {
				return iam.ManagedPolicy{}, err
			}
			if _, err := client.iam.UpdatePolicy(id, inputs.Policy); err != nil {
				return iam.ManagedPolicy{}, err
			}
			return client.iam.SetPolicyTags(id, tags)
		},
		Remove: func(_ context.Context, client *Client, id string, _ policyInputs) error {
			return client.iam.DeletePolicy(id)
		},
		Show: func(client *Client, policy iam.ManagedPolicy, inputs policyInputs) map[string]any {
			return client.policyOutputs(policy, inputs.Tags)
		},
	}.Resource()
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
