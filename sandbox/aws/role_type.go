package aws

import (
	"cmp"
	"context"
	"regexp"
	"time"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

type roleInputs struct {
	iam.RoleSettings
	ForceDetach bool `json:"forceDetachPolicies"`
}

// roleType has the role's name as its ID. The outputs managedPolicyArns and
// inlinePolicies, with which the real provider shows what others attached, stay
// away.
func roleType() provider.Type[*Client] {
	return tagged("IAM", "CreateRole", "TagRole", provider.Kind[*Client, roleInputs, iam.Role]{
		Type: provider.Type[*Client]{
			Tok:         "aws:iam/role:Role",
			Args:        pulumiiam.RoleArgs{}.ElementType(),
			Required:    []string{"assumeRolePolicy"},
			Computed:    []string{"arn", "createDate", "tagsAll", "uniqueId"},
			Settled:     []string{"arn", "createDate", "uniqueId"},
			Immutable:   []string{"name", "path"},
			Defaults:    map[string]any{"forceDetachPolicies": false, "maxSessionDuration": iam.MinSession, "path": "/"},
			DeleteFirst: collides,
			Default:     named(iam.MaxRoleName, "assumeRolePolicy"),
			Validate:    checkRole,
			Same:        samePolicyIn("assumeRolePolicy"),
		},
		Noun:    "IAM Role",
		Subject: func(inputs roleInputs) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs roleInputs) (string, iam.Role, error) {
			role, err := client.iam.CreateRole(inputs.RoleSettings)
			client.cloud.fresh.Made(role.ARN, client.cloud.now())
			return role.Name, role, err
		},
		Find: func(client *Client, id string, _ roleInputs) (iam.Role, error) { return client.iam.Role(id) },
		Change: func(_ context.Context, client *Client, _ string, inputs roleInputs) (iam.Role, error) {
			return client.updateRole(inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, known roleInputs) error {
			return client.deleteRole(id, known.ForceDetach)
		},
		Show: (*Client).roleOutputs,
	})
}

// iamName is the form of names of roles and policies.
var iamName = regexp.MustCompile(`^[\w+=,.@-]*$`)

// checkName applies the rules of names in the real provider's words.
func checkName(inputs resource.PropertyMap, most int) []plugin.CheckFailure {
	found := noPrefix(inputs)
	name := provider.Text(inputs, "name")
	switch {
	case !inputs.HasValue("name"):
	case name == "" || len(name) > most:
		found = append(found, failure("name", "expected length of name to be in the range (1 - %d), got %s", most, name))
	case !iamName.MatchString(name):
		found = append(found, failure("name", `invalid value for name (must match [\w+=,.@-]): %q`, name))
	}
	return found
}

func checkRole(inputs resource.PropertyMap) []plugin.CheckFailure {
	found := append(checkName(inputs, iam.MaxRoleName), asJSON(inputs, "assumeRolePolicy")...)
	found = append(found, unsupported(inputs, "inlinePolicies", "managedPolicyArns")...)
	if seconds := inputs["maxSessionDuration"]; seconds.IsNumber() && (seconds.NumberValue() < iam.MinSession || seconds.NumberValue() > iam.MaxSession) {
		found = append(found, failure("maxSessionDuration", "expected max_session_duration to be in the range (%d - %d), got %v", iam.MinSession, iam.MaxSession, seconds.NumberValue()))
	}
	return found
}

// updateRole changes what differs, and no more: a trust policy that is written
// again binds its principals anew.
func (c *Client) updateRole(inputs roleInputs) (iam.Role, error) {
	role, err := c.iam.Role(inputs.Name)
	if err != nil {
		return iam.Role{}, err
	}
	if !samePolicy(resource.NewStringProperty(c.cloud.IAM.Text(role.Trust)), resource.NewStringProperty(inputs.TrustPolicy)) {
		if _, err := c.iam.UpdateTrustPolicy(inputs.Name, inputs.TrustPolicy); err != nil {
			return iam.Role{}, err
		}
	}
	if role.Boundary != inputs.Boundary {
		if _, err := c.iam.SetBoundary(inputs.Name, inputs.Boundary); err != nil {
			return iam.Role{}, err
		}
	}
	if _, err := c.iam.UpdateRole(inputs.Name, inputs.Description, cmp.Or(inputs.MaxSession, iam.MinSession)); err != nil {
		return iam.Role{}, err
	}
	return c.iam.SetRoleTags(inputs.Name, inputs.Tags)
}

// deleteRole deletes a role, with force after its policies.
func (c *Client) deleteRole(name string, force bool) error {
	role, err := c.iam.Role(name)
	if err != nil {
		return err
	}
	if force {
		for _, policy := range role.Attached {
			if err := c.iam.DetachRolePolicy(name, policy); err != nil {
				return err
			}
		}
		for policy := range role.Inline {
			if err := c.iam.DeleteRolePolicy(name, policy); err != nil {
				return err
			}
		}
	}
	return c.iam.DeleteRole(name)
}

func (c *Client) roleOutputs(role iam.Role, inputs roleInputs) map[string]any {
	return map[string]any{
		"arn":                 role.ARN,
		"assumeRolePolicy":    c.cloud.IAM.Text(role.Trust),
		"createDate":          role.CreateTime.Format(time.RFC3339),
		"description":         role.Description,
		"forceDetachPolicies": inputs.ForceDetach,
		"maxSessionDuration":  role.MaxSession,
		"name":                role.Name,
		"path":                role.Path,
		"permissionsBoundary": role.Boundary,
		"uniqueId":            role.ID,
	}
}
