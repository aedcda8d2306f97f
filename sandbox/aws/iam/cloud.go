package iam

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// Cloud is IAM for the accounts of one world.
type Cloud struct {
	world world.AWS
	store *state.Store[contents]
	now   func() time.Time
}

// contents is what the store keeps, by ARN.
type contents struct {
	Roles     map[string]Role          `json:"roles"`
	Policies  map[string]ManagedPolicy `json:"policies"`
	Providers map[string]OIDCProvider  `json:"providers"`
	// Seeded are the world's entities that were taken over once; one that was
	// deleted since does not come back.
	Seeded map[string]bool `json:"seeded"`
}

// Open reads the cloud's file at path, or starts it, and adds what the world has
// and the file has not seen yet: providers, policies and roles, whose policies may name
// roles above them.
func Open(path string, existing world.AWS, now func() time.Time) (*Cloud, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("iam: %w", err)
	}
	cloud := &Cloud{world: existing, store: store, now: now}
	for _, account := range existing.Accounts {
		if err := cloud.seed(account); err != nil {
			return nil, fmt.Errorf("iam: world: account %s: %w", account.ID, err)
		}
	}
	return cloud, nil
}

// Account is one account with the operations of the IAM API.
type Account struct {
	// ID is the account's ID, Partition its partition.
	ID        string
	Partition string

	cloud     *Cloud
	regions   []string
	deployers world.AWSDeployers
}

// Account finds an account of the world by its ID.
func (c *Cloud) Account(id string) (*Account, error) {
	at := slices.IndexFunc(c.world.Accounts, func(a world.AWSAccount) bool { return a.ID == id })
	if at < 0 {
		return nil, fmt.Errorf("iam: account %q: the world has no such account", id)
	}
	return c.account(c.world.Accounts[at]), nil
}

func (c *Cloud) account(of world.AWSAccount) *Account {
	account := &Account{ID: of.ID, Partition: of.Partition, cloud: c, regions: of.Regions, deployers: of.Deployers}
	if account.Partition == "" {
		account.Partition = "aws"
	}
	return account
}

// Enabled says whether the account can be used in a Region.
func (a *Account) Enabled(region string) bool { return slices.Contains(a.regions, region) }

// MayMakeRole refuses to a deployer what the account's administrators keep to themselves: a
// role outside a path, without a tag, or without a permissions boundary. operation is CreateRole, or
// for one that is there the one that changes its boundary.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
func (a *Account) MayMakeRole(operation string, settings RoleSettings) error {
	path := cmp.Or(settings.Path, "/")
	boundary := a.deployers.PermissionsBoundary
	if boundary != "" && settings.Boundary != boundary || !a.deployersMay(path, settings.Tags) {
		return a.deployerMayNot(operation, "role"+path+settings.Name)
	}
	return nil
}

// MayMakePolicy refuses to a deployer a policy outside a path, or without a tag.
func (a *Account) MayMakePolicy(settings PolicySettings) error {
	if path := cmp.Or(settings.Path, "/"); !a.deployersMay(path, settings.Tags) {
		return a.deployerMayNot("CreatePolicy", "policy"+path+settings.Name)
	}
	return nil
}

func (a *Account) deployersMay(path string, tags map[string]string) bool {
	return strings.HasPrefix(path, a.deployers.Path) &&
		!slices.ContainsFunc(a.deployers.Tags, func(key string) bool { _, has := tags[key]; return !has })
}

func (a *Account) deployerMayNot(operation, resource string) error {
	return api.Refuse(operation, http.StatusForbidden, "AccessDenied",
		"User: %s is not authorized to perform: iam:%s on resource: %s because no identity-based policy allows the iam:%[2]s action",
		a.arn("user/deployer"), operation, a.arn(resource))
}

// arn is the ARN of an entity of the account.
func (a *Account) arn(resource string) string {
	return "arn:" + a.Partition + ":iam::" + a.ID + ":" + resource
}

// uniqueID makes an ID with the prefix of its type, 21 characters in all, that
// is never used again:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func uniqueID(prefix string) string { return prefix + rand.Text()[:21-len(prefix)] }

func (c *Cloud) seed(of world.AWSAccount) error {
	account := c.account(of)
	for _, provider := range of.OIDCProviders {
		if err := c.once(account.providerARN(provider.URL), func() error {
			_, err := account.CreateOIDCProvider(OIDCSettings{URL: provider.URL, ClientIDs: provider.ClientIDs})
			return err
		}); err != nil {
			return fmt.Errorf("OIDC provider %s: %w", provider.URL, err)
		}
	}
	for _, policy := range of.Policies {
		if err := c.once(account.arn("policy"+cmp.Or(policy.Path, "/")+policy.Name), func() error {
			_, err := account.CreatePolicy(PolicySettings{
				Name: policy.Name, Path: policy.Path, Description: policy.Description, Document: string(policy.Document), Tags: policy.Tags,
			})
			return err
		}); err != nil {
			return fmt.Errorf("policy %s: %w", policy.Name, err)
		}
	}
	for _, role := range of.Roles {
		if err := c.once(account.arn("role"+cmp.Or(role.Path, "/")+role.Name), func() error { return account.seedRole(role) }); err != nil {
			return fmt.Errorf("role %s: %w", role.Name, err)
		}
	}
	return nil
}

func (a *Account) seedRole(existing world.AWSRole) error {
	if _, err := a.CreateRole(RoleSettings{
		Name: existing.Name, Path: existing.Path, Description: existing.Description, TrustPolicy: string(existing.Trust), Tags: existing.Tags,
	}); err != nil {
		return err
	}
	for name, text := range existing.Policies {
		if err := a.PutRolePolicy(existing.Name, name, string(text)); err != nil {
			return err
		}
	}
	for _, arn := range existing.ManagedPolicies {
		if err := a.AttachRolePolicy(existing.Name, arn); err != nil {
			return err
		}
	}
	return nil
}

// once makes an entity of the world unless it was made before.
func (c *Cloud) once(arn string, create func() error) error {
	if c.store.Read().Seeded[arn] {
		return nil
	}
	if err := create(); err != nil {
		return err
	}
	return c.store.Update(func(held *contents) error {
		held.Seeded[arn] = true
		return nil
	})
}
