package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// testCase is one thing changed, and who must refuse it in what words
// (docs/facts.md §5 and §8).
type testCase struct {
	name, hop string
	words     *regexp.Regexp
	run       func(context.Context) error
}

// try walks the case. Its error is the rehearsal's own: what no hop said.
func (c testCase) try(ctx context.Context) (Refusal, error) {
	refusal := Refusal{Case: c.name, Want: c.hop}
	err := c.run(ctx)
	var by *refused
	switch {
	case errors.As(err, &by):
		refusal.Hop, refusal.Error = by.hop, by.words
		refusal.OK = by.hop == c.hop && c.words.MatchString(by.words)
	case err != nil:
		return refusal, fmt.Errorf("rehearsal: case %q: %w", c.name, err)
	}
	return refusal, nil
}
