package aws

import (
	"context"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

// policyType has the policy's ARN as its ID. The output attachmentCount, which
// only a refresh would change, stays away.
func policyType() provider.Type[*Client] {
	return tagged("IAM", "CreatePolicy", "TagPolicy", provider.Kind[*Client, iam.PolicySettings, iam.ManagedPolicy]{
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
		Noun:    "IAM Policy",
		Subject: func(inputs iam.PolicySettings) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs iam.PolicySettings) (string, iam.ManagedPolicy, error) {
			made, err := client.iam.CreatePolicy(inputs)
			return made.ARN, made, err
		},
		Find: func(client *Client, id string, _ iam.PolicySettings) (iam.ManagedPolicy, error) {
			return client.iam.Policy(id)
		},
		Change: func(_ context.Context, client *Client, id string, inputs iam.PolicySettings) (iam.ManagedPolicy, error) {
			if _, err := client.iam.UpdatePolicy(id, inputs.Document); err != nil {
				return iam.ManagedPolicy{}, err
			}
			return client.iam.SetPolicyTags(id, inputs.Tags)
		},
		Remove: func(_ context.Context, client *Client, id string, _ iam.PolicySettings) error {
			return client.iam.DeletePolicy(id)
		},
		Show: func(_ *Client, policy iam.ManagedPolicy, _ iam.PolicySettings) map[string]any {
			return map[string]any{
				"arn":         policy.ARN,
				"description": policy.Description,
				"name":        policy.Name,
				"path":        policy.Path,
				"policy":      policy.Text,
				"policyId":    policy.ID,
			}
		},
	})
}
