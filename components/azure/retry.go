package azure

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// concurrentWrites is the code of Azure's refusal (docs/facts.md §2).
	concurrentWrites = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
	// writeAttempts bounds the retries. With a full identity 20 deletions race,
	// one succeeds at a time, and each losing attempt waits longer than a write.
	writeAttempts = 40
	// retryPause is the least pause before another attempt; half as much again
	// is added at random, so that two losers do not meet again.
	retryPause = 2 * time.Second
)

// retryConcurrentWrites is the error hook of a federated credential: it asks
// for another attempt where Azure refused one because of a concurrent write on
// the same identity, and leaves every other error as it is.
func retryConcurrentWrites(sleep func(time.Duration)) pulumi.ErrorHookFunction {
	return func(args *pulumi.ErrorHookArgs) (bool, error) {
		if len(args.Errors) == 0 || len(args.Errors) >= writeAttempts {
			return false, nil
		}
		// The newest error may stand first or last; every earlier one was retried
		// for the same reason.
		for _, text := range args.Errors {
			if !strings.Contains(text, concurrentWrites) {
				return false, nil
			}
		}
		sleep(retryPause + rand.N(retryPause/2)) //nolint:gosec // not a secret
		return true, nil
	}
}
