package gcp

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAReusedPoolIsExplained(t *testing.T) {
	args := &ImageGrantArgs{Customer: "acme", Product: "shop", Readers: []Reader{{Trust: EntraTrust{}}}}
	hook := explainReusedPool(args)
	retry, err := hook(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 409: Requested entity already exists"}})
	assert.False(t, retry)
	require.ErrorContains(t, err, "Error 409: Requested entity already exists")
	require.ErrorContains(t, err, "Raise gcp.generation to 2")

	_, err = explainReusedProvider(args, args.Readers[0])(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 409"}})
	require.ErrorContains(t, err, "providers undelete acme-azure-provider --workload-identity-pool=acme--shop-azure-pool")
	require.ErrorContains(t, err, "or raise gcp.generation for a new pool")

	args.PoolID, args.Generation = "kept-pool", 2
	_, err = explainReusedProvider(args, args.Readers[0])(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 409"}})
	require.ErrorContains(t, err, "providers undelete acme-azure-2-provider --workload-identity-pool=kept-pool")
	require.ErrorContains(t, err, "or raise gcp.generation for a new provider")
	_, err = explainReusedPool(args)(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 409"}})
	require.ErrorContains(t, err, "Give gcp.pool another ID")

	retry, err = hook(&pulumi.ErrorHookArgs{Errors: []string{"googleapi: Error 403"}})
	assert.False(t, retry)
	assert.NoError(t, err, "other errors stay as they are")
}
