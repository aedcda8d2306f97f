package aws_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
)

func TestARegionDecidesPartitionAndSuffix(t *testing.T) {
	for region, want := range map[string]struct{ name, host, arn string }{
		"us-east-1":      {"aws", "111122223333.dkr.ecr.us-east-1.amazonaws.com", "arn:aws:ecr:us-east-1:111122223333:repository/acme"},
		"ap-southeast-5": {"aws", "111122223333.dkr.ecr.ap-southeast-5.amazonaws.com", "arn:aws:ecr:ap-southeast-5:111122223333:repository/acme"},
		"us-gov-west-1":  {"aws-us-gov", "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com", "arn:aws-us-gov:ecr:us-gov-west-1:111122223333:repository/acme"},
		"eusc-de-east-1": {"aws-eusc", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "arn:aws-eusc:ecr:eusc-de-east-1:111122223333:repository/acme"},
		"cn-northwest-1": {"aws-cn", "111122223333.dkr.ecr.cn-northwest-1.amazonaws.com.cn", "arn:aws-cn:ecr:cn-northwest-1:111122223333:repository/acme"},
	} {
		partition, err := aws.PartitionOf(region)
		require.NoError(t, err)
		assert.Equal(t, want.name, partition.Name)
		repository := aws.RepositoryRef{Account: "111122223333", Region: region, Name: "acme"}
		assert.Equal(t, want.host, repository.Host())
		assert.Equal(t, want.arn, repository.ARN())
	}
}

func TestIsolatedPartitionsAreNamedAsNotSupported(t *testing.T) {
	for _, region := range []string{"us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1"} {
		_, err := aws.PartitionOf(region)
		assert.ErrorIs(t, err, aws.ErrIsolated)
		assert.ErrorContains(t, err, "want one of aws, aws-us-gov, aws-cn, aws-eusc")
	}
}

func TestWhatIsNoRegionIsRefused(t *testing.T) {
	for _, region := range []string{"", "europe-west1", "us-east", "us-east-1a", "US-EAST-1", "us-east-1.evil.example", "xus-east-1", "us-east-1\n"} {
		_, err := aws.PartitionOf(region)
		assert.ErrorContains(t, err, "want an AWS Region such as eu-central-1, us-gov-west-1 or cn-north-1", region)
	}
}
