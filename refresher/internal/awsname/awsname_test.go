package awsname_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/awsname"
)

func TestHostsFollowFromTheRegionAndItsPartition(t *testing.T) {
	cases := map[string][4]string{
		"eu-west-1":      {"aws", "sts.eu-west-1.amazonaws.com", "api.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"},
		"ap-southeast-2": {"aws", "sts.ap-southeast-2.amazonaws.com", "api.ecr.ap-southeast-2.amazonaws.com", "123456789012.dkr.ecr.ap-southeast-2.amazonaws.com"},
		"us-gov-west-1":  {"aws-us-gov", "sts.us-gov-west-1.amazonaws.com", "api.ecr.us-gov-west-1.amazonaws.com", "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com"},
		"eusc-de-east-1": {"aws-eusc", "sts.eusc-de-east-1.amazonaws.eu", "api.ecr.eusc-de-east-1.amazonaws.eu", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu"},
		"cn-northwest-1": {"aws-cn", "sts.cn-northwest-1.amazonaws.com.cn", "api.ecr.cn-northwest-1.amazonaws.com.cn", "123456789012.dkr.ecr.cn-northwest-1.amazonaws.com.cn"},
	}
	for name, want := range cases {
		region, err := awsname.ParseRegion(name)
		require.NoError(t, err, name)
		registry, err := awsname.ParseRegistry(want[3])
		require.NoError(t, err, name)
		assert.Equal(t, awsname.Registry{Account: "123456789012", Region: region}, registry)
		assert.Equal(t, want, [4]string{region.Partition.ID, region.STSHost(), region.ECRHost(), registry.Host()})
	}
}

func TestOtherRegionsAreRefused(t *testing.T) {
	for _, name := range []string{"", "eu-west", "EU-WEST-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eu-west-1.stranger.example", "eu-west-1/", "aws-global"} {
		_, err := awsname.ParseRegion(name)
		require.ErrorContains(t, err, "want a Region", name)
	}
}

func TestOtherRegistryHostsAreRefused(t *testing.T) {
	for _, host := range []string{
		"", "public.ecr.aws", "12345.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn",
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com.stranger.example", "stranger.example.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com:8443", "123456789012xdkr.ecr.eu-west-1.amazonaws.com",
	} {
		_, err := awsname.ParseRegistry(host)
		require.ErrorContains(t, err, "no other host is shown the token", host)
	}
}

func TestARoleKeepsItsPath(t *testing.T) {
	for _, arn := range []string{
		"arn:aws:iam::111122223333:role/puller",
		"arn:aws-us-gov:iam::111122223333:role/team/images/puller",
		"arn:aws-eusc:iam::111122223333:role/puller",
		"arn:aws-cn:iam::111122223333:role/" + strings.Repeat("n", 64),
	} {
		role, err := awsname.ParseRole(arn)
		require.NoError(t, err)
		assert.Equal(t, arn, role.String())
	}
	for _, arn := range []string{
		"", "arn:aws:iam::111122223333:user/puller", "arn:aws:iam::111122223333:role/", "arn:aws:iam::1111:role/puller", "arn:aws-iso:iam::111122223333:role/puller",
		"arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/team/*/puller", "arn:aws:iam::111122223333:role/t?am/puller", "arn:aws:iam::111122223333:role//puller",
		"arn:aws:sts::111122223333:assumed-role/puller/session", "arn:aws:iam::111122223333:role/" + strings.Repeat("n", 65),
		"arn:aws:iam::111122223333:role/" + strings.Repeat("p", 512) + "/puller", "arn:aws:iam::111122223333:role/puller\n",
	} {
		_, err := awsname.ParseRole(arn)
		require.ErrorContains(t, err, "want a role's ARN", arn)
	}
}

func TestOnlyASessionOfTheRoleIsTheRole(t *testing.T) {
	role, err := awsname.ParseRole("arn:aws:iam::111122223333:role/team/puller")
	require.NoError(t, err)
	assert.True(t, role.IsSession("arn:aws:sts::111122223333:assumed-role/puller/waybill-refresher"), "a session's ARN has no path")
	for _, caller := range []string{
		"",
		"arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0",
		"arn:aws:sts::444455556666:assumed-role/puller/waybill-refresher",
		"arn:aws-cn:sts::111122223333:assumed-role/puller/waybill-refresher",
		"arn:aws:sts::111122223333:assumed-role/puller2/waybill-refresher",
		"arn:aws:sts::111122223333:assumed-role/Puller/waybill-refresher",
		"arn:aws:sts::111122223333:assumed-role/puller/",
		"arn:aws:sts::111122223333:assumed-role/puller/x/y",
		"arn:aws:sts::111122223333:assumed-role/team/puller/session",
		"arn:aws:sts::111122223333:federated-user/puller",
		"arn:aws:iam::111122223333:role/team/puller",
		"arn:aws:iam::111122223333:root",
	} {
		assert.False(t, role.IsSession(caller), caller)
	}
}

func TestAmazonsWordsComeFromAmazonsHosts(t *testing.T) {
	for _, host := range []string{"sts.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "169.254.170.23", "fd00:ec2::23"} {
		assert.True(t, awsname.Answers(host), host)
	}
	for _, host := range []string{"", "sts.googleapis.com", "europe-west1-docker.pkg.dev", "amazonaws.com.stranger.example", "169.254.169.254"} {
		assert.False(t, awsname.Answers(host), host)
		assert.False(t, awsname.IsAgent(host), host)
	}
}
