package gcp

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/internal/errorhook"
)

// explainReusedPool is the error hook of a pool: where Google refuses its ID,
// it says what an operator can do. It never asks for another attempt. A deleted pool
// is found by no look-up: to the provider it is gone.
func explainReusedPool(args *ImageGrantArgs) pulumi.ErrorHookFunction {
	pool := args.poolID()
	another := fmt.Sprintf("Raise gcp.generation to %d for a new ID", max(args.Generation, 1)+1)
	if args.PoolID != "" {
		another = "Give gcp.pool another ID"
	}
	return explain(fmt.Sprintf("the pool ID %q is taken: a deleted pool keeps its ID for 30 days. "+
		"%s, or bring the old pool back with "+
		"`gcloud iam workload-identity-pools undelete %s --location=global --project=%s` and import it",
		pool, another, pool, args.Project))
}

// explainReusedProvider is the same of a provider.
func explainReusedProvider(args *ImageGrantArgs, r Reader) pulumi.ErrorHookFunction {
	provider, another := args.providerID(r), "pool"
	if args.PoolID != "" {
		another = "provider"
	}
	return explain(fmt.Sprintf("the provider ID %q is taken: a deleted provider keeps its ID for 30 days. "+
		"Bring it back with `gcloud iam workload-identity-pools providers undelete %s --workload-identity-pool=%s --location=global "+
		"--project=%s` and import it, or raise gcp.generation for a new %s", provider, provider, args.poolID(), args.Project, another))
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

// explains lets a child's error say more.
func (b *imageGrantBuilder) explains(child string, hear pulumi.ErrorHookFunction) pulumi.ResourceOption {
	return errorhook.Option(b.ctx, b.name+"-reused-"+child, b.children.Name(child)+": an ID that is taken is not explained", hear)
}
