package aws_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/provider/providertest"
)

func TestALogGroupHasTheOutputsOfCloudWatch(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(logGroupToken, "acme", map[string]any{"name": "/ecs/acme", "retentionInDays": 30, "tags": map[string]any{"customer": "acme"}})
	assert.Equal(t, "/ecs/acme", string(created.ID))
	assert.Equal(t, "arn:aws:logs:eu-central-1:222222222222:log-group:/ecs/acme", created.Text(t, "arn"))
	assert.Equal(t, created.Inputs, engine.Refresh(created).Inputs)
	shorter := map[string]any{"name": "/ecs/acme", "retentionInDays": 7}
	assert.False(t, engine.Diff(created, shorter).Replace())
	_, err := engine.Update(created, shorter)
	require.NoError(t, err)
	found, ok := cloud.Logs.Group(customerPlace, "/ecs/acme")
	require.True(t, ok)
	assert.Equal(t, 7, found.RetentionInDays)
	assert.Empty(t, found.Tags)
}

func TestLogGroupsThatCloudWatchRefuses(t *testing.T) {
	refusals(t, customer, logGroupToken, map[string]refusal{
		"a space":       {inputs: map[string]any{"name": "a b"}, want: "creating CloudWatch Logs Log Group (a b): operation error CloudWatch Logs: CreateLogGroup, https response error StatusCode: 400, InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName'"},
		"too long":      {inputs: map[string]any{"name": strings.Repeat("a", 513)}, want: "Member must have length between 1 and 512"},
		"reserved":      {inputs: map[string]any{"name": "aws/acme"}, want: "Log groups starting with AWS/ are reserved for AWS."},
		"retention":     {inputs: map[string]any{"name": "a", "retentionInDays": 31}, want: "expected retention_in_days to be one of [0 1 3 5 7"},
		"class":         {inputs: map[string]any{"name": "a", "logGroupClass": "GOLD"}, want: "logGroupClass: the sandbox does not model it"},
		"a foreign key": {inputs: map[string]any{"name": "a", "kmsKeyId": "arn:aws:kms:us-east-1:222222222222:key/1"}, want: "The specified KMS key does not exist or is not allowed to be used"},
		"twice": {
			inputs: map[string]any{"name": "a"}, want: "ResourceAlreadyExistsException: The specified log group already exists",
			before: func(_ *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
				engine.MustCreate(logGroupToken, "first", map[string]any{"name": "a"})
			},
		},
	})
}

func TestStreamsBelongToAGroupThatExists(t *testing.T) {
	cloud, engine := as(t, customer)
	require.ErrorContains(t, cloud.Logs.CreateStream(customerPlace, "/ecs/acme", "s"), "ResourceNotFoundException: The specified log group does not exist.")
	created := engine.MustCreate(logGroupToken, "acme", map[string]any{"name": "/ecs/acme"})
	require.ErrorContains(t, cloud.Logs.Put(customerPlace, "/ecs/acme", "s"), "ResourceNotFoundException: The specified log stream does not exist.")
	require.ErrorContains(t, cloud.Logs.CreateStream(customerPlace, "/ecs/acme", "a:b"), "logStreamName")
	require.NoError(t, cloud.Logs.CreateStream(customerPlace, "/ecs/acme", "s"))
	require.ErrorContains(t, cloud.Logs.CreateStream(customerPlace, "/ecs/acme", "s"), "ResourceAlreadyExistsException: The specified log stream already exists")
	require.NoError(t, cloud.Logs.Put(customerPlace, "/ecs/acme", "s"))
	require.NoError(t, engine.Delete(created))
	_, ok := cloud.Logs.Group(customerPlace, "/ecs/acme")
	assert.False(t, ok)
}
