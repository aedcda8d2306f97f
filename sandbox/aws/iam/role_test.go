package iam_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/world"
)

func TestARoleIsMadeChangedAndDeleted(t *testing.T) {
	cloud, path := open(t)
	in := account(t, cloud, customer)
	made, err := in.CreateRole(iam.RoleSettings{
		Name: "puller", Path: "/team/", Description: "pulls", TrustPolicy: ecsTrust, MaxSession: 7200,
		Boundary: ecrRead, Tags: map[string]string{"product": "acme"},
	})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::222222222222:role/team/puller", made.ARN)
	assert.Regexp(t, `^AROA[A-Z2-7]{17}$`, made.ID)
	assert.Equal(t, 7200, made.MaxSession)

	changed, err := in.UpdateRole("puller", "still pulls", 3600, map[string]string{"a": "b"})
	require.NoError(t, err)
	assert.Equal(t, "still pulls", changed.Description)
	_, err = in.SetBoundary("puller", "")
	require.NoError(t, err)
	_, err = in.UpdateTrustPolicy("puller", trusting(vendor))
	require.NoError(t, err)
	require.NoError(t, in.PutRolePolicy("puller", "pull", allowPull))
	require.NoError(t, in.AttachRolePolicy("puller", ecrRead))
	require.NoError(t, in.AttachRolePolicy("puller", ecrRead), "attached already")

	again, err := iam.Open(path, existing(), time.Now)
	require.NoError(t, err)
	in = account(t, again, customer)
	found, err := in.Role("PULLER")
	require.NoError(t, err, "names are compared in any case")
	assert.Equal(t, made.ID, found.ID)
	assert.Empty(t, found.Boundary)
	assert.Equal(t, map[string]string{"a": "b"}, found.Tags)
	assert.Equal(t, trusting(vendor), found.TrustPolicy)
	assert.Equal(t, []string{ecrRead}, found.Attached)
	assert.Equal(t, []string{"pull"}, slices.Collect(maps.Keys(found.Inline)))

	requireRefused(t, in.DeleteRole("puller"), iam.DeleteConflict, "must detach all policies first")
	require.NoError(t, in.DetachRolePolicy("puller", ecrRead))
	requireRefused(t, in.DeleteRole("puller"), iam.DeleteConflict, "must delete policies first")
	require.NoError(t, in.DeleteRolePolicy("puller", "pull"))
	require.NoError(t, in.DeleteRole("puller"))
	_, err = in.Role("puller")
	requireRefused(t, err, iam.NoSuchEntity, "The role with name puller cannot be found.")
}

