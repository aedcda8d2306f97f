package aws

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	pulumiiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
)

// roleType has the role's name as its ID. The outputs managedPolicyArns and
// inlinePolicies, with which the real provider shows what others attached, stay
// away.
func roleType() provider.Type[*Client] {
	return tagged("IAM", "CreateRole", "TagRole", provider.Kind[*Client, iam.RoleSettings, iam.Role]{
		Type: provider.Type[*Client]{
			Tok:         "aws:iam/role:Role",
			Args:        pulumiiam.RoleArgs{}.ElementType(),
			Required:    []string{"assumeRolePolicy"},
			Computed:    []string{"arn", "createDate", "tagsAll", "uniqueId"},
			Settled:     []string{"arn", "createDate", "uniqueId"},
			Immutable:   []string{"name", "path"},
			Defaults:    map[string]any{"maxSessionDuration": iam.MinSession, "path": "/"},
			DeleteFirst: true,
			Name:        "name",
			Unmodelled:  []resource.PropertyKey{"forceDetachPolicies", "inlinePolicies", "managedPolicyArns", "namePrefix"},
			Validate:    checkRole,
			Same:        samePolicyIn("assumeRolePolicy"),
		},
		Noun:    "IAM Role",
		Subject: func(inputs iam.RoleSettings) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs iam.RoleSettings) (string, iam.Role, error) {
			if err := client.iam.MayMakeRole("CreateRole", inputs); err != nil {
				return "", iam.Role{}, err
			}
			role, err := client.iam.CreateRole(inputs)
			client.cloud.fresh.Made(role.ARN, client.cloud.now())
			return role.Name, role, err
		},
		Find: func(client *Client, id string, _ iam.RoleSettings) (iam.Role, error) { return client.iam.Role(id) },
		Change: func(_ context.Context, client *Client, _ string, inputs iam.RoleSettings) (iam.Role, error) {
			return client.updateRole(inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, _ iam.RoleSettings) error {
			return client.iam.DeleteRole(id)
		},
		Show: func(_ *Client, role iam.Role, _ iam.RoleSettings) map[string]any {
			outputs := provider.Encode(role.RoleSettings)
			outputs["arn"], outputs["uniqueId"] = role.ARN, role.ID
			outputs["createDate"] = role.CreateTime.Format(time.RFC3339)
			return outputs
		},
	})
}

// iamName is the form of names of roles and policies.
var iamName = regexp.MustCompile(`^[\w+=,.@-]*$`)

// checkName applies the rules of names in the real provider's words.
func checkName(inputs resource.PropertyMap, most int) []plugin.CheckFailure {
	var found []plugin.CheckFailure
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
	if seconds := inputs["maxSessionDuration"]; seconds.IsNumber() && (seconds.NumberValue() < iam.MinSession || seconds.NumberValue() > iam.MaxSession) {
		found = append(found, failure("maxSessionDuration", "expected max_session_duration to be in the range (%d - %d), got %v", iam.MinSession, iam.MaxSession, seconds.NumberValue()))
	}
	return found
}

// updateRole changes what differs, and no more: a trust policy that is written
// again binds its principals anew.
func (c *Client) updateRole(inputs iam.RoleSettings) (iam.Role, error) {
	role, err := c.iam.Role(inputs.Name)
	if err != nil {
		return iam.Role{}, err
	}
	if !samePolicy(resource.NewStringProperty(role.TrustPolicy), resource.NewStringProperty(inputs.TrustPolicy)) {
		if _, err := c.iam.UpdateTrustPolicy(inputs.Name, inputs.TrustPolicy); err != nil {
			return iam.Role{}, err
		}
	}
	if role.Boundary != inputs.Boundary {
		operation := "PutRolePermissionsBoundary"
		if inputs.Boundary == "" {
			operation = "DeleteRolePermissionsBoundary"
		}
		if err := c.iam.MayMakeRole(operation, inputs); err != nil {
			return iam.Role{}, err
		}
		if _, err := c.iam.SetBoundary(inputs.Name, inputs.Boundary); err != nil {
			return iam.Role{}, err
		}
	}
	return c.iam.UpdateRole(inputs.Name, inputs.Description, cmp.Or(inputs.MaxSession, iam.MinSession), inputs.Tags)
}

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
			DeleteFirst: true,
			Name:        "name",
			Unmodelled:  []resource.PropertyKey{"namePrefix"},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				return append(checkName(inputs, iam.MaxPolicyName), asJSON(inputs, "policy")...)
			},
			Same: samePolicyIn("policy"),
		},
		Noun:    "IAM Policy",
		Subject: func(inputs iam.PolicySettings) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs iam.PolicySettings) (string, iam.ManagedPolicy, error) {
			if err := client.iam.MayMakePolicy(inputs); err != nil {
				return "", iam.ManagedPolicy{}, err
			}
			made, err := client.iam.CreatePolicy(inputs)
			return made.ARN, made, err
		},
		Find: func(client *Client, id string, _ iam.PolicySettings) (iam.ManagedPolicy, error) {
			return client.iam.Policy(id)
		},
		Change: func(_ context.Context, client *Client, id string, inputs iam.PolicySettings) (iam.ManagedPolicy, error) {
			return client.iam.UpdatePolicy(id, inputs.Document, inputs.Tags)
		},
		Remove: func(_ context.Context, client *Client, id string, _ iam.PolicySettings) error {
			return client.iam.DeletePolicy(id)
		},
		Show: func(_ *Client, policy iam.ManagedPolicy, _ iam.PolicySettings) map[string]any {
			outputs := provider.Encode(policy.PolicySettings)
			outputs["arn"], outputs["policyId"] = policy.ARN, policy.ID
			return outputs
		},
	})
}

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
			return client.iam.UpdateOIDCProvider(id, inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, _ iam.OIDCSettings) error {
			return client.iam.DeleteOIDCProvider(id)
		},
		Show: func(_ *Client, found iam.OIDCProvider, _ iam.OIDCSettings) map[string]any {
			outputs := provider.Encode(found.OIDCSettings)
			outputs["arn"] = found.ARN
			return outputs
		},
	})
}

// withoutScheme is an issuer as IAM names it.
func withoutScheme(issuer string) string { return strings.TrimPrefix(issuer, "https://") }
