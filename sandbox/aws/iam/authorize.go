package iam

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// Session is what temporary credentials stand for: somebody who became a role.
type Session struct {
	Partition string `json:"partition"`
	Account   string `json:"account"`
	RoleName  string `json:"roleName"`
	// RoleARN is the role's ARN, path included; RoleID its unique ID, which tells
	// it from another role of the name.
	RoleARN string `json:"roleArn"`
	RoleID  string `json:"roleId"`
	Name    string `json:"name"`
	// Tags are the session tags.
	Tags map[string]string `json:"tags,omitempty"`
	// Provider is the ARN of the OIDC provider whose token began the session, or "".
	Provider string `json:"provider,omitempty"`
}

// NewSession is a session of a role.
func NewSession(role Role, name string) Session {
	return Session{
		Partition: role.Partition, Account: role.Account, RoleName: role.Name, RoleARN: role.ARN, RoleID: role.ID, Name: name,
	}
}

// ARN is the session's ARN, which does not have the role's path.
func (s Session) ARN() string {
	return "arn:" + s.Partition + ":sts::" + s.Account + ":assumed-role/" + s.RoleName + "/" + s.Name
}

// UserID is the unique ID of the session, ROLE-ID:NAME.
func (s Session) UserID() string { return s.RoleID + ":" + s.Name }

// Caller is the session as policies see it.
func (s Session) Caller() policy.Caller {
	return policy.Caller{Kind: policy.RoleSession, Account: s.Account, ARN: s.ARN(), RoleARN: s.RoleARN, UniqueID: s.RoleID}
}

// Access is what a session wants to do.
type Access struct {
	// Action is SERVICE:NAME, for example ecr:BatchGetImage.
	Action string
	// Resource is an ARN, or "*" for an action without a resource.
	Resource string
	// Account is the account that owns the resource; empty for the session's own.
	Account string
	// Policy is the resource's policy, or nil.
	Policy *policy.Attached
	// Region is that of the endpoint, aws:RequestedRegion; empty for none.
	Region string
}

// Authorize decides what a session may do, with all of its policies. A session
// whose role is gone has none.
func (c *Cloud) Authorize(session Session, access Access) (policy.Decision, error) {
	request := policy.Request{
		Caller: session.Caller(), Action: access.Action, Resource: access.Resource, Account: access.Account,
		Context: policy.Context{},
	}
	if request.Account == "" {
		request.Account = session.Account
	}
	var policies policy.Policies
	held := c.store.Read()
	if role, found := held.Roles[session.RoleARN]; found && role.ID == session.RoleID {
		c.describe(request.Context, role, session)
		var err error
		if policies, err = held.policiesOf(role); err != nil {
			return policy.Decision{}, err
		}
	}
	policies.Resource = access.Policy
	request.Context.Set("aws:ResourceAccount", request.Account)
	if access.Region != "" {
		request.Context.Set("aws:RequestedRegion", access.Region)
	}
	return policy.Evaluate(request, policies), nil
}

// policiesOf reads the policies of a role and its boundary.
func (held contents) policiesOf(role Role) (policies policy.Policies, err error) {
	read := func(name, text string) policy.Attached {
		document, wrong := policy.Parse(policy.Identity, role.Partition, text)
		err = errors.Join(err, wrong)
		return policy.Attached{Name: name, Document: document}
	}
	for _, name := range slices.Sorted(maps.Keys(role.Inline)) {
		policies.Identity = append(policies.Identity, read("", role.Inline[name]))
	}
	for _, arn := range role.Attached {
		managed, _ := held.policy(role.Account, role.Partition, arn) // an attached policy cannot be deleted
		policies.Identity = append(policies.Identity, read(arn, managed.Document))
	}
	if role.Boundary != "" {
		managed, _ := held.policy(role.Account, role.Partition, role.Boundary)
		boundary := read(role.Boundary, managed.Document)
		policies.Boundary = &boundary
	}
	if err != nil {
		err = fmt.Errorf("iam: role %s: %w", role.ARN, err)
	}
	return policies, err
}

// describe sets the global keys of a session:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
// aws:Source… is not among them: it is there only when a service calls directly
// (docs/facts.md §7).
func (c *Cloud) describe(context policy.Context, role Role, session Session) {
	c.describeRequest(context)
	context.Set("aws:PrincipalArn", session.RoleARN)
	context.Set("aws:PrincipalAccount", session.Account)
	context.Set("aws:PrincipalType", "AssumedRole")
	context.Set("aws:PrincipalIsAWSService", "false")
	context.Set("aws:userid", session.UserID())
	if session.Provider != "" {
		context.Set("aws:FederatedProvider", session.Provider)
	}
	// A session tag takes the place of the role's tag of the same key.
	for _, tags := range []map[string]string{role.Tags, session.Tags} {
		for key, value := range tags {
			context.Set("aws:PrincipalTag/"+key, value)
		}
	}
}

func (c *Cloud) describeRequest(context policy.Context) {
	now := c.now().UTC()
	context.Set("aws:CurrentTime", now.Format(time.RFC3339))
	context.Set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	context.Set("aws:SecureTransport", "true")
}

// AuthorizeTrust decides whether a service or a web identity may do an action on
// a role: only the role's trust policy counts. context are all keys but those of
// the time.
func (c *Cloud) AuthorizeTrust(role Role, caller policy.Caller, action string, context policy.Context) (policy.Decision, error) {
	attached, err := role.Trust().Attached()
	if err != nil {
		return policy.Decision{}, fmt.Errorf("iam: trust policy of %s: %w", role.ARN, err)
	}
	request := policy.Request{Caller: caller, Action: action, Resource: role.ARN, Account: role.Account, Context: policy.Context{}}
	c.describeRequest(request.Context)
	request.Context.Set("aws:ResourceAccount", role.Account)
	request.Context.Add(context)
	return policy.Evaluate(request, policy.Policies{Resource: &attached}), nil
}
