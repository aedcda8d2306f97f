package gcp

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
)

// MaxPrincipals is how many principals one policy holds, each counted as often
// as it appears (docs/facts.md §3).
const MaxPrincipals = 1500

// Policy is the IAM policy of one resource.
type Policy struct {
	// Version counts the changes; Etag is made of it.
	Version  uint64    `json:"version"`
	Bindings []Binding `json:"bindings,omitempty"`
}

// Binding grants a role to members.
type Binding struct {
	Role    string   `json:"role"`
	Members []string `json:"members"`
}

// Etag changes with every change of the policy.
func (p Policy) Etag() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, p.Version))
}

// Grants says whether one of the members has the role. Members are compared exactly.
func (p Policy) Grants(role string, members ...string) bool {
	return slices.ContainsFunc(p.Bindings, func(b Binding) bool {
		return b.Role == role && slices.ContainsFunc(members, func(m string) bool { return slices.Contains(b.Members, m) })
	})
}

func (p Policy) copy() Policy {
	p.Bindings = slices.Clone(p.Bindings)
	for i := range p.Bindings {
		p.Bindings[i].Members = slices.Clone(p.Bindings[i].Members)
	}
	return p
}

func (p Policy) renamed(from, to string) Policy {
	for i := range p.Bindings {
		if at := slices.Index(p.Bindings[i].Members, from); at >= 0 {
			p.Bindings[i].Members[at] = to
			p.Version++
		}
	}
	return p
}

// add grants a role to a member; a grant that exists already stays.
func (p *Policy) add(role, member string) {
	if p.Grants(role, member) {
		return
	}
	at := slices.IndexFunc(p.Bindings, func(b Binding) bool { return b.Role == role })
	if at < 0 {
		p.Bindings = append(p.Bindings, Binding{Role: role})
		at = len(p.Bindings) - 1
	}
	p.Bindings[at].Members = append(p.Bindings[at].Members, member)
}

func (p *Policy) remove(role, member string) {
	for i := range p.Bindings {
		if p.Bindings[i].Role == role {
			p.Bindings[i].Members = slices.DeleteFunc(p.Bindings[i].Members, func(m string) bool { return m == member })
		}
	}
	p.Bindings = slices.DeleteFunc(p.Bindings, func(b Binding) bool { return len(b.Members) == 0 })
}

// holder is a resource that has a policy.
type holder struct {
	// name is the resource name, as error messages show it.
	name string
	// kind describes the resource in error messages.
	kind string
	// roles are those that can be granted on it.
	roles []string
	load  func(contents) (Policy, bool)
	save  func(*contents, Policy)
}

func accountHolder(account Account) holder {
	return holding(account.Name(), "service account", accountRoles, contents.accounts, account.Email(), func(a *Account) *Policy { return &a.Policy })
}

func repositoryHolder(repository Repository) holder {
	return holding(repository.ResourceName(), "artifactregistry repository", repositoryRoles, contents.repositories, repository.ResourceName(),
		func(r *Repository) *Policy { return &r.Policy })
}

// holding is a holder that the store keeps under a key of one of its maps.
func holding[V any](name, kind string, roles []string, of func(contents) map[string]V, key string, policy func(*V) *Policy) holder {
	return holder{
		name: name, kind: kind, roles: roles,
		load: func(held contents) (Policy, bool) {
			entry, found := of(held)[key]
			return *policy(&entry), found
		},
		save: func(held *contents, changed Policy) {
			entry := of(*held)[key]
			*policy(&entry) = changed
			of(*held)[key] = entry
		},
	}
}

func (c *Cloud) getPolicy(of holder) (Policy, error) {
	policy, found := of.load(c.store.Read())
	if !found {
		return Policy{}, notFound()
	}
	return policy, nil
}

// modifyPolicy changes a policy. The gcp provider reads, changes and writes it
// again and again while others change it in between; here nobody does.
func (c *Cloud) modifyPolicy(of holder, change func(*Policy)) (policy Policy, err error) {
	err = c.store.Update(func(held *contents) error {
		current, found := of.load(*held)
		if !found {
			return notFound()
		}
		policy = current.copy()
		change(&policy)
		policy.Version++
		if err := c.checkPolicy(*held, of, current, policy); err != nil {
			return err
		}
		of.save(held, policy)
		return nil
	})
	if err != nil {
		return Policy{}, fmt.Errorf("Error setting IAM policy for %s '%s': %w", of.kind, of.name, err)
	}
	return policy, nil
}

// checkPolicy applies the rules for a policy's size, its roles and the members
// that it adds. Members that were there before stay, even if they no longer exist.
func (c *Cloud) checkPolicy(held contents, of holder, current, policy Policy) error {
	count := 0
	for _, binding := range policy.Bindings {
		if !slices.Contains(of.roles, binding.Role) {
			return invalid("Role %s is not supported for this resource.", binding.Role)
		}
		for _, member := range binding.Members {
			count++
			if current.Grants(binding.Role, member) {
				continue
			}
			if err := c.checkMember(held, member, of.name+" "+binding.Role); err != nil {
				return err
			}
		}
	}
	if count > MaxPrincipals {
		return invalid("The number of members in the policy (%d) is larger than the maximum allowed size %d.", count, MaxPrincipals)
	}
	return nil
}

// Grant gives a member a role on a repository, as its owner does by hand.
func (c *Cloud) Grant(_ context.Context, repository Repository, role, member string) error {
	_, err := c.modifyPolicy(repositoryHolder(repository), func(policy *Policy) { policy.add(role, member) })
	return err
}

// Revoke takes a role on a repository from a member, as its owner does by hand.
func (c *Cloud) Revoke(_ context.Context, repository Repository, role, member string) error {
	_, err := c.modifyPolicy(repositoryHolder(repository), func(policy *Policy) { policy.remove(role, member) })
	return err
}
