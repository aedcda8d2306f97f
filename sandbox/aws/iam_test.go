package aws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/provider/providertest"
)

func role(changes map[string]any) map[string]any {
	return changed(map[string]any{"name": "acme", "assumeRolePolicy": podsTrust}, changes)
}

func TestARoleHasTheOutputsOfIAM(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(roleToken, "acme", role(map[string]any{
		"path": "/apps/", "description": "Pulls", "maxSessionDuration": 7200, "tags": map[string]any{"customer": "acme"},
		"permissionsBoundary": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
	}))
	assert.Equal(t, "acme", string(created.ID))
	assert.Equal(t, "arn:aws:iam::222222222222:role/apps/acme", created.Text(t, "arn"))
	assert.Regexp(t, `^AROA[A-Z0-9]{17}$`, created.Text(t, "uniqueId"))
	found, ok := cloud.IAM.Role("arn:aws:iam::222222222222:role/apps/acme")
	require.True(t, ok)
	assert.Equal(t, 7200, found.MaxSession)
	assert.Equal(t, created.Inputs, engine.Refresh(created).Inputs)
	assert.Equal(t, created.Outputs, engine.Refresh(created).Outputs)
	defaults := engine.MustCreate(roleToken, "plain", role(map[string]any{"name": "plain"}))
	assert.Equal(t, "/", defaults.Text(t, "path"))
	assert.InDelta(t, 3600, defaults.Outputs["maxSessionDuration"].NumberValue(), 0)
}

func TestARoleChangesInPlaceButForNameAndPath(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(roleToken, "acme", role(map[string]any{"permissionsBoundary": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}))
	other := role(map[string]any{"assumeRolePolicy": tasksTrust, "description": "Runs", "maxSessionDuration": 3600, "tags": map[string]any{"a": "b"}})
	assert.False(t, engine.Diff(created, other).Replace())
	updated, err := engine.Update(created, other)
	require.NoError(t, err)
	assert.Equal(t, created.Text(t, "uniqueId"), updated.Text(t, "uniqueId"))
	found, _ := cloud.IAM.Role("arn:aws:iam::222222222222:role/acme")
	assert.JSONEq(t, tasksTrust, found.TrustPolicy)
	assert.Equal(t, "Runs", found.Description)
	assert.Empty(t, found.Boundary)
	assert.Equal(t, map[string]string{"a": "b"}, found.Tags)
	moved := engine.Diff(created, role(map[string]any{"path": "/apps/"}))
	assert.True(t, moved.Replace())
	assert.True(t, moved.DeleteBeforeReplace, "names are unique whatever the path")
}

func TestRolesThatIAMRefuses(t *testing.T) {
	refusals(t, customer, roleToken, map[string]refusal{
		"a slash":             {inputs: role(map[string]any{"name": "a/b"}), want: `invalid value for name (must match [\w+=,.@-])`},
		"a long name":         {inputs: role(map[string]any{"name": strings.Repeat("a", 65)}), want: "expected length of name to be in the range (1 - 64)"},
		"no JSON":             {inputs: role(map[string]any{"assumeRolePolicy": "yes"}), want: "contains an invalid JSON policy"},
		"no trust policy":     {inputs: role(map[string]any{"assumeRolePolicy": nil}), want: `missing required property "assumeRolePolicy"`},
		"a resource in trust": {inputs: role(map[string]any{"assumeRolePolicy": strings.Replace(podsTrust, `"Action"`, `"Resource":"*","Action"`, 1)}), want: "creating IAM Role (acme): operation error IAM: CreateRole, https response error StatusCode: 400, MalformedPolicyDocument: "},
		"nobody to trust":     {inputs: role(map[string]any{"assumeRolePolicy": strings.Replace(podsTrust, `{"Service":"pods.eks.amazonaws.com"}`, `{"AWS":"arn:aws:iam::111111111111:role/nobody"}`, 1)}), want: "MalformedPolicyDocument: Invalid principal in policy"},
		"a long trust policy": {inputs: role(map[string]any{"assumeRolePolicy": strings.Replace(podsTrust, `"Effect"`, fmt.Sprintf(`"Sid":%q,"Effect"`, strings.Repeat("a", 2048)), 1)}), want: "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"},
		"a short session":     {inputs: role(map[string]any{"maxSessionDuration": 900}), want: "expected max_session_duration to be in the range (3600 - 43200), got 900"},
		"no boundary":         {inputs: role(map[string]any{"permissionsBoundary": "arn:aws:iam::222222222222:policy/none"}), want: "NoSuchEntity"},
		"a path":              {inputs: role(map[string]any{"path": "apps"}), want: "ValidationError"},
		"inline policies":     {inputs: role(map[string]any{"inlinePolicies": []any{}}), want: "inlinePolicies: the sandbox does not model it"},
		"twice":               {inputs: role(map[string]any{"name": "Nodes"}), want: "EntityAlreadyExists: Role with name Nodes already exists."},
	})
}