func TestWrongRolesAreRefusedInTheWordsOfIAM(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	role(t, in, "Puller", "/a/")
	for name, test := range map[string]struct {
		settings    iam.RoleSettings
		code, words string
	}{
		"a name twice":            {iam.RoleSettings{Name: "puller", Path: "/b/", TrustPolicy: ecsTrust}, iam.EntityAlreadyExists, "Role with name puller already exists."},
		"a long name":             {iam.RoleSettings{Name: strings.Repeat("a", 65), TrustPolicy: ecsTrust}, iam.ValidationError, "Member must have length less than or equal to 64"},
		"a name with a slash":     {iam.RoleSettings{Name: "a/b", TrustPolicy: ecsTrust}, iam.ValidationError, "Value 'a/b' at 'roleName'"},
		"no name and no trust":    {iam.RoleSettings{}, iam.ValidationError, "4 validation errors detected"},
		"a path without slash":    {iam.RoleSettings{Name: "a", Path: "/b", TrustPolicy: ecsTrust}, iam.ValidationError, "'path'"},
		"a short session":         {iam.RoleSettings{Name: "a", MaxSession: 3599, TrustPolicy: ecsTrust}, iam.ValidationError, "greater than or equal to 3600"},
		"a long session":          {iam.RoleSettings{Name: "a", MaxSession: 43201, TrustPolicy: ecsTrust}, iam.ValidationError, "less than or equal to 43200"},
		"a long description":      {iam.RoleSettings{Name: "a", Description: strings.Repeat("a", 1001), TrustPolicy: ecsTrust}, iam.ValidationError, "'description'"},
		"an emoji in the policy":  {iam.RoleSettings{Name: "a", TrustPolicy: strings.Replace(ecsTrust, "2012", "🙂", 1)}, iam.ValidationError, "'assumeRolePolicyDocument'"},
		"a malformed policy":      {iam.RoleSettings{Name: "a", TrustPolicy: `{"Statement": []}`}, iam.MalformedPolicyDocument, "Syntax errors in policy."},
		"an identity policy":      {iam.RoleSettings{Name: "a", TrustPolicy: allowPull}, iam.MalformedPolicyDocument, "AssumeRole policy may only specify STS AssumeRole actions."},
		"a role that is not":      {iam.RoleSettings{Name: "a", TrustPolicy: trusting("arn:aws:iam::222222222222:role/none")}, iam.MalformedPolicyDocument, `Invalid principal in policy: "AWS":"arn:aws:iam::222222222222:role/none"`},
		"itself":                  {iam.RoleSettings{Name: "self", TrustPolicy: trusting("arn:aws:iam::222222222222:role/self")}, iam.MalformedPolicyDocument, "Invalid principal"},
		"a role at another path":  {iam.RoleSettings{Name: "a", TrustPolicy: trusting("arn:aws:iam::222222222222:role/Puller")}, iam.MalformedPolicyDocument, "Invalid principal"},
		"an account that is not":  {iam.RoleSettings{Name: "a", TrustPolicy: trusting("444444444444")}, iam.MalformedPolicyDocument, `Invalid principal in policy: "AWS":"444444444444"`},
		"an ID that is not":       {iam.RoleSettings{Name: "a", TrustPolicy: trusting("AROAEXAMPLEEXAMPLE123")}, iam.MalformedPolicyDocument, "Invalid principal"},
		"a session of no role":    {iam.RoleSettings{Name: "a", TrustPolicy: trusting("arn:aws:sts::222222222222:assumed-role/none/x")}, iam.MalformedPolicyDocument, "Invalid principal"},
		"a boundary that is not":  {iam.RoleSettings{Name: "a", TrustPolicy: ecsTrust, Boundary: "arn:aws:iam::222222222222:policy/none"}, iam.NoSuchEntity, "does not exist or is not attachable"},
		"a large policy":          {iam.RoleSettings{Name: "a", TrustPolicy: strings.Replace(ecsTrust, "2012-10-17", "2012-10-17\",\"Id\":\""+strings.Repeat("x", 2000), 1)}, iam.LimitExceeded, "Cannot exceed quota for ACLSizePerRole: 2048"},
		"a policy of another one": {iam.RoleSettings{Name: "a", TrustPolicy: ecsTrust, Boundary: "arn:aws-cn:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}, iam.NoSuchEntity, "not attachable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.CreateRole(test.settings)
			requireRefused(t, err, test.code, test.words)
			assert.ErrorContains(t, err, "operation error IAM: CreateRole")
		})
	}
	for _, operation := range []func(string) error{
		in.DeleteRole,
		func(name string) error { _, err := in.UpdateRole(name, "", 3600, nil); return err },
		func(name string) error { _, err := in.UpdateTrustPolicy(name, ecsTrust); return err },
		func(name string) error { return in.PutRolePolicy(name, "a", allowPull) },
		func(name string) error { return in.DeleteRolePolicy(name, "a") },
		func(name string) error { return in.AttachRolePolicy(name, ecrRead) },
		func(name string) error { return in.DetachRolePolicy(name, ecrRead) },
	} {
		requireRefused(t, operation("none"), iam.NoSuchEntity, "The role with name none cannot be found.")
	}
}

