package gcp

import "context"

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
