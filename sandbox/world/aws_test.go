package world_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func TestAWSAccountsAreRead(t *testing.T) {
	read, err := load(t, `
aws:
  accounts:
    - id: "012345678901"
      partition: aws-cn
      regions: [cn-north-1]
      roles:
        - name: nodes
          path: /eks/
          trust: {Version: "2012-10-17"}
          policies: {pull: {}}
          managedPolicies: ["arn:aws-cn:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"]
      oidcProviders:
        - {url: "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE", clientIds: [sts.amazonaws.com]}
`)
	require.NoError(t, err)
	assert.Equal(t, []world.AWSAccount{{
		ID: "012345678901", Partition: "aws-cn", Regions: []string{"cn-north-1"},
		Roles: []world.AWSRole{{
			Name: "nodes", Path: "/eks/", Trust: json.RawMessage(`{"Version":"2012-10-17"}`),
			Policies:        map[string]json.RawMessage{"pull": json.RawMessage("{}")},
			ManagedPolicies: []string{"arn:aws-cn:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"},
		}},
		OIDCProviders: []world.AWSOIDCProvider{{
			URL: "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE", ClientIDs: []string{"sts.amazonaws.com"},
		}},
	}}, read.AWS.Accounts)
}

func TestEveryWrongAWSIdentityIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
aws:
  accounts:
    - {id: "111111111111", partition: aws-moon}
    - id: "111111111111"
      regions: [eu-west-1]
      roles: [{name: nodes}]
      oidcProviders: [{url: "http://issuer.example"}]
      vpcs: [{id: vpc-1, region: eu-west-1, subnets: [subnet-1], publicSubnets: [subnet-2]}]
    - {id: "1234"}
`)
	for _, want := range []string{
		`aws.accounts[0].partition "aws-moon": want one of ["aws" "aws-us-gov" "aws-cn" "aws-eusc"]`,
		"aws.accounts[0].regions: want a value",
		`aws.accounts[1].id "111111111111": names another account already`,
		"aws.accounts[1].roles[0].trust: want a value",
		`aws.accounts[1].oidcProviders[0].url "http://issuer.example": want an https URL`,
		`aws.accounts[1].vpcs[0].publicSubnets "subnet-2": want one of its subnets`,
		`aws.accounts[2].id "1234": want twelve digits, quoted`,
	} {
		require.ErrorContains(t, err, want)
	}
}
