package gcp

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAReusedPoolIsExplained(t *testing.T) {
	hook := explainReusedPool("acme--shop-azure-pool", 0)
	retry, err := hook(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 409: Requested entity already exists"}})
	assert.False(t, retry)
	require.ErrorContains(t, err, "Error 409: Requested entity already exists")
	require.ErrorContains(t, err, "Raise gcp.generation to 2")

	_, err = explainReusedProvider("acme--shop-azure-pool", "acme-azure-provider")(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 409"}})
	require.ErrorContains(t, err, "providers undelete acme-azure-provider --workload-identity-pool=acme--shop-azure-pool")

	retry, err = hook(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 403"}})
	assert.False(t, retry)
	assert.NoError(t, err, "other errors stay as they are")
}
