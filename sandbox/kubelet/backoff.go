package kubelet

import "time"

// A node waits 10 seconds at first and 5 minutes at most; a rehearsal that
// somebody watches waits less.
const (
	backoffFirst = time.Second
	backoffMost  = 10 * time.Second
)

// backoff doubles from time to time.
type backoff struct{ count int }

func (b *backoff) next() time.Duration {
	delay := backoffFirst
	for i := 0; i < b.count && delay < backoffMost; i++ {
		delay *= 2
	}
	b.count++
	return min(delay, backoffMost)
}
