package iam_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/iam"
)

func TestAManagedPolicyStaysWhileItIsUsed(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	role(t, in, "puller", "/")
	made, err := in.CreatePolicy(iam.PolicySettings{Name: "pull", Path: "/team/", Document: padded(6144), Tags: map[string]string{"a": "b"}})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::222222222222:policy/team/pull", made.ARN)
	assert.Regexp(t, `^ANPA[A-Z2-7]{17}$`, made.ID)

	for _, use := range []struct{ begin, end func() error }{
		{func() error { return in.AttachRolePolicy("puller", made.ARN) }, func() error { return in.DetachRolePolicy("puller", made.ARN) }},
		{
			func() error { _, err := in.SetBoundary("puller", made.ARN); return err },
			func() error { _, err := in.SetBoundary("puller", ""); return err },
		},
	} {
		require.NoError(t, use.begin())
		requireRefused(t, in.DeletePolicy(made.ARN), iam.DeleteConflict, "Cannot delete a policy attached to entities.")
		require.NoError(t, use.end())
	}
	changed, err := in.UpdatePolicy(made.ARN, allowPull, nil)
	require.NoError(t, err)
	assert.Equal(t, made.ID, changed.ID)
	found, err := in.Policy(made.ARN)
	require.NoError(t, err)
	assert.Equal(t, allowPull, found.Document)
	assert.Empty(t, found.Tags)
	require.NoError(t, in.DeletePolicy(made.ARN))
	_, err = in.Policy(made.ARN)
	requireRefused(t, err, iam.NoSuchEntity, "was not found")
}

func TestWrongManagedPoliciesAreRefusedInTheWordsOfIAM(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	made, err := in.CreatePolicy(iam.PolicySettings{Name: "pull", Document: allowPull})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		settings    iam.PolicySettings
		code, words string
	}{
		"a name twice":  {iam.PolicySettings{Name: "Pull", Path: "/x/", Document: allowPull}, iam.EntityAlreadyExists, "A policy called Pull already exists. Duplicate names are not allowed."},
		"a long name":   {iam.PolicySettings{Name: strings.Repeat("a", 129), Document: allowPull}, iam.ValidationError, "128"},
		"a large one":   {iam.PolicySettings{Name: "a", Document: padded(6145)}, iam.LimitExceeded, "Cannot exceed quota for PolicySize: 6144"},
		"malformed":     {iam.PolicySettings{Name: "a", Document: `{}`}, iam.MalformedPolicyDocument, "version 2012-10-17 or greater"},
		"no document":   {iam.PolicySettings{Name: "a"}, iam.ValidationError, "'policyDocument'"},
		"another cloud": {iam.PolicySettings{Name: "a", Document: strings.Replace(allowPull, `"*"`, `"arn:aws-cn:ecr:*:*:*"`, 1)}, iam.MalformedPolicyDocument, `Partition "aws-cn" is not valid`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.CreatePolicy(test.settings)
			requireRefused(t, err, test.code, test.words)
		})
	}
	other := account(t, cloud, vendor)
	_, err = other.Policy(made.ARN)
	requireRefused(t, err, iam.NoSuchEntity, "was not found")
	_, err = other.UpdatePolicy(made.ARN, allowPull, nil)
	requireRefused(t, err, iam.NoSuchEntity, "was not found")
	requireRefused(t, other.DeletePolicy(made.ARN), iam.NoSuchEntity, "was not found")
	requireRefused(t, in.DeletePolicy(ecrRead), iam.NoSuchEntity, "was not found")
}

func TestPoliciesOfAWSExistInEveryPartition(t *testing.T) {
	cloud, _ := open(t)
	for id, partition := range map[string]string{customer: "aws", "333333333333": "aws-cn"} {
		for _, name := range []string{"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly", "service-role/AmazonECSTaskExecutionRolePolicy"} {
			found, err := account(t, cloud, id).Policy("arn:" + partition + ":iam::aws:policy/" + name)
			require.NoError(t, err)
			assert.Contains(t, found.Document, "ecr:GetAuthorizationToken")
			// docs/facts.md §1, number 12.
			assert.NotContains(t, found.Document, "CreateLogGroup")
		}
	}
}
