package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// WriteTime is how long a write to a federated credential takes in a sandbox, and
// with it how long Azure's refusal of another write can be met.
const WriteTime = 150 * time.Millisecond

// Cloud is everything that the tenants of one world hold.
type Cloud struct {
	world     world.Azure
	store     *state.Store[contents]
	writeTime time.Duration
	// fresh are identities, by key.
	fresh *state.Fresh

	mutex sync.Mutex
	// writing holds the keys of the identities whose credentials are being written.
	writing map[string]bool
}

// contents is what the store keeps.
type contents struct {
	// Identities by key: the lower-case resource ID, since Azure compares
	// resource IDs without regard to case.
	Identities map[string]Identity `json:"identities"`
	// Seeded are the keys of the world's identities that were taken over once;
	// one that was deleted since does not come back.
	Seeded map[string]bool `json:"seeded"`
}

// Open reads the cloud's file at path, or starts it, and adds the identities
// that the world has and the file has not seen yet. A write to a federated credential
// takes the write time. The first request for another resource that refers to
// something new meets it as missing, while it is settling.
func Open(path string, existing world.Azure, writeTime, settling time.Duration) (*Cloud, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	cloud := &Cloud{world: existing, store: store, writeTime: writeTime, fresh: &state.Fresh{For: settling}, writing: map[string]bool{}}
	if err := store.Update(cloud.seed); err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	return cloud, nil
}

func (c *Cloud) seed(into *contents) error {
	var problems []error
	for _, tenant := range c.world.Tenants {
		for _, subscription := range tenant.Subscriptions {
			for _, group := range subscription.ResourceGroups {
				for _, existing := range group.Identities {
					identity, err := made(existing, Identity{
						SubscriptionID: subscription.ID, ResourceGroup: group.Name,
						IdentityProperties: IdentityProperties{TenantID: tenant.ID, Location: group.Location},
					})
					if err != nil {
						problems = append(problems, fmt.Errorf("the world's identity %s: %w", existing.Name, err))
						continue
					}
					if key := key(identity.ID()); !into.Seeded[key] {
						into.Seeded[key] = true
						into.Identities[key] = identity
					}
				}
			}
		}
	}
	return errors.Join(problems...)
}

// made completes an identity that somebody made by hand. What Azure refuses, it
// refuses to people, too.
func made(existing world.Identity, identity Identity) (Identity, error) {
	identity.Name, identity.ClientID, identity.PrincipalID = existing.Name, existing.ClientID, existing.PrincipalID
	identity.Location = normalLocation(cmp.Or(existing.Location, identity.Location))
	identity.Tags = existing.Tags
	problems := []error{checkTags(existing.Tags)}
	if count := len(existing.FederatedCredentials); count > MaxCredentials {
		problems = append(problems, badRequest("%d federated identity credentials: an identity can have %d", count, MaxCredentials))
	}
	for _, credential := range existing.FederatedCredentials {
		kept := Credential{
			Name: credential.Name, Issuer: credential.Issuer, Subject: credential.Subject, Audiences: []string{credential.Audience},
		}
		problems = append(problems, checkCredential(kept))
		identity.Credentials = append(identity.Credentials, kept)
	}
	return identity, errors.Join(problems...)
}

// IdentityByClientID finds the managed identity with this client ID in a
// tenant, with its federated credentials. GUIDs are compared without regard to case.
func (c *Cloud) IdentityByClientID(tenant, clientID string) (Identity, bool) {
	var found Identity
	for _, identity := range c.store.Read().Identities {
		if strings.EqualFold(identity.TenantID, tenant) && strings.EqualFold(identity.ClientID, clientID) {
			found = identity
		}
	}
	return found, found.ClientID != ""
}

// Identities returns every managed identity, sorted by resource ID.
func (c *Cloud) Identities() []Identity {
	return state.Sorted(c.store.Read().Identities)
}

// exclusively runs a write to the credentials of one identity. The write takes
// the cloud's write time, and another one in that time is refused, not queued.
func (c *Cloud) exclusively(ctx context.Context, identity string, write func() error) error {
	id := key(identity)
	c.mutex.Lock()
	if c.writing[id] {
		c.mutex.Unlock()
		return concurrentWrites(identity)
	}
	c.writing[id] = true
	c.mutex.Unlock()
	defer func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		delete(c.writing, id)
	}()

	timer := time.NewTimer(c.writeTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return write()
	}
}

func key(id string) string { return strings.ToLower(id) }
