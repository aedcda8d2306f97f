package azure

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyConcurrentWritesAreTriedAgain(t *testing.T) {
	conflict := "Status=409 Code=\"" + concurrentWrites + "\""
	many := make([]string, writeAttempts)
	for i := range many {
		many[i] = conflict
	}
	for name, c := range map[string]struct {
		errors []string
		retry  bool
	}{
		"nothing went wrong":     {nil, false},
		"a concurrent write":     {[]string{conflict}, true},
		"several of them":        {[]string{conflict, conflict}, true},
		"another error":          {[]string{"Status=403"}, false},
		"another error after it": {[]string{conflict, "Status=403"}, false},
		"too many of them":       {many, false},
	} {
		t.Run(name, func(t *testing.T) {
			var slept []time.Duration
			hook := retryConcurrentWrites(func(d time.Duration) { slept = append(slept, d) })
			retry, err := hook(&pulumi.ErrorHookArgs{Errors: c.errors})
			require.NoError(t, err)
			assert.Equal(t, c.retry, retry)
			if !c.retry {
				assert.Empty(t, slept)
				return
			}
			require.Len(t, slept, 1)
			assert.GreaterOrEqual(t, slept[0], retryPause)
			assert.Less(t, slept[0], 2*retryPause)
		})
	}
}
