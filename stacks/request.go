package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// configuredRequest is the access request of a chain where it follows from the
// configuration, before anything is deployed: every kind but the one through
// Entra, which chooses the principal's ID. The issuers are those of the
// environments; a chain through a cluster's issuer needs them.
func (s *settings) configuredRequest(issuers []string) *AccessRequest {
	request := &AccessRequest{header: s.header(accessRequestName)}
	if s.kind() == kindAmazon {
		request.Account, request.Region = s.AWS.Customer.Account, s.AWS.Customer.Region
	}
	if s.kind() == kindNodes {
		request.Project = s.GKE.Project
	}
	for i, e := range s.environments() {
		from := RequestEnvironment{Name: e.Name}
		switch s.kind() {
		case kindCluster:
			from.Issuer = issuers[i]
			from.Subject = e.refresher()
		case kindNodes:
			from.NodeServiceAccounts = s.GKE.NodeServiceAccounts
		case kindAmazon:
			from.RoleARNs = s.pullingRoles(e)
		}
		request.Environments = append(request.Environments, from)
	}
	return request
}

// pullingRoles are the ARNs of the roles that pull in an environment on AWS;
// they are known before the roles exist.
func (s *settings) pullingRoles(e environment) []string {
	switch {
	case s.Platform == platformECS:
		return []string{ecsServiceArgs(s).ExecutionRoleARN()}
	case s.nodesPull():
		return s.EKS.NodeRoles
	default:
		return []string{pullRoleArgs(s, e).RoleARN()}
	}
}

// documentOf is a document of this stack's with the fields given.
func (c *Customer) documentOf(name string, fields pulumi.Map) pulumi.Map {
	h := c.header(name)
	document := pulumi.Map{
		"document": pulumi.String(h.Document), "version": pulumi.Int(h.Version),
		"customer": pulumi.String(h.Customer), "platform": pulumi.String(h.Platform),
	}
	for key, value := range fields {
		document[key] = value
	}
	return document
}

// once is a value that a document says once what it promises exists: bindings
// and policies.
func once(ready pulumi.StringArrayOutput, value pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.All(value, ready).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
}
