package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

// rolePolicyType is an inline policy; its ID is ROLE:NAME.
func rolePolicyType() provider.Type[*Client] {
	outputs := func(role, name, text string) map[string]any {
		return map[string]any{"name": name, "policy": text, "role": role}
	}
	put := func(client *Client, properties resource.PropertyMap) (map[string]any, error) {
		role, name, text := provider.Text(properties, "role"), provider.Text(properties, "name"), provider.Text(properties, "policy")
		if err := client.iam.PutRolePolicy(role, name, text); err != nil {
			return nil, fmt.Errorf("putting IAM Role (%s) Policy (%s): %w", role, name, err)
		}
		return outputs(role, name, text), nil
	}
	return provider.Type[*Client]{
		Tok:         "aws:iam/rolePolicy:RolePolicy",
		Args:        pulumiiam.RolePolicyArgs{}.ElementType(),
		Required:    []string{"policy", "role"},
		Immutable:   []string{"name", "role"},
		DeleteFirst: collides,
		Default: func(client *Client, request plugin.CheckRequest, inputs resource.PropertyMap) error {
			if err := textual(inputs, "policy"); err != nil {
				return err
			}
			return named(iam.MaxPolicyName)(client, request, inputs)
		},
		Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
			found := append(checkName(inputs, iam.MaxPolicyName), asJSON(inputs, "policy")...)
			return append(found, checkRoleName(inputs)...)
		},
		Same: samePolicyIn("policy"),
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			made, err := put(client, properties)
			return provider.Text(properties, "role") + ":" + provider.Text(properties, "name"), made, err
		},
		Read: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) (map[string]any, error) {
			roleName, name, both := strings.Cut(id, ":")
			if !both {
				return nil, fmt.Errorf("ID %q: want ROLE:POLICY-NAME", id)
			}
			role, err := client.iam.Role(roleName)
			text, found := role.Inline[name]
			switch {
			case fault.Has(err, iam.NoSuchEntity), err == nil && !found:
				return nil, nil
			case err != nil:
				return nil, failed("reading IAM Role Policy", id, err)
			}
			return outputs(role.Name, name, text), nil
		},
		Update: func(_ context.Context, client *Client, _ string, properties resource.PropertyMap) (map[string]any, error) {
			return put(client, properties)
		},
		Delete: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) error {
			role, name, _ := strings.Cut(id, ":")
			if err := client.iam.DeleteRolePolicy(role, name); err != nil && !fault.Has(err, iam.NoSuchEntity) {
				return failed("deleting IAM Role Policy", id, err)
			}
			return nil
		},
	}
}

// checkRoleName refuses a role that is given by its ARN where its name is wanted.
func checkRoleName(inputs resource.PropertyMap) []plugin.CheckFailure {
	if role := provider.Text(inputs, "role"); inputs.HasValue("role") && (role == "" || !iamName.MatchString(role)) {
		return []plugin.CheckFailure{failure("role", `invalid value for role (must match [\w+=,.@-]): %q: want the role's name, not its ARN`, role)}
	}
	return nil
}

// rolePolicyAttachmentType attaches a managed policy to a role. Replacements
// delete first: the old attachment and the new one may be the same.
func rolePolicyAttachmentType() provider.Type[*Client] {
	outputs := func(role, policy string) map[string]any { return map[string]any{"policyArn": policy, "role": role} }
	return provider.Type[*Client]{
		Tok:       "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
		Args:      pulumiiam.RolePolicyAttachmentArgs{}.ElementType(),
		Required:  []string{"role"},
		Immutable: []string{"policyArn", "role"},
		Adopted: func(outputs map[string]any) string {
			return fmt.Sprintf("%s-%s", outputs["role"], outputs["policyArn"])
		},
		DeleteFirst: func(resource.PropertyMap) bool { return true },
		Validate:    checkRoleName,
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			role, policy := provider.Text(properties, "role"), provider.Text(properties, "policyArn")
			if err := client.iam.AttachRolePolicy(role, policy); err != nil {
				return "", nil, fmt.Errorf("attaching IAM Policy (%s) to IAM Role (%s): %w", policy, role, err)
			}
			// The real ID is unique in the same way and says as little.
			return fmt.Sprintf("%s-%s", role, client.cloud.now().UTC().Format("20060102150405.000000000")), outputs(role, policy), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			name, policy := provider.Text(state, "role"), provider.Text(state, "policyArn")
			if state == nil {
				var both bool
				if name, policy, both = strings.Cut(id, "/"); !both {
					return nil, fmt.Errorf("ID %q: want ROLE/POLICY-ARN", id)
				}
			}
			role, err := client.iam.Role(name)
			switch {
			case fault.Has(err, iam.NoSuchEntity), err == nil && !slices.Contains(role.Attached, policy):
				return nil, nil
			case err != nil:
				return nil, failed("reading IAM Role Policy Attachment", id, err)
			}
			return outputs(role.Name, policy), nil
		},
		Delete: func(_ context.Context, client *Client, _ string, state resource.PropertyMap) error {
			role, policy := provider.Text(state, "role"), provider.Text(state, "policyArn")
			if err := client.iam.DetachRolePolicy(role, policy); err != nil && !fault.Has(err, iam.NoSuchEntity) {
				return fmt.Errorf("detaching IAM Policy (%s) from IAM Role (%s): %w", policy, role, err)
			}
			return nil
		},
	}
}
