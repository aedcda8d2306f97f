package gcp

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// explainReusedPool is the error hook of a pool: where Google refuses its ID,
// it says what an operator can do. It never asks for another attempt.
func explainReusedPool(pool string, generation int) pulumi.ErrorHookFunction {
	return explain(fmt.Sprintf("the pool ID %q is taken: a deleted pool keeps its ID for 30 days. "+
		"Raise gcp.generation to %d for a new ID, or bring the old pool back with "+
		"`gcloud iam workload-identity-pools undelete %s --location=global` and import it",
		pool, max(generation, 1)+1, pool))
}

// explainReusedProvider is the same of a provider.
func explainReusedProvider(pool, provider string) pulumi.ErrorHookFunction {
	return explain(fmt.Sprintf("the provider ID %q is taken: a deleted provider keeps its ID for 30 days. "+
		"Bring it back with `gcloud iam workload-identity-pools providers undelete %s --workload-identity-pool=%s --location=global` and import it, "+
		"or raise gcp.generation for a new pool", provider, provider, pool))
}

// explain adds a remedy to Google's answer that an ID is taken.
func explain(remedy string) pulumi.ErrorHookFunction {
	return func(args *pulumi.ErrorHookArgs) (bool, error) {
		for _, text := range args.Errors {
			if strings.Contains(text, "Error 409") {
				return false, fmt.Errorf("%s: %s", text, remedy)
			}
		}
		return false, nil
	}
}

func onError(hook *pulumi.ErrorHook) pulumi.ResourceOption {
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{hook}})
}