func TestPoliciesOfARole(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(roleToken, "acme", role(nil))
	policy := engine.MustCreate(policyToken, "acme", map[string]any{"name": "pull", "path": "/apps/", "description": "Pulls", "policy": pullPolicy})
	assert.Equal(t, "arn:aws:iam::222222222222:policy/apps/pull", string(policy.ID))
	assert.Regexp(t, "^ANPA", policy.Text(t, "policyId"))
	attachment := engine.MustCreate(attachmentToken, "acme", map[string]any{"role": "acme", "policyArn": policy.Text(t, "arn")})
	inline := engine.MustCreate(rolePolicyToken, "acme", map[string]any{"role": "acme", "name": "inline", "policy": pullPolicy})
	assert.Equal(t, "acme:inline", string(inline.ID))
	found, _ := cloud.IAM.Role("arn:aws:iam::222222222222:role/acme")
	assert.Equal(t, []string{policy.Text(t, "arn")}, found.Attached)
	assert.Equal(t, map[string]string{"inline": pullPolicy}, found.Inline)
	assert.Equal(t, created.Inputs, engine.Refresh(created).Inputs, "what is attached is no change of the role")
	for _, each := range []providertest.Resource{policy, attachment, inline} {
		assert.Equal(t, each.Inputs, engine.Refresh(each).Inputs)
	}
	assert.Equal(t, policy.Text(t, "arn"), engine.Import(attachmentToken, "acme", "acme/"+policy.Text(t, "arn")).Text(t, "policyArn"))

	require.ErrorContains(t, engine.Delete(created), "deleting IAM Role (acme): operation error IAM: DeleteRole, https response error StatusCode: 409, DeleteConflict: Cannot delete entity, must detach all policies first.")
	require.ErrorContains(t, engine.Delete(policy), "DeleteConflict: Cannot delete a policy attached to entities.")
	require.NoError(t, engine.Delete(attachment))
	require.ErrorContains(t, engine.Delete(created), "DeleteConflict: Cannot delete entity, must delete policies first.")
	require.NoError(t, engine.Delete(inline))
	require.NoError(t, engine.Delete(created))
	require.NoError(t, engine.Delete(policy))
}

func TestAPolicyGetsANewVersionInPlace(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(policyToken, "acme", map[string]any{"name": "pull", "policy": pullPolicy})
	other := map[string]any{"name": "pull", "policy": strings.Replace(pullPolicy, "ecr:GetAuthorizationToken", "ecr:*", 1), "tags": map[string]any{"a": "b"}}
	assert.False(t, engine.Diff(created, other).Replace())
	_, err := engine.Update(created, other)
	require.NoError(t, err)
	account, err := cloud.IAM.Account(customer)
	require.NoError(t, err)
	found, err := account.Policy(string(created.ID))
	require.NoError(t, err)
	assert.Contains(t, found.Document, "ecr:*")
	assert.True(t, engine.Diff(created, map[string]any{"name": "pull", "policy": pullPolicy, "description": "x"}).Replace())
}

