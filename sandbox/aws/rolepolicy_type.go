package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

type rolePolicy struct {
	Role   string `json:"role"`
	Name   string `json:"name"`
	Policy string `json:"policy"`
}

// rolePolicyType is an inline policy; its ID is ROLE:NAME.
func rolePolicyType() provider.Type[*Client] {
	return provider.Kind[*Client, rolePolicy, rolePolicy]{
		Type: provider.Type[*Client]{
			Tok:         "aws:iam/rolePolicy:RolePolicy",
			Args:        pulumiiam.RolePolicyArgs{}.ElementType(),
			Required:    []string{"policy", "role"},
			Immutable:   []string{"name", "role"},
			DeleteFirst: true,
			Name:        "name",
			Unmodelled:  []resource.PropertyKey{"namePrefix"},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				found := append(checkName(inputs, iam.MaxPolicyName), asJSON(inputs, "policy")...)
				return append(found, checkRoleName(inputs)...)
			},
			Same: samePolicyIn("policy"),
		},
		Noun: "IAM Role Policy", Word: putting, Gone: gone,
		Subject: func(wish rolePolicy) string { return wish.Role + ":" + wish.Name },
		Make: func(_ context.Context, client *Client, wish rolePolicy) (string, rolePolicy, error) {
			return wish.Role + ":" + wish.Name, wish, client.iam.PutRolePolicy(wish.Role, wish.Name, wish.Policy)
		},
		Find: func(client *Client, id string, _ rolePolicy) (rolePolicy, error) {
			roleName, name, both := strings.Cut(id, ":")
			if !both {
				return rolePolicy{}, errors.New("want ROLE:POLICY-NAME")
			}
			role, err := client.iam.Role(roleName)
			text, found := role.Inline[name]
			if err == nil && !found {
				err = errGone
			}
			return rolePolicy{role.Name, name, text}, err
		},
		Change: func(_ context.Context, client *Client, _ string, wish rolePolicy) (rolePolicy, error) {
			return wish, client.iam.PutRolePolicy(wish.Role, wish.Name, wish.Policy)
		},
		Remove: func(_ context.Context, client *Client, id string, _ rolePolicy) error {
			role, name, _ := strings.Cut(id, ":")
			return client.iam.DeleteRolePolicy(role, name)
		},
		Show: func(_ *Client, held, _ rolePolicy) map[string]any {
			return map[string]any{"name": held.Name, "policy": held.Policy, "role": held.Role}
		},
	}.Resource()
}

// checkRoleName refuses a role that is given by its ARN where its name is wanted.
func checkRoleName(inputs resource.PropertyMap) []plugin.CheckFailure {
	if role := provider.Text(inputs, "role"); inputs.HasValue("role") && (role == "" || !iamName.MatchString(role)) {
		return []plugin.CheckFailure{failure("role", `invalid value for role (must match [\w+=,.@-]): %q: want the role's name, not its ARN`, role)}
	}
	return nil
}

type attachment struct {
	Role   string `json:"role"`
	Policy string `json:"policyArn"`
}

// rolePolicyAttachmentType attaches a managed policy to a role. Replacements
// delete first: the old attachment and the new one may be the same.
func rolePolicyAttachmentType() provider.Type[*Client] {
	return provider.Kind[*Client, attachment, attachment]{
		Type: provider.Type[*Client]{
			Tok:       "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
			Args:      pulumiiam.RolePolicyAttachmentArgs{}.ElementType(),
			Required:  []string{"role"},
			Immutable: []string{"policyArn", "role"},
			Adopted: func(outputs map[string]any) string {
				return fmt.Sprintf("%s-%s", outputs["role"], outputs["policyArn"])
			},
			DeleteFirst: true,
			Validate:    checkRoleName,
		},
		Noun: "IAM Role Policy Attachment", Word: failed, Gone: gone,
		Subject: func(wish attachment) string { return wish.Role + "/" + wish.Policy },
		Make: func(_ context.Context, client *Client, wish attachment) (string, attachment, error) {
			// The real ID is unique in the same way and says as little.
			return wish.Role + "-" + client.cloud.now().UTC().Format("20060102150405.000000000"), wish, client.iam.AttachRolePolicy(wish.Role, wish.Policy)
		},
		Find: func(client *Client, id string, known attachment) (attachment, error) {
			if known.Role == "" {
				var both bool
				if known.Role, known.Policy, both = strings.Cut(id, "/"); !both {
					return known, errors.New("want ROLE/POLICY-ARN")
				}
			}
			role, err := client.iam.Role(known.Role)
			if err == nil && !slices.Contains(role.Attached, known.Policy) {
				err = errGone
			}
			return known, err
		},
		Remove: func(_ context.Context, client *Client, _ string, known attachment) error {
			return client.iam.DetachRolePolicy(known.Role, known.Policy)
		},
		Show: func(_ *Client, held, _ attachment) map[string]any {
			return map[string]any{"policyArn": held.Policy, "role": held.Role}
		},
	}.Resource()
}
