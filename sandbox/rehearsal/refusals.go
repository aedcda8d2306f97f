package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// testCase is one thing changed, and who must refuse it in what words
// (docs/facts.md §5 and §8).
type testCase struct {
	name, hop string
	words     *regexp.Regexp
	run       func(context.Context) error
}

// anyWords are those of a case that compares what is deployed by itself.
var anyWords = regexp.MustCompile("")

// serverCases are those that no deployment can make fail, by their names: the
// clouds' servers refuse them by themselves.
var serverCases = []string{
	"another cluster's issuer", "an expired token", "a token signed with another key", "a token with algorithm none", "a token signed with HS256",
	"another tenant's token with this identity's IDs", "an Entra token of version 1", "a subject of more than 127 bytes",
	"the project's ID in place of its number", "a token of another Region",
}

// kind is whom a case tries. EKS Auth looks at tokens whatever is deployed.
func (c testCase) kind() string {
	if slices.Contains(serverCases, c.name) || strings.HasPrefix(c.name, entraTenant) || c.words == podToken {
		return KindServers
	}
	return KindDeployment
}

// try walks the case. Its error is the rehearsal's own: what no hop said.
func (c testCase) try(ctx context.Context) (Refusal, error) {
	refusal := Refusal{Case: c.name, Kind: c.kind(), Want: c.hop}
	err := c.run(ctx)
	var by *refused
	var open allowed
	switch {
	case errors.As(err, &open):
		refusal.Error = open.Error()
	case errors.As(err, &by):
		refusal.Hop, refusal.Error = by.hop, by.words
		refusal.OK = by.hop == c.hop && c.words.MatchString(by.words)
	case err != nil:
		return refusal, fmt.Errorf("rehearsal: case %q: %w", c.name, err)
	}
	return refusal, nil
}
