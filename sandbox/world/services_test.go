package world_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func TestWhatLiesInTheRegionsOfAnAccountIsRead(t *testing.T) {
	read, err := load(t, `
aws:
  accounts:
    - id: "111122223333"
      regions: [eu-central-1]
      vpcs: [{id: vpc-1, region: eu-central-1, subnets: [subnet-1], securityGroups: [sg-1]}]
      eksClusters: [{name: apps, region: eu-central-1, issuer: "https://oidc.example/id/1", context: apps, podIdentityAgent: true}]
      ecsClusters: [{name: apps, region: eu-central-1}]
      repositories: [{region: eu-central-1, name: acme/server, tags: ["1.0"]}]
      releases: ["eu-central-1/acme/server:1.1"]
      pusher: release
      roles: [{name: release, trust: {}}]
kubernetes:
  clusters: [{context: apps, issuer: "https://oidc.example/id/1"}]
`)
	require.NoError(t, err)
	account := read.AWS.Accounts[0]
	assert.Equal(t, []world.VPC{{ID: "vpc-1", Region: "eu-central-1", Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}}}, account.VPCs)
	assert.True(t, account.EKSClusters[0].PodIdentityAgent)
	assert.Equal(t, []world.ECSCluster{{Name: "apps", Region: "eu-central-1"}}, account.ECSClusters)
	assert.Equal(t, []string{"1.0"}, account.Repositories[0].Tags)
	release, err := world.ParseECRRelease(account.Releases[0])
	require.NoError(t, err)
	assert.Equal(t, world.Release{Location: "eu-central-1", Repository: "acme/server", Image: world.Image{Name: "acme/server", Tag: "1.1"}}, release)
}

func TestEveryWrongThingInARegionIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
aws:
  accounts:
    - id: "111122223333"
      regions: [eu-central-1]
      vpcs: [{region: us-east-1}]
      eksClusters:
        - {name: apps, region: eu-central-1, issuer: "https://oidc.example/id/2", context: apps}
        - {name: other, region: eu-central-1, issuer: "https://oidc.example/id/2", context: other}
        - {region: eu-central-1, context: apps}
      ecsClusters: [{region: eu-central-1}]
      repositories: [{region: eu-central-1, name: Acme, tags: ["a b"]}]
      releases: ["acme:1.0", "us-east-1/acme:1.0"]
      pusher: release
kubernetes:
  clusters: [{context: apps, issuer: "https://oidc.example/id/1"}]
`)
	for _, want := range []string{
		`aws.accounts[0].vpcs[0].region "us-east-1": want one of the account's Regions`,
		"aws.accounts[0].vpcs[0].id: want a value",
		`aws.accounts[0].eksClusters[0].issuer "https://oidc.example/id/2": want the issuer of kubernetes.clusters[0]`,
		`aws.accounts[0].eksClusters[1].context "other": want the context of one of kubernetes.clusters`,
		"aws.accounts[0].eksClusters[2].name: want a value",
		`aws.accounts[0].pusher "release": want the one who pushes the releases`,
		"aws.accounts[0].ecsClusters[0].name: want a value",
		`aws.accounts[0].repositories[0].name "Acme"`,
		`aws.accounts[0].repositories[0].tags[0] "a b"`,
		`aws.accounts[0].releases[0] "acme:1.0": want REGION/REPOSITORY:TAG`,
		`aws.accounts[0].releases[1].region "us-east-1"`,
	} {
		assert.ErrorContains(t, err, want)
	}
}
