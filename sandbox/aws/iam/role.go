package iam

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam/policy"
	"waybill.example/waybill/sandbox/state"
)

// Role is an IAM role.
type Role struct {
	Account   string `json:"account"`
	Partition string `json:"partition"`
	ARN       string `json:"arn"`
	// ID is the unique ID, AROA…; a role that is made again has another.
	ID string `json:"id"`
	RoleSettings
	// TrustIDs are the unique IDs of the roles that the trust policy names, by ARN.
	TrustIDs map[string]string `json:"trustIds,omitempty"`
	// Inline are the texts of the inline policies by name.
	Inline map[string]string `json:"inline,omitempty"`
	// Attached are the ARNs of the attached managed policies, sorted.
	Attached   []string  `json:"attached,omitempty"`
	CreateTime time.Time `json:"createTime"`
}

// Trust is the trust policy.
func (r Role) Trust() Bound {
	return Bound{Kind: policy.Trust, Partition: r.Partition, Text: r.TrustPolicy, IDs: r.TrustIDs}
}

// RoleSettings are what CreateRole takes. The json names are those of the Pulumi
// type's properties.
type RoleSettings struct {
	Name string `json:"name"`
	// Path begins and ends with a slash; empty means "/".
	Path        string `json:"path"`
	Description string `json:"description"`
	// TrustPolicy is the trust policy, JSON.
	TrustPolicy string `json:"assumeRolePolicy"`
	// MaxSession is the maximum session duration in seconds; 0 means MinSession.
	MaxSession int `json:"maxSessionDuration"`
	// Boundary is the ARN of a managed policy, or "".
	Boundary string            `json:"permissionsBoundary"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// CreateRole makes a role. Names are compared in any case and without the path
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html).
func (a *Account) CreateRole(settings RoleSettings) (_ Role, err error) {
	defer api.During("CreateRole", &err)
	settings.Path = cmp.Or(settings.Path, "/")
	if settings.MaxSession == 0 {
		settings.MaxSession = MinSession
	}
	var c fault.Checker
	c.Text("roleName", settings.Name, 1, MaxRoleName, nameForm)
	c.Text("path", settings.Path, 1, 512, pathForm)
	c.Text("assumeRolePolicyDocument", settings.TrustPolicy, 1, maxDocument, documentForm)
	checkRoleTexts(&c, settings.Description, settings.MaxSession)
	if err := c.Err(); err != nil {
		return Role{}, err
	}
	role := Role{
		Account: a.ID, Partition: a.Partition, ARN: a.arn("role" + settings.Path + settings.Name), ID: uniqueID("AROA"),
		RoleSettings: settings, CreateTime: a.cloud.now().UTC(),
	}
	err = a.cloud.store.Update(func(held *contents) error {
		if _, taken := held.roleNamed(a.ID, settings.Name); taken {
			return alreadyExists("Role with name %s already exists.", settings.Name)
		}
		if err := a.setTrust(*held, &role, settings.TrustPolicy); err != nil {
			return err
		}
		if err := a.attachable(*held, settings.Boundary); settings.Boundary != "" && err != nil {
			return err
		}
		held.Roles[role.ARN] = role
		return nil
	})
	return role, err
}

func checkRoleTexts(c *fault.Checker, description string, maxSession int) {
	c.Text("description", description, 0, 1000, descriptionForm)
	c.Number("maxSessionDuration", maxSession, MinSession, MaxSession)
}

// setTrust gives a role a trust policy.
func (a *Account) setTrust(held contents, role *Role, text string) error {
	bound, err := a.cloud.bind(held, policy.Trust, a.Partition, text)
	if err != nil {
		return asIAM(err)
	}
	if size(text) > MaxTrustPolicy {
		return limitExceeded("Cannot exceed quota for ACLSizePerRole: %d", MaxTrustPolicy)
	}
	role.TrustPolicy, role.TrustIDs = text, bound.IDs
	return nil
}

func (held contents) roles() map[string]Role { return held.Roles }

// roleNamed finds a role of an account by its name, in any case.
func (held contents) roleNamed(account, name string) (Role, bool) {
	for _, role := range held.Roles {
		if role.Account == account && strings.EqualFold(role.Name, name) {
			return role, true
		}
	}
	return Role{}, false
}

// Role finds a role by its name.
func (a *Account) Role(name string) (_ Role, err error) {
	defer api.During("GetRole", &err)
	role, found := a.cloud.store.Read().roleNamed(a.ID, name)
	if !found {
		return Role{}, noRole(name)
	}
	return role, nil
}

// Role finds a role by its ARN, path included.
func (c *Cloud) Role(arn string) (Role, bool) {
	role, found := c.store.Read().Roles[arn]
	return role, found
}

// changeRole changes a role and returns it.
func (a *Account) changeRole(name string, change func(held contents, role *Role) error) (Role, error) {
	existing, err := a.Role(name)
	if err != nil {
		return Role{}, noRole(name)
	}
	return state.Edit(a.cloud.store, contents.roles, existing.ARN, noRole(name), change)
}

// UpdateRole sets the description, the maximum session duration in seconds and the tags.
func (a *Account) UpdateRole(name, description string, maxSession int, tags map[string]string) (_ Role, err error) {
	defer api.During("UpdateRole", &err)
	var c fault.Checker
	checkRoleTexts(&c, description, maxSession)
	if err := c.Err(); err != nil {
		return Role{}, err
	}
	return a.changeRole(name, func(_ contents, role *Role) error {
		role.Description, role.MaxSession, role.Tags = description, maxSession, tags
		return nil
	})
}

// UpdateTrustPolicy replaces the trust policy: UpdateAssumeRolePolicy.
func (a *Account) UpdateTrustPolicy(name, text string) (_ Role, err error) {
	defer api.During("UpdateAssumeRolePolicy", &err)
	var c fault.Checker
	c.Text("policyDocument", text, 1, maxDocument, documentForm)
	if err := c.Err(); err != nil {
		return Role{}, err
	}
	return a.changeRole(name, func(held contents, role *Role) error { return a.setTrust(held, role, text) })
}

// SetBoundary sets the permissions boundary to a managed policy, or removes it
// with "".
func (a *Account) SetBoundary(name, policyARN string) (_ Role, err error) {
	defer api.During("PutRolePermissionsBoundary", &err)
	return a.changeRole(name, func(held contents, role *Role) error {
		if policyARN != "" {
			if err := a.attachable(held, policyARN); err != nil {
				return err
			}
		}
		role.Boundary = policyARN
		return nil
	})
}

// DeleteRole deletes a role that has no policies left
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html).
func (a *Account) DeleteRole(name string) (err error) {
	defer api.During("DeleteRole", &err)
	return a.cloud.store.Update(func(held *contents) error {
		role, found := held.roleNamed(a.ID, name)
		switch {
		case !found:
			return noRole(name)
		case len(role.Attached) > 0:
			return deleteConflict("Cannot delete entity, must detach all policies first.")
		case len(role.Inline) > 0:
			return deleteConflict("Cannot delete entity, must delete policies first.")
		}
		delete(held.Roles, role.ARN)
		return nil
	})
}

// PutRolePolicy adds or replaces an inline policy.
func (a *Account) PutRolePolicy(name, policyName, text string) (err error) {
	defer api.During("PutRolePolicy", &err)
	var c fault.Checker
	c.Text("policyName", policyName, 1, MaxPolicyName, nameForm)
	if err := c.Err(); err != nil {
		return err
	}
	if err := checkDocument(a.Partition, text); err != nil {
		return err
	}
	_, err = a.changeRole(name, func(_ contents, role *Role) error {
		if role.Inline == nil {
			role.Inline = map[string]string{}
		}
		role.Inline[policyName] = text
		total := 0
		for _, inline := range role.Inline {
			total += size(inline)
		}
		if total > MaxInlinePolicies {
			return limitExceeded("Maximum policy size of %d bytes exceeded for role %s", MaxInlinePolicies, role.Name)
		}
		return nil
	})
	return err
}

// DeleteRolePolicy deletes an inline policy.
func (a *Account) DeleteRolePolicy(name, policyName string) (err error) {
	defer api.During("DeleteRolePolicy", &err)
	_, err = a.changeRole(name, func(_ contents, role *Role) error {
		if _, found := role.Inline[policyName]; !found {
			return noSuchEntity("The role policy with name %s cannot be found.", policyName)
		}
		delete(role.Inline, policyName)
		return nil
	})
	return err
}

// AttachRolePolicy attaches a managed policy; one that is attached already stays.
func (a *Account) AttachRolePolicy(name, policyARN string) (err error) {
	defer api.During("AttachRolePolicy", &err)
	_, err = a.changeRole(name, func(held contents, role *Role) error {
		if err := a.attachable(held, policyARN); err != nil {
			return err
		}
		role.Attached = sorted(append(role.Attached, policyARN))
		if len(role.Attached) > MaxAttached {
			return limitExceeded("Cannot exceed quota for PoliciesPerRole: %d", MaxAttached)
		}
		return nil
	})
	return err
}

// DetachRolePolicy detaches a managed policy.
func (a *Account) DetachRolePolicy(name, policyARN string) (err error) {
	defer api.During("DetachRolePolicy", &err)
	_, err = a.changeRole(name, func(_ contents, role *Role) error {
		at, found := slices.BinarySearch(role.Attached, policyARN)
		if !found {
			return noSuchEntity("Policy %s was not found.", policyARN)
		}
		role.Attached = slices.Delete(role.Attached, at, at+1)
		return nil
	})
	return err
}