func TestAnAttachmentIsReplacedTheOldOneFirst(t *testing.T) {
	_, engine := as(t, customer)
	created := engine.MustCreate(attachmentToken, "acme", map[string]any{"role": "nodes", "policyArn": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"})
	changed := engine.Diff(created, map[string]any{"role": "nodes", "policyArn": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"})
	assert.True(t, changed.Replace())
	assert.True(t, changed.DeleteBeforeReplace)
}

func TestPoliciesThatIAMRefuses(t *testing.T) {
	long := strings.Replace(pullPolicy, `"Effect"`, fmt.Sprintf(`"Sid":%q,"Effect"`, strings.Repeat("a", 6144)), 1)
	refusals(t, customer, policyToken, map[string]refusal{
		"too long":    {inputs: map[string]any{"name": "x", "policy": long}, want: "LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
		"a principal": {inputs: map[string]any{"name": "x", "policy": podsTrust}, want: "creating IAM Policy (x): operation error IAM: CreatePolicy, https response error StatusCode: 400, MalformedPolicyDocument: "},
		"a long name": {inputs: map[string]any{"name": strings.Repeat("a", 129), "policy": pullPolicy}, want: "range (1 - 128)"},
		"twice": {
			inputs: map[string]any{"name": "x", "policy": pullPolicy}, want: "EntityAlreadyExists: A policy called x already exists.",
			before: func(_ *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
				engine.MustCreate(policyToken, "first", map[string]any{"name": "x", "policy": pullPolicy})
			},
		},
	})
	refusals(t, customer, attachmentToken, map[string]refusal{
		"no such policy": {inputs: map[string]any{"role": "nodes", "policyArn": "arn:aws:iam::222222222222:policy/none"}, want: "creating IAM Role Policy Attachment (nodes/arn:aws:iam::222222222222:policy/none): operation error IAM: AttachRolePolicy, https response error StatusCode: 404, NoSuchEntity: Policy arn:aws:iam::222222222222:policy/none does not exist or is not attachable."},
		"no such role":   {inputs: map[string]any{"role": "none", "policyArn": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"}, want: "NoSuchEntity: The role with name none cannot be found."},
		"an ARN":         {inputs: map[string]any{"role": nodeRole, "policyArn": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"}, want: "want the role's name, not its ARN"},
	})
	refusals(t, customer, rolePolicyToken, map[string]refusal{
		"no such role": {inputs: map[string]any{"role": "none", "name": "x", "policy": pullPolicy}, want: "putting IAM Role Policy (none:x): operation error IAM: PutRolePolicy, https response error StatusCode: 404, NoSuchEntity"},
		"malformed":    {inputs: map[string]any{"role": "nodes", "name": "x", "policy": `{"Version":"2012-10-17"}`}, want: "MalformedPolicyDocument"},
	})
}

func TestAnOIDCProviderIsNamedByItsIssuer(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(oidcProviderToken, "eks", map[string]any{"url": issuer, "clientIdLists": []any{"sts.amazonaws.com"}})
	name := "arn:aws:iam::222222222222:oidc-provider/" + strings.TrimPrefix(issuer, "https://")
	assert.Equal(t, name, string(created.ID))
	assert.Equal(t, strings.TrimPrefix(issuer, "https://"), created.Text(t, "url"))
	more := map[string]any{"url": issuer, "clientIdLists": []any{"sts.amazonaws.com", "other"}}
	assert.False(t, engine.Diff(created, more).Replace())
	_, err := engine.Update(created, more)
	require.NoError(t, err)
	account, err := cloud.IAM.Account(customer)
	require.NoError(t, err)
	found, ok := account.Trusted(issuer)
	require.True(t, ok)
	assert.ElementsMatch(t, []string{"sts.amazonaws.com", "other"}, found.ClientIDs)

	const token = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
	for _, args := range []map[string]any{{"arn": name}, {"url": issuer}} {
		read, err := engine.Invoke(token, args)
		require.NoError(t, err)
		assert.Equal(t, name, read["arn"].StringValue())
		assert.Len(t, read["clientIdLists"].ArrayValue(), 2)
	}
	_, err = engine.Invoke(token, map[string]any{"url": issuer + "0"})
	require.ErrorContains(t, err, "couldn't find resource")
	_, err = engine.Invoke(token, map[string]any{"arn": name + "0"})
	require.ErrorContains(t, err, "reading IAM OIDC Provider: couldn't find resource")
	_, err = engine.Invoke(token, nil)
	require.ErrorContains(t, err, "one of `arn,url` must be specified")
}

func TestOIDCProvidersThatIAMRefuses(t *testing.T) {
	refusals(t, customer, oidcProviderToken, map[string]refusal{
		"http":       {inputs: map[string]any{"url": "http://issuer.example", "clientIdLists": []any{"a"}}, want: "has an invalid URL"},
		"a port":     {inputs: map[string]any{"url": "https://issuer.example:8443", "clientIdLists": []any{"a"}}, want: "InvalidInput"},
		"no clients": {inputs: map[string]any{"url": issuer}, want: `missing required property "clientIdLists"`},
		"twice": {
			inputs: map[string]any{"url": issuer, "clientIdLists": []any{"a"}}, want: "EntityAlreadyExists: Provider with url " + issuer + " already exists.",
			before: func(_ *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
				engine.MustCreate(oidcProviderToken, "first", map[string]any{"url": issuer, "clientIdLists": []any{"a"}})
			},
		},
	})
}
