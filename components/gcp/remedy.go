package gcp

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// explainReusedPool is the error hook of a pool: where Google refuses its ID,
// it says what an operator can do. It never asks for another attempt.
func explainReusedPool(pool string, generation int) pulumi.ErrorHookFunction {
	return func(args *pulumi.ErrorHookArgs) (bool, error) {
		for _, text := range args.Errors {
			if strings.Contains(text, "Error 409") {
				return false, fmt.Errorf("%s: the pool ID %q is taken: a deleted pool keeps its ID for 30 days. "+
					"Raise gcp.generation to %d for a new ID, or bring the old pool back with "+
					"`gcloud iam workload-identity-pools undelete %s --location=global` and import it",
					text, pool, max(generation, 1)+1, pool)
			}
		}
		return false, nil
	}
}
