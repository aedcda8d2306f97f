package pool

import (
	"context"
	"sync"
)

// Each calls work with the index of every item, at most so many calls at once,
// and returns when all of them have returned. The items start in their order.
// Once the context has ended nothing new starts; what is not called was not
// started.
func Each(ctx context.Context, items, parallel int, work func(index int)) {
	next := make(chan int)
	var running sync.WaitGroup
	for range min(max(parallel, 1), items) {
		running.Go(func() {
			for index := range next {
				work(index)
			}
		})
	}
	for index := range items {
		if ctx.Err() != nil { // select alone would choose at random between the two
			break
		}
		select {
		case next <- index:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	running.Wait()
}
