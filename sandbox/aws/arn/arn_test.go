package arn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/arn"
)

func TestNamesFollowTheRegionsPartition(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1":   "arn:aws:ecr:eu-central-1:111122223333:repository/acme",
		"us-gov-west-1":  "arn:aws-us-gov:ecr:us-gov-west-1:111122223333:repository/acme",
		"cn-northwest-1": "arn:aws-cn:ecr:cn-northwest-1:111122223333:repository/acme",
	} {
		place := arn.Place{Account: "111122223333", Region: region}
		assert.Equal(t, want, place.ARN("ecr", "repository/acme"))
		name, ok := arn.Parse(want)
		require.True(t, ok)
		assert.Equal(t, place, name.Place())
	}
	assert.Equal(t, "amazonaws.com.cn", arn.PartitionOf("cn-north-1").Suffix)
	assert.Equal(t, "arn:aws-cn:iam::111122223333:role/a", arn.Place{Account: "111122223333", Region: "cn-north-1"}.Global("iam", "role/a"))
}

func TestOnlySixPartsAreAnARN(t *testing.T) {
	for _, text := range []string{"", "acme", "arn:aws:iam::111122223333", "urn:aws:iam::111122223333:role/a", "arn::iam::111122223333:role/a"} {
		_, ok := arn.Parse(text)
		assert.False(t, ok, text)
	}
}

func TestARoleBelongsToOneAccountOfOnePartition(t *testing.T) {
	place := arn.Place{Account: "111122223333", Region: "eu-central-1"}
	for text, want := range map[string]bool{
		"arn:aws:iam::111122223333:role/apps/acme": true,
		"arn:aws:iam::444455556666:role/acme":      false,
		"arn:aws-cn:iam::111122223333:role/acme":   false,
		"arn:aws:iam::111122223333:user/acme":      false,
		"arn:aws:sts::111122223333:role/acme":      false,
	} {
		name, ok := arn.Parse(text)
		require.True(t, ok)
		assert.Equal(t, want, name.IsRoleOf(place), text)
	}
}
