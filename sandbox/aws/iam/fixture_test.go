package iam_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/world"
)

const (
	customer = "222222222222"
	vendor   = "111111111111"
	issuer   = "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"

	ecsTrust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowPull = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}]}`
	ecrRead   = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
)

func existing() world.AWS {
	return world.AWS{Accounts: []world.AWSAccount{
		{ID: vendor, Regions: []string{"eu-west-1"}},
		{
			ID: customer, Regions: []string{"eu-west-1"},
			OIDCProviders: []world.AWSOIDCProvider{{URL: issuer, ClientIDs: []string{"sts.amazonaws.com"}}},
			Roles: []world.AWSRole{{
				Name: "nodes", Path: "/eks/", Trust: json.RawMessage(ecsTrust),
				Policies: map[string]json.RawMessage{"pull": json.RawMessage(allowPull)}, ManagedPolicies: []string{ecrRead},
			}},
		},
		{ID: "333333333333", Partition: "aws-cn", Regions: []string{"cn-north-1"}},
	}}
}

func open(t *testing.T) (cloud *iam.Cloud, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "iam.json")
	cloud, err := iam.Open(path, existing(), func() time.Time { return time.Unix(1795298460, 0) })
	require.NoError(t, err)
	return cloud, path
}

func account(t *testing.T, cloud *iam.Cloud, id string) *iam.Account {
	t.Helper()
	found, err := cloud.Account(id)
	require.NoError(t, err)
	return found
}

func role(t *testing.T, of *iam.Account, name, path string) iam.Role {
	t.Helper()
	made, err := of.CreateRole(iam.RoleSettings{Name: name, Path: path, TrustPolicy: ecsTrust})
	require.NoError(t, err)
	return made
}

// requireRefused wants a refusal with a code and these words.
func requireRefused(t *testing.T, err error, code, words string) {
	t.Helper()
	require.Error(t, err)
	assert.True(t, fault.Has(err, code), "want %s: %v", code, err)
	assert.ErrorContains(t, err, words)
}

// trusting is a trust policy that names a principal.
func trusting(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
}

// padded is a good policy of this many characters without white space, and some with.
func padded(characters int) string {
	const frame = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/"}]}`
	return strings.Replace(frame, `repository/`, `repository/`+strings.Repeat("a", characters-len(frame)), 1) + "   \n"
}
