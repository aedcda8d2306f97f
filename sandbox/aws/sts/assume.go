package sts

import (
	"maps"
	"slices"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// maxSessionTags is how many tags a session has:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
const maxSessionTags = 50

// Assumption is an AWS service's wish to become a role.
type Assumption struct {
	// Service is its principal, for example ecs-tasks.amazonaws.com.
	Service string
	RoleARN string
	// Session is the session's name.
	Session string
	// SourceARN is the resource on whose behalf the service calls, and
	// SourceAccount its account: aws:SourceArn and aws:SourceAccount. Empty ones
	// are absent.
	SourceARN     string
	SourceAccount string
	// Tags are session tags; with any, the trust policy must allow
	// sts:TagSession too.
	Tags map[string]string
	// Lifetime is 15 minutes to the role's maximum; 0 means an hour, which every role
	// allows: how long the services of AWS take is not documented.
	Lifetime time.Duration
}

// Assume is AssumeRole by a service. It refuses with a *fault.Error:
// AccessDenied where the role does not exist or does not trust the service with
// these keys and tags, ValidationError for wrong names, tags and lifetimes.
func (s *Server) Assume(wish Assumption) (_ Credentials, err error) {
	defer api.During("AssumeRole", &err)
	if wish.Lifetime == 0 {
		wish.Lifetime = defaultDuration * time.Second
	}
	var c fault.Checker
	c.Text("roleArn", wish.RoleARN, 20, 2048, nil)
	c.Text("roleSessionName", wish.Session, 2, 64, sessionName)
	c.Number("durationSeconds", int(wish.Lifetime/time.Second), minDuration, maxDuration)
	c.Number("tags", len(wish.Tags), 0, maxSessionTags)
	for _, key := range slices.Sorted(maps.Keys(wish.Tags)) {
		c.Text("tags.member.key", key, 1, 128, nil)
		c.Text("tags.member.value", wish.Tags[key], 0, 256, nil)
	}
	if err := c.Err(); err != nil {
		return Credentials{}, err
	}
	caller := policy.Caller{Kind: policy.Service, ARN: wish.Service}
	role, exists := s.cloud.Role(wish.RoleARN)
	if !exists {
		return Credentials{}, forbidden(AccessDenied, "%s", policy.Decision{
			Source: policy.TrustPolicy, Request: policy.Request{Caller: caller, Action: "sts:AssumeRole", Resource: wish.RoleARN},
		}.Reason())
	}
	actions := []string{"sts:AssumeRole"}
	if len(wish.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range actions {
		decision, err := s.cloud.AuthorizeTrust(role, caller, action, wish.context())
		switch {
		case err != nil:
			return Credentials{}, err
		case !decision.Allowed:
			return Credentials{}, forbidden(AccessDenied, "%s", decision.Reason())
		}
	}
	if wish.Lifetime > time.Duration(role.MaxSession)*time.Second {
		return Credentials{}, badRequest(ValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	session := iam.NewSession(role, wish.Session)
	session.Tags = maps.Clone(wish.Tags)
	return s.Sessions.Mint(session, wish.Lifetime)
}

// context are the keys that a trust policy sees of a service's call.
func (a Assumption) context() policy.Context {
	context := policy.Context{}
	context.Set("aws:PrincipalIsAWSService", "true")
	context.Set("aws:PrincipalServiceName", a.Service)
	context.Set("aws:PrincipalServiceNamesList", a.Service)
	context.Set("sts:RoleSessionName", a.Session)
	if a.SourceARN != "" {
		context.Set("aws:SourceArn", a.SourceARN)
		if name, ok := arn.Parse(a.SourceARN); ok && a.SourceAccount == "" {
			a.SourceAccount = name.Account
		}
	}
	if a.SourceAccount != "" {
		context.Set("aws:SourceAccount", a.SourceAccount)
	}
	for key, value := range a.Tags {
		context.Set("aws:RequestTag/"+key, value)
	}
	context.Set("aws:TagKeys", slices.Sorted(maps.Keys(a.Tags))...)
	return context
}