func TestPrincipalsThatExistMayBeNamed(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	puller := role(t, in, "puller", "/a/")
	for _, name := range []string{
		vendor, "arn:aws:iam::111111111111:root", puller.ARN,
		"arn:aws:sts::222222222222:assumed-role/puller/anything", "*",
	} {
		_, err := in.UpdateTrustPolicy("puller", trusting(name))
		require.NoError(t, err, name)
	}
}

func TestPoliciesOfARoleHaveLimits(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	role(t, in, "puller", "/")
	require.NoError(t, in.PutRolePolicy("puller", "a", padded(10240)))
	requireRefused(t, in.PutRolePolicy("puller", "b", allowPull), iam.LimitExceeded, "Maximum policy size of 10240 bytes exceeded for role puller")
	require.NoError(t, in.PutRolePolicy("puller", "a", allowPull), "a policy is replaced")
	require.NoError(t, in.PutRolePolicy("puller", "b", allowPull))
	requireRefused(t, in.PutRolePolicy("puller", strings.Repeat("a", 129), allowPull), iam.ValidationError, "'policyName'")
	requireRefused(t, in.PutRolePolicy("puller", "c", ecsTrust), iam.MalformedPolicyDocument, "should not specify a principal")
	requireRefused(t, in.DeleteRolePolicy("puller", "c"), iam.NoSuchEntity, "The role policy with name c cannot be found.")
	requireRefused(t, in.DetachRolePolicy("puller", ecrRead), iam.NoSuchEntity, "was not found")
	for i := range 11 {
		made, err := in.CreatePolicy(iam.PolicySettings{Name: fmt.Sprint("p", i), Document: allowPull})
		require.NoError(t, err)
		err = in.AttachRolePolicy("puller", made.ARN)
		if i < iam.MaxAttached {
			require.NoError(t, err)
		} else {
			requireRefused(t, err, iam.LimitExceeded, "Cannot exceed quota for PoliciesPerRole: 10")
		}
	}
}

func TestDeployersMakeWhatTheAccountLetsThem(t *testing.T) {
	limited := existing()
	for i := range limited.Accounts {
		if limited.Accounts[i].ID == customer {
			limited.Accounts[i].Deployers = world.AWSDeployers{Path: "/vendors/", PermissionsBoundary: ecrRead, Tags: []string{"team"}}
		}
	}
	cloud, err := iam.Open(filepath.Join(t.TempDir(), "iam.json"), limited, time.Now)
	require.NoError(t, err)
	in := account(t, cloud, customer)
	team := map[string]string{"team": "images"}
	role := iam.RoleSettings{Name: "puller", Path: "/vendors/acme/", Boundary: ecrRead, Tags: team}
	require.NoError(t, in.MayMakeRole("CreateRole", role))
	require.NoError(t, in.MayMakePolicy(iam.PolicySettings{Name: "pull", Path: "/vendors/", Tags: team}))
	requireRefused(t, in.MayMakePolicy(iam.PolicySettings{Name: "pull", Path: "/vendors/"}), "AccessDenied", "iam:CreatePolicy")
	requireRefused(t, in.MayMakePolicy(iam.PolicySettings{Name: "pull", Tags: team}), "AccessDenied", "to perform: iam:CreatePolicy on resource: arn:aws:iam::222222222222:policy/pull")
	role.Boundary = ""
	requireRefused(t, in.MayMakeRole("DeleteRolePermissionsBoundary", role), "AccessDenied", "to perform: iam:DeleteRolePermissionsBoundary on resource: arn:aws:iam::222222222222:role/vendors/acme/puller")
	role.Path = ""
	requireRefused(t, in.MayMakeRole("CreateRole", role), "AccessDenied", "to perform: iam:CreateRole on resource: arn:aws:iam::222222222222:role/puller")
	require.NoError(t, account(t, cloud, vendor).MayMakeRole("CreateRole", role), "where nothing is said, anything goes")
}
