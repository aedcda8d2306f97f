// Package settle retries a resource while its cloud does not yet know a new
// account, identity or role everywhere. Only this package says which refusals are
// temporary, and how long to retry them.
package settle

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/internal/errorhook"
)

// Cloud is what settles in one cloud.
type Cloud []refusal

// refusal is an answer that passes by itself.
type refusal struct {
	// texts all stand in the error.
	texts []string
	// first is the least pause before the second attempt; it doubles up to longest.
	// Half as much again is added at random, so that two losers do not meet again.
	first, longest time.Duration
	// attempts is how many there are in all: fewer than the 100 after which the
	// engine gives up with a message of its own in place of the cloud's.
	attempts int
}

// isNew is the refusal of what refers to something new. Google documents that
// changes to IAM take 2 minutes typically
// (https://cloud.google.com/iam/docs/access-change-propagation), and AWS's provider
// waits as long (https://github.com/hashicorp/terraform-provider-aws/pull/34717).
// Without the random part, 15 attempts take 2½ minutes.
func isNew(texts ...string) refusal {
	return refusal{texts: texts, first: 500 * time.Millisecond, longest: 15 * time.Second, attempts: 15}
}

// Google is what refers to a new service account, a pool or the service agent of a
// project: bindings, and a pool's provider. This version of the Google provider does
// not try again by itself.
var Google = Cloud{
	// A binding's member: "Service account … does not exist.", "Identity Pool does not
	// exist (…)" (https://github.com/terraform-google-modules/terraform-google-kubernetes-engine/issues/916).
	isNew("Error 400", "does not exist"),
	// The policy of a new account, which Google says does not exist or hides
	// (https://github.com/hashicorp/terraform-provider-google/issues/15042).
	isNew("Error 404", "service account"),
	isNew("Error 403", "may not exist"),
	isNew("Error 403", "is required to perform this operation on service account"),
	// A provider of a new pool.
	isNew("Error 404", "WorkloadIdentityPoolProvider"),
}

// Azure is what a federated credential meets on its identity.
var Azure = Cloud{
	// Written right after the identity was made
	// (https://github.com/hashicorp/terraform-provider-azurerm/issues/32179,
	// https://github.com/Azure/Azure-Verified-Modules/pull/2673).
	isNew("ParentResourceNotFound"),
	isNew("MS Graph resource not found"),
	// Written at the same time as another of the same identity (docs/facts.md §2). With
	// a full identity 20 deletions race, one succeeds at a time, and each losing
	// attempt waits longer than a write.
	{
		texts: []string{"ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"},
		first: 2 * time.Second, longest: 2 * time.Second, attempts: 40,
	},
}

// AWS is what names a new role: a policy's principal, an association, a service.
var AWS = Cloud{
	// https://github.com/hashicorp/terraform-provider-aws/issues/39064
	isNew("Principal not found"),
	// https://github.com/hashicorp/terraform-provider-aws/pull/12436
	isNew("MalformedPolicyDocument", "Invalid principal in policy"),
	// https://github.com/hashicorp/terraform-provider-aws/pull/34717
	isNew("InvalidParameter", "Role provided in the request does not exist"),
	// https://github.com/hashicorp/terraform-provider-aws/issues/38538,
	// https://github.com/hashicorp/terraform/issues/4375
	isNew("InvalidParameter", "nable to assume"),
}

// Option lets resources be tried again while their cloud settles. Its hook is named
// after a resource or component of the stack, and has to be registered for as long as
// the state holds what uses it. What stays refused fails with the cloud's last words,
// which explain gets before.
func Option(ctx *pulumi.Context, resource string, cloud Cloud, explain ...func(text string)) pulumi.ResourceOption {
	return errorhook.Option(ctx, resource+"-settles", resource+" is not tried again where its cloud settles", cloud.retry(time.Sleep, explain...))
}

// retry asks for another attempt where the newest error, which stands first, settles.
func (c Cloud) retry(sleep func(time.Duration), explain ...func(text string)) pulumi.ErrorHookFunction {
	return func(args *pulumi.ErrorHookArgs) (bool, error) {
		n := len(args.Errors)
		if n == 0 {
			return false, nil
		}
		at := slices.IndexFunc(c, func(r refusal) bool { return r.is(args.Errors[0]) })
		if at < 0 || n >= c[at].attempts {
			for _, each := range explain {
				each(args.Errors[0])
			}
			return false, nil
		}
		sleep(c[at].pause(n))
		return true, nil
	}
}

func (r refusal) is(text string) bool {
	return !slices.ContainsFunc(r.texts, func(part string) bool { return !strings.Contains(text, part) })
}

// pause is how long to wait after the nth attempt.
func (r refusal) pause(n int) time.Duration {
	least := r.longest
	if doubled := r.first << min(n-1, 20); doubled < least {
		least = doubled
	}
	return least + rand.N(least/2) //nolint:gosec // not a secret
}
