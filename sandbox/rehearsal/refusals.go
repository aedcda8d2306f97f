package rehearsal

import (
	"cmp"
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

// start is the ServiceAccount token that a walk starts with: what it does not
// set is the refresher's.
type start struct {
	// of is another chain, whose refresher's token it is.
	of *chain
	// cluster whose administrator made the token, for an account that need not
	// exist there; nil for the chain's own cluster, which gives it.
	cluster *cluster
	// namespace and account are the ServiceAccount's; audience is the token's.
	namespace, account string
	audience           *string
	// bound says that it is as a kubelet gets it for a pod, which EKS Auth insists on.
	bound bool
	// forge changes the token before it is shown.
	forge func(token string) (string, error)
}

// subjectToken is the token as it is shown.
func (c *chain) subjectToken(ctx context.Context, s start) (string, error) {
	if s.of != nil {
		c = s.of
	}
	audience := c.audience
	if s.audience != nil {
		audience = *s.audience
	}
	signer, give := c.cluster, c.cluster.accountToken
	if s.cluster != nil {
		signer, give = s.cluster, s.cluster.forged
	}
	token, err := give(ctx, cmp.Or(s.namespace, c.namespace), cmp.Or(s.account, c.account), audience)
	if err == nil && s.bound {
		token, err = signer.boundToPod(token)
	}
	if err != nil || s.forge == nil {
		return token, err
	}
	return s.forge(token)
}

// tokenWords are the words with which one cloud refuses ServiceAccount tokens:
// for whose they are, who issued them, for whom, when, and for their signature.
type tokenWords struct {
	subject, issuer, audience, time, signature *regexp.Regexp
}

// tokenCases change the token that starts the chain, whoever reads it at the hop.
func (c *chain) tokenCases(hop, wrongAudience string, words tokenWords, try func(context.Context, start) error) []testCase {
	with := func(s start) func(context.Context) error {
		return func(ctx context.Context) error { return try(ctx, s) }
	}
	apiServer := ""
	cases := []testCase{
		{"another ServiceAccount", hop, words.subject, with(start{account: "default"})},
		{"the product's own ServiceAccount", hop, words.subject,
			with(start{account: c.deployment.Spec.Template.Spec.ServiceAccountName})},
		{"the same ServiceAccount in another namespace", hop, words.subject, func(ctx context.Context) error {
			return c.inAnotherNamespace(ctx, func(namespace string) error { return try(ctx, start{namespace: namespace}) })
		}},
		{"another cluster's issuer", hop, words.issuer, with(start{forge: anotherIssuer})},
		{"a wrong audience", hop, words.audience, with(start{audience: &wrongAudience})},
		{"the default API token", hop, words.audience, with(start{audience: &apiServer})},
		{"an expired token", hop, words.time, with(start{forge: c.cluster.expired})},
		{"a token signed with another key", hop, words.signature, with(start{forge: anotherKey})},
		{"a token with algorithm none", hop, words.signature, with(start{forge: unsigned})},
		{"a token signed with HS256", hop, words.signature, with(start{forge: c.cluster.symmetric})},
	}
	for _, other := range c.clusters {
		if other != c.cluster {
			cases = append(cases, testCase{"the same ServiceAccount of the cluster " + other.Context(), hop, words.issuer, with(start{cluster: other})})
		}
	}
	return cases
}
