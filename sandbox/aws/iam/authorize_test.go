package iam_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
	"waybill.example/waybill/sandbox/world"
)

const repository = "arn:aws:ecr:eu-west-1:" + vendor + ":repository/acme"

// granting is a repository policy for a principal, narrowed to a role where one
// is given.
func granting(principal, role string) string {
	condition := ""
	if role != "" {
		condition = `,"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + role + `"}}`
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"ecr:BatchGetImage"` + condition + `}]}`
}

func bind(t *testing.T, cloud *iam.Cloud, text string) iam.Bound {
	t.Helper()
	bound, err := cloud.Bind(policy.Repository, "aws", text)
	require.NoError(t, err)
	return bound
}

// pull decides a pull from the vendor's repository.
func pull(t *testing.T, cloud *iam.Cloud, session iam.Session, of iam.Bound) policy.Decision {
	t.Helper()
	attached, err := of.Attached()
	require.NoError(t, err)
	decision, err := cloud.Authorize(session, iam.Access{Action: "ecr:BatchGetImage", Resource: repository, Account: vendor, Policy: &attached})
	require.NoError(t, err)
	return decision
}

func TestARoleThatIsMadeAgainIsNotTheOneThatAPolicyNamed(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	first := role(t, in, "puller", "/team/")
	require.NoError(t, in.PutRolePolicy("puller", "pull", allowPull))
	byName, byKey := bind(t, cloud, granting(first.ARN, "")), bind(t, cloud, granting(customer, first.ARN))
	old := iam.NewSession(first, "refresher")
	assert.True(t, pull(t, cloud, old, byName).Allowed)
	assert.True(t, pull(t, cloud, old, byKey).Allowed)

	require.NoError(t, in.DeleteRolePolicy("puller", "pull"))
	require.NoError(t, in.DeleteRole("puller"))
	second := role(t, in, "puller", "/team/")
	require.NoError(t, in.PutRolePolicy("puller", "pull", allowPull))
	require.Equal(t, first.ARN, second.ARN)
	require.NotEqual(t, first.ID, second.ID)

	session := iam.NewSession(second, "refresher")
	assert.Contains(t, pull(t, cloud, session, byName).Reason(), "because no resource-based policy allows the ecr:BatchGetImage action")
	assert.True(t, pull(t, cloud, session, byKey).Allowed, "a condition on the ARN survives")
	assert.Contains(t, pull(t, cloud, old, byKey).Reason(), "because no identity-based policy allows", "the old role has no policies any more")
}

func TestAPolicyOfAnotherServiceSaysWhoDoesNotExist(t *testing.T) {
	cloud, _ := open(t)
	_, err := cloud.Bind(policy.Repository, "aws", granting(`arn:aws:iam::222222222222:role/none`, ""))
	var missing *iam.PrincipalNotFound
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, []string{"arn:aws:iam::222222222222:role/none"}, missing.Names)
	assert.ErrorContains(t, err, "Principal not found")
	_, err = cloud.Bind(policy.Repository, "aws", granting("arn:aws:iam::222222222222:role/*", ""))
	var malformed *policy.Malformed
	require.ErrorAs(t, err, &malformed)
}

func TestAllPoliciesOfARoleCount(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	made := role(t, in, "puller", "/")
	session := iam.NewSession(made, "refresher")
	granted := bind(t, cloud, granting(customer, ""))
	assert.Contains(t, pull(t, cloud, session, granted).Reason(),
		"User: arn:aws:sts::222222222222:assumed-role/puller/refresher is not authorized to perform: ecr:BatchGetImage on resource: "+repository+" because no identity-based policy allows")

	require.NoError(t, in.AttachRolePolicy("puller", ecrRead))
	assert.True(t, pull(t, cloud, session, granted).Allowed)

	boundary, err := in.CreatePolicy(iam.PolicySettings{Name: "boundary", Document: strings.Replace(allowPull, "ecr:", "s3:", 1)})
	require.NoError(t, err)
	_, err = in.SetBoundary("puller", boundary.ARN)
	require.NoError(t, err)
	assert.Contains(t, pull(t, cloud, session, granted).Reason(), "because no permissions boundary allows")
	_, err = in.UpdatePolicy(boundary.ARN, strings.Replace(allowPull, "Allow", "Deny", 1), nil)
	require.NoError(t, err)
	assert.Contains(t, pull(t, cloud, session, granted).Reason(), "with an explicit deny in a permissions boundary: "+boundary.ARN)
	_, err = in.SetBoundary("puller", "")
	require.NoError(t, err)
}

func TestASessionBringsItsGlobalKeys(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	made, err := in.CreateRole(iam.RoleSettings{Name: "puller", Path: "/team/", TrustPolicy: ecsTrust, Tags: map[string]string{"team": "red", "tier": "one"}})
	require.NoError(t, err)
	session := iam.NewSession(made, "refresher")
	session.Tags = map[string]string{"team": "blue"}
	session.Provider = "arn:aws:iam::222222222222:oidc-provider/x"
	for key, value := range map[string]string{
		"aws:PrincipalArn": made.ARN, "aws:PrincipalAccount": customer, "aws:PrincipalType": "AssumedRole", "aws:userid": made.ID + ":refresher",
		"aws:PrincipalTag/team": "blue", "aws:PrincipalTag/tier": "one", "aws:FederatedProvider": session.Provider, "aws:ResourceAccount": vendor,
		"aws:SecureTransport": "true", "aws:EpochTime": "1795298460", "aws:CurrentTime": "2026-11-21T22:01:00Z", "aws:PrincipalIsAWSService": "false",
		"aws:RequestedRegion": "eu-west-1",
	} {
		condition, err := json.Marshal(map[string]any{"StringEquals": map[string]string{key: value}})
		require.NoError(t, err)
		require.NoError(t, in.PutRolePolicy("puller", "pull", strings.Replace(allowPull, `"Resource"`, `"Condition":`+string(condition)+`,"Resource"`, 1)))
		attached, err := bind(t, cloud, granting(customer, "")).Attached()
		require.NoError(t, err)
		decision, err := cloud.Authorize(session, iam.Access{
			Action: "ecr:BatchGetImage", Resource: repository, Account: vendor, Policy: &attached,
			Region: "eu-west-1",
		})
		require.NoError(t, err)
		assert.True(t, decision.Allowed, key)
	}
	for _, key := range []string{"aws:SourceArn", "aws:SourceAccount"} {
		condition := `"Condition":{"StringLike":{"` + key + `":"*"}},"Resource"`
		require.NoError(t, in.PutRolePolicy("puller", "pull", strings.Replace(allowPull, `"Resource"`, condition, 1)))
		assert.False(t, pull(t, cloud, session, bind(t, cloud, granting(customer, ""))).Allowed, key)
	}
}

func TestTheWorldIsTakenOverOnce(t *testing.T) {
	cloud, path := open(t)
	in := account(t, cloud, customer)
	nodes, err := in.Role("nodes")
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::222222222222:role/eks/nodes", nodes.ARN)
	require.NoError(t, in.DetachRolePolicy("nodes", ecrRead))
	require.NoError(t, in.DeleteRolePolicy("nodes", "pull"))
	require.NoError(t, in.DeleteRole("nodes"))

	again, err := iam.Open(path, existing(), time.Now)
	require.NoError(t, err)
	_, err = account(t, again, customer).Role("nodes")
	requireRefused(t, err, iam.NoSuchEntity, "nodes")
	_, trusted := account(t, again, customer).Trusted(issuer)
	assert.True(t, trusted)

	assert.True(t, in.Enabled("eu-west-1"))
	assert.False(t, in.Enabled("us-east-1"))
	_, err = cloud.Account("444444444444")
	require.ErrorContains(t, err, `account "444444444444": the world has no such account`)
}

func TestAWrongWorldIsRefused(t *testing.T) {
	wrong := existing()
	wrong.Accounts[1].Roles = []world.AWSRole{{Name: "a b", Trust: json.RawMessage(ecsTrust)}}
	_, err := iam.Open(filepath.Join(t.TempDir(), "iam.json"), wrong, time.Now)
	require.ErrorContains(t, err, "account 222222222222: role a b: ")
}
