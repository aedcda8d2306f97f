package aws

import (
	"cmp"
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/policy"
	"waybill.example/waybill/components/internal/settle"
)

// Limits of a role
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	maxPath         = 512
	minSession      = 3600
	maxSession      = 43200
	maxRolePolicies = 10
)

var (
	pathPattern   = regexp.MustCompile(`^/([A-Za-z0-9+=,.@_-]+/)*$`)
	policyPattern = regexp.MustCompile(`^policy/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,128}$`)
)

// Role says how an IAM role is made, beyond whom it trusts and what it may do.
type Role struct {
	// Name of the role: 1 to 64 letters, digits and +=,.@_-; empty means one
	// that is derived from the customer's slug.
	Name string
	// Path starts and ends with a slash, at most 512 characters; empty means /.
	Path string
	// PermissionsBoundary is the ARN of the policy that bounds the role; empty
	// means none.
	PermissionsBoundary string
	// MaxSessionSeconds is how long a session may live, 3600 to 43,200; 0 means
	// IAM's default, 3600.
	MaxSessionSeconds int
	// Inline writes the policies into the role, where an account allows no
	// managed policies of one's own.
	Inline bool
}

// RoleName is a role's name for a text of a role's characters: the text itself
// where it fits, otherwise its beginning with a hash of the whole.
func RoleName(text string) string {
	if len(text) <= naming.IAMRole.Max {
		return text
	}
	hash := "--" + naming.Hash(text)
	return text[:naming.IAMRole.Max-len(hash)] + hash
}

func (r Role) path() string { return cmp.Or(r.Path, "/") }

// Policy is one permission policy of a role.
type Policy struct {
	// Name tells it from the role's others: letters, digits and +=,.@_-.
	Name string
	// Document is the policy as JSON, at most 6144 characters without white
	// space.
	Document string
}

// plan is a role that is about to be registered, with everything that decides
// its documents and names.
type plan struct {
	Role
	site site
	// key stands before the keys of problems: "role.".
	key string
	// child is the role's name among the component's children, description what
	// the console shows.
	child, description string
	trust              policy.Document
	// own are the statements that waybill gives the role, in a policy of the
	// role's name; given are the caller's policies.
	own   []policy.Statement
	given []Policy
	tags  map[string]string
	// suspended leaves the policies unattached.
	suspended bool
	// derived is true where the name is waybill's own, which fits wherever
	// customer and product are sound.
	derived bool
}

// named is the plan with a name for a role that has none.
func (r plan) named(name string) plan {
	if r.Name == "" {
		r.Name, r.derived = name, true
	}
	return r
}

// arn is known before the role exists.
func (r plan) arn() string { return r.site.iamARN("role" + r.path() + r.Name) }

// Children of a role ROLE: aws:iam/role:Role itself, and for each of its
// policies ROLE-policy, waybill's own, or ROLE-policy-NAME: inline
// aws:iam/rolePolicy:RolePolicy, otherwise aws:iam/policy:Policy with its
// aws:iam/rolePolicyAttachment:RolePolicyAttachment, which ends in -attachment. What
// gives the role its rights is left out while it is suspended.
func (r plan) children() []string {
	children := []string{r.child}
	add := func(policy string) {
		if !r.Inline || !r.suspended {
			children = append(children, policy)
		}
		if !r.Inline && !r.suspended {
			children = append(children, policy+attachment)
		}
	}
	if len(r.own) > 0 {
		add(r.policyChild(""))
	}
	for _, given := range r.given {
		add(r.policyChild(given.Name))
	}
	return children
}

const attachment = "-attachment"

// policyChild is the child of a policy, waybill's own without a name.
func (r plan) policyChild(name string) string {
	if name == "" {
		return r.child + "-policy"
	}
	return r.child + "-policy-" + name
}

// policyName is that of a given policy: the role's name keeps apart what two
// customers call the same.
func (r plan) policyName(given Policy) string { return r.Name + "-" + given.Name }

// kind is what the policies are attached as.
func (r plan) kind() policy.Kind {
	if r.Inline {
		return policy.Inline
	}
	return policy.Managed
}

func (r plan) validate(p *check.Problems) {
	if !r.derived {
		p.Error(r.key+"name", naming.IAMRole.Check(r.Name))
	}
	if !pathPattern.MatchString(r.path()) || len(r.path()) > maxPath {
		p.Add(r.key+"path", "%q: want one like /division/team/, at most %d characters", r.Path, maxPath)
	}
	if r.PermissionsBoundary != "" && r.site.sound() {
		a := parseARN(r.PermissionsBoundary)
		ours := a.account == r.site.account || a.account == "aws"
		if a.partition != r.site.partition.Name || a.service != "iam" || a.region != "" || !ours || !policyPattern.MatchString(a.resource) {
			p.Add(r.key+"permissionsBoundary", "%q: want a policy's ARN, %s", r.PermissionsBoundary, r.site.iamARN("policy/NAME"))
		}
	}
	if r.MaxSessionSeconds != 0 {
		p.Range(r.key+"maxSessionSeconds", r.MaxSessionSeconds, minSession, maxSession)
	}
	_, err := r.trust.Render(policy.Trust)
	p.Error(r.key+"trust", err)
	r.validatePolicies(p)
}

