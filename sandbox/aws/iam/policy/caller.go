package policy

import "slices"

// CallerKind is what makes a request.
type CallerKind string

// The kinds of callers.
const (
	// RoleSession is a session of a role.
	RoleSession CallerKind = "role session"
	// User is an IAM user.
	User CallerKind = "user"
	// Service is an AWS service that calls directly.
	Service CallerKind = "service"
	// WebIdentity is the holder of a token of an OIDC provider.
	WebIdentity CallerKind = "web identity"
)

// Caller is who makes a request.
type Caller struct {
	Kind CallerKind
	// Account is the caller's account; empty for services and web identities.
	Account string
	// ARN is that of the session or user; for a service its name, for a web
	// identity the ARN of the provider.
	ARN string
	// RoleARN is the ARN, path included, of a session's role.
	RoleARN string
	// UniqueID is that of the role or user, AROA… or AIDA….
	UniqueID string
}

// match says in which way a principal element names a caller. The order
// matters: a later one grants more within one account.
type match int

const (
	// named not at all.
	unnamed match = iota
	// byAccount leaves the decision to the account's own policies.
	byAccount
	// byRole grants to the role: a boundary still limits.
	byRole
	// directly grants to the session, the user, or everyone:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
	directly
)

// names says how the principals name the caller. bindings are the unique IDs
// that ARNs had when the document was stored; an ARN that has none is compared
// as text.
func (p *Principals) names(caller Caller, bindings map[string]string) match {
	if p.Everyone {
		return directly
	}
	services := map[CallerKind][]string{Service: p.Service, WebIdentity: p.Federated}
	if names, has := services[caller.Kind]; has {
		if slices.Contains(names, caller.ARN) {
			return directly
		}
		return unnamed
	}
	best := unnamed
	for _, name := range p.AWS {
		best = max(best, nameOf(name, caller, bindings))
	}
	return best
}

func nameOf(name string, caller Caller, bindings map[string]string) match {
	whole := byRole
	if caller.Kind == User {
		whole = directly
	}
	if account, isAccount := accountOf(name); isAccount {
		if account == caller.Account {
			return byAccount
		}
		return unnamed
	}
	// A name that stood for a role that is gone stands for nobody, and not for
	// another role of the same name (docs/facts.md §1).
	if bound, ok := bindings[name]; ok {
		if bound == caller.UniqueID {
			return whole
		}
		return unnamed
	}
	switch {
	case name == caller.UniqueID && name != "", caller.Kind == RoleSession && name == caller.RoleARN:
		return whole
	case name == caller.ARN:
		return directly
	}
	return unnamed
}
