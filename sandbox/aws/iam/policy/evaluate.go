package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Request is what a caller wants to do.
type Request struct {
	Caller Caller
	// Action is SERVICE:NAME, for example ecr:BatchGetImage.
	Action string
	// Resource is the ARN of what it acts on, or "*" for an action without one.
	Resource string
	// Account is the ID of the account that owns the resource; empty for the
	// caller's own.
	Account string
	Context Context
}

// Attached is a document in force somewhere.
type Attached struct {
	*Document
	// Name is what messages call it: the ARN of a managed policy, or "".
	Name string
	// Bindings are the unique IDs that the document's principals had when it was
	// stored, by ARN. A principal that has none is compared as text.
	Bindings map[string]string
}

// Policies are everything that applies to a request.
type Policies struct {
	// Identity are the policies of the caller.
	Identity []Attached
	// Boundary is the permissions boundary of the caller, or nil.
	Boundary *Attached
	// Resource is the policy of the resource, a role's trust policy included,
	// or nil.
	Resource *Attached
}

// Source is the type of policy that decided.
type Source string

// The sources, in the words of AWS.
const (
	IdentityPolicy Source = "identity-based policy"
	ResourcePolicy Source = "resource-based policy"
	TrustPolicy    Source = "role trust policy"
	BoundaryPolicy Source = "permissions boundary"
)

// Decision is the answer to a request.
type Decision struct {
	Allowed bool
	// Explicit says that a Deny statement decided.
	Explicit bool
	// Source is the type of policy that allowed, denied, or failed to allow.
	Source Source
	// Policy is the name of the document that decided, where it has one.
	Policy string
	// Request is what was decided.
	Request Request
}

// Reason is why a request is refused, in the words of AWS
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html);
// it is empty where the request is allowed.
func (d Decision) Reason() string {
	if d.Allowed {
		return ""
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", d.Request.Caller.ARN, d.Request.Action)
	if d.Request.Resource != "" {
		text += " on resource: " + d.Request.Resource
	}
	if !d.Explicit {
		return text + fmt.Sprintf(" because no %s allows the %s action", d.Source, d.Request.Action)
	}
	articles := map[Source]string{IdentityPolicy: "an", TrustPolicy: "the"}
	text += fmt.Sprintf(" with an explicit deny in %s %s", cmp.Or(articles[d.Source], "a"), d.Source)
	if strings.HasPrefix(d.Policy, "arn:") {
		text += ": " + d.Policy
	}
	return text
}

// Evaluate decides a request by docs/facts.md §7 and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html:
// an explicit deny anywhere wins; a caller of another account needs both its own
// policies and the resource's; within one account either side is enough, but a
// resource policy that names the account leaves the decision to the caller's
// policies, one that names the role is still limited by the boundary, and one
// that names the session, the user or everyone is not. A trust policy must always
// allow. Services and web identities have no policies of their own.
func Evaluate(request Request, policies Policies) Decision {
	own := request.side(IdentityPolicy, policies.Identity)
	boundary := verdict{source: BoundaryPolicy, allowed: true}
	if policies.Boundary != nil {
		boundary = request.side(BoundaryPolicy, []Attached{*policies.Boundary})
	}
	resource := verdict{source: ResourcePolicy}
	if policies.Resource != nil {
		if policies.Resource.Kind == Trust {
			resource.source = TrustPolicy
		}
		resource = request.side(resource.source, []Attached{*policies.Resource})
	}
	for _, v := range []verdict{own, resource, boundary} {
		if v.denied {
			return request.decide(v, false)
		}
	}
	if request.Caller.Kind == Service || request.Caller.Kind == WebIdentity {
		return request.decide(resource, resource.allowed)
	}
	granted := resource.named
	if !resource.allowed {
		granted = unnamed
	}
	// Trust policies are the exception within an account:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
	another := request.Account != "" && request.Account != request.Caller.Account
	if granted == unnamed && resource.source == TrustPolicy {
		return request.decide(resource, false)
	}
	if !another && granted == directly {
		return request.decide(resource, true)
	}
	needed := []verdict{own, boundary}
	switch {
	case another:
		needed = append(needed, resource)
	case granted == byRole:
		needed[0] = resource
	}
	for _, v := range needed {
		if !v.allowed {
			return request.decide(v, false)
		}
	}
	return request.decide(needed[0], true)
}

// verdict is what the policies of one source say.
type verdict struct {
	source          Source
	allowed, denied bool
	// named is how the strongest statement that allows names the caller.
	named  match
	policy string
}

func (r Request) decide(v verdict, allowed bool) Decision {
	return Decision{
		Allowed: allowed, Explicit: v.denied, Source: v.source,
		Policy: v.policy, Request: r,
	}
}

func (r Request) side(source Source, policies []Attached) verdict {
	result := verdict{source: source}
	for _, policy := range policies {
		for _, statement := range policy.Statements {
			named := r.applies(policy, statement)
			switch {
			case named == unnamed:
			case statement.Effect == Deny && !result.denied:
				result.denied, result.policy = true, policy.Name
			case statement.Effect == Allow && !result.denied && (!result.allowed || named > result.named):
				result.allowed, result.named, result.policy = true, named, policy.Name
			}
		}
	}
	return result
}

// applies says whether a statement applies to the request, and how it names the
// caller; one without principals is the caller's own.
func (r Request) applies(policy Attached, s Statement) match {
	named := directly
	if s.Principals != nil {
		named = s.Principals.names(r.Caller, policy.Bindings)
	}
	action := func(of string) bool { return matchesAction(of, r.Action) }
	resource := func(of string) bool {
		return matchesResource(of, r.Resource)
	}
	if named == unnamed ||
		s.Actions != nil && !slices.ContainsFunc(s.Actions, action) ||
		s.Resources != nil && !slices.ContainsFunc(s.Resources, resource) {
		return unnamed
	}
	for name, keys := range s.Conditions {
		operator, _ := parseOperator(name) // it was known when the document was read
		for key, wanted := range keys {
			if !operator.holds(wanted, r.Context.Values(key)) {
				return unnamed
			}
		}
	}
	return named
}