func (r plan) validatePolicies(p *check.Problems) {
	all := 0
	if len(r.own) > 0 {
		text, err := policy.Of(r.own...).Render(r.kind())
		p.Error(r.key+"policy", err)
		all += utf8.RuneCountInString(text)
	}
	for i, given := range r.given {
		key := fmt.Sprintf("%spolicies[%d].", r.key, i)
		p.Required(key+"name", given.Name, "a name that tells the policy from the role's others")
		if given.Name != "" {
			p.Error(key+"name", naming.IAMPolicy.Check(r.policyName(given)))
		}
		for j, earlier := range r.given[:i] {
			if earlier.Name == given.Name {
				p.Add(key+"name", "%q: repeats policies[%d]", given.Name, j)
			}
		}
		text, err := policy.Compact(given.Document, policy.Managed)
		p.Error(key+"document", err)
		all += utf8.RuneCountInString(text)
	}
	switch {
	case r.Inline:
		p.Error(r.key+"policies", policy.Inline.Check(all))
	case len(r.own) == 0 && len(r.given) > maxRolePolicies, len(r.own) > 0 && len(r.given) >= maxRolePolicies:
		p.Add(r.key+"policies", "%d given: want at most %d managed policies of a role, waybill's own included", len(r.given), maxRolePolicies)
	}
}

// registered is a role with its policies.
type registered struct {
	role *iam.Role
	// policies are to be waited for: without them the role may do nothing.
	policies []pulumi.Resource
	// ready are the IDs of the policies' attachments.
	ready pulumi.StringArray
}

// register registers the role and its policies, once validate has passed.
func (r plan) register(ctx *pulumi.Context, children *family.Family, opts ...pulumi.ResourceOption) (*registered, error) {
	trust, err := r.trust.Render(policy.Trust)
	if err != nil {
		return nil, err
	}
	inputs := &iam.RoleArgs{
		Name:             pulumi.String(r.Name),
		Path:             pulumi.String(r.path()),
		Description:      pulumi.String(r.description),
		AssumeRolePolicy: pulumi.String(trust),
		Tags:             pulumi.ToStringMap(r.tags),
	}
	if r.PermissionsBoundary != "" {
		inputs.PermissionsBoundary = pulumi.String(r.PermissionsBoundary)
	}
	if r.MaxSessionSeconds != 0 {
		inputs.MaxSessionDuration = pulumi.Int(r.MaxSessionSeconds)
	}
	role, err := iam.NewRole(ctx, children.Name(r.child), inputs, children.Options(r.child, append(opts, settle.Option(ctx, children.Name(r.child), settle.AWS))...)...)
	if err != nil {
		return nil, err
	}
	result := &registered{role: role}
	if len(r.own) > 0 {
		text, err := policy.Of(r.own...).Render(r.kind())
		if err != nil {
			return nil, err
		}
		if err := r.attach(ctx, result, children, r.policyChild(""), r.Name, text); err != nil {
			return nil, err
		}
	}
	for _, given := range r.given {
		text, err := policy.Compact(given.Document, policy.Managed)
		if err != nil {
			return nil, err
		}
		if err := r.attach(ctx, result, children, r.policyChild(given.Name), r.policyName(given), text); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// attach registers one policy and gives it to the role, unless that is suspended.
func (r plan) attach(ctx *pulumi.Context, to *registered, children *family.Family, child, name, text string) error {
	if r.Inline && r.suspended {
		return nil
	}
	if r.Inline {
		inline, err := iam.NewRolePolicy(ctx, children.Name(child), &iam.RolePolicyArgs{
			Name: pulumi.String(name), Role: to.role.Name, Policy: pulumi.String(text),
		}, children.Options(child)...)
		if err != nil {
			return err
		}
		to.policies, to.ready = append(to.policies, inline), append(to.ready, inline.ID().ToStringOutput())
		return nil
	}
	managed, err := iam.NewPolicy(ctx, children.Name(child), &iam.PolicyArgs{
		Name: pulumi.String(name), Path: pulumi.String(r.path()), Policy: pulumi.String(text), Tags: pulumi.ToStringMap(r.tags),
	}, children.Options(child)...)
	if err != nil || r.suspended {
		return err
	}
	attached, err := iam.NewRolePolicyAttachment(ctx, children.Name(child+attachment), &iam.RolePolicyAttachmentArgs{
		Role: to.role.Name, PolicyArn: managed.Arn,
	}, children.Options(child+attachment)...)
	if err != nil {
		return err
	}
	to.policies, to.ready = append(to.policies, attached), append(to.ready, attached.ID().ToStringOutput())
	return nil
}
