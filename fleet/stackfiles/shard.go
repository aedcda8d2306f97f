package stackfiles

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is the share of one of several runners.
type Shard struct {
	// Index counts from 1.
	Index, Count int
}

// ParseShard reads INDEX/COUNT; an empty text is the only shard of one.
func ParseShard(text string) (Shard, error) {
	if text == "" {
		return Shard{Index: 1, Count: 1}, nil
	}
	index, count, _ := strings.Cut(text, "/")
	i, notIndex := strconv.Atoi(index)
	n, notCount := strconv.Atoi(count)
	if notIndex != nil || notCount != nil || i < 1 || i > n {
		return Shard{}, fmt.Errorf("--shard %q: want INDEX/COUNT with an index from 1 to the count, for example 2/4", text)
	}
	return Shard{Index: i, Count: n}, nil
}

// String is INDEX/COUNT.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// Of deals the stacks out one by one, so that shards differ by one stack at
// most and neighbours by name, which are often alike, go to different runners.
// Every runner has to deal the same list: the same files and the same patterns.
func (s Shard) Of(stacks []Stack) []Stack {
	var own []Stack
	for i, stack := range stacks {
		if i%s.Count == s.Index-1 {
			own = append(own, stack)
		}
	}
	return own
}

// Deal gives the shards of so many runners that have a stack to look at.
func Deal(stacks []Stack, runners int) []Shard {
	var shards []Shard
	for index := 1; index <= min(runners, len(stacks)); index++ {
		shards = append(shards, Shard{Index: index, Count: runners})
	}
	return shards
}
