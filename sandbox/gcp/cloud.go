package gcp

import (
	"fmt"
	"slices"
	"time"

	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// RegistryAPI is the service of Artifact Registry.
const RegistryAPI = "artifactregistry.googleapis.com"

const (
	iamAPI     = "iam.googleapis.com"
	managerAPI = "cloudresourcemanager.googleapis.com"
)

// Retention is how long a deleted pool or provider keeps its ID (docs/facts.md §3).
const Retention = 30 * 24 * time.Hour

// Cloud is everything that the projects of one world hold.
type Cloud struct {
	world world.GCP
	store *state.Store[contents]
	now   func() time.Time
	// fresh are accounts, pools and service agents.
	fresh *state.Fresh
}

// contents is what the store keeps, by resource name.
type contents struct {
	Pools        map[string]Pool         `json:"pools"`
	Providers    map[string]PoolProvider `json:"providers"`
	Accounts     map[string]Account      `json:"accounts"`
	Repositories map[string]Repository   `json:"repositories"`
	// Seeded are the names of the world's resources that were taken over once;
	// one that was deleted since does not come back.
	Seeded map[string]bool `json:"seeded"`
	// Agents are the numbers of the projects that have a service agent of
	// Artifact Registry.
	Agents map[string]bool `json:"agents"`
}

func (held contents) pools() map[string]Pool { return held.Pools }

func (held contents) providers() map[string]PoolProvider { return held.Providers }

// Open reads the cloud's file at path, or starts it, and adds what the world has
// and the file has not seen yet. The first request for another resource that refers
// to something new meets it as missing, while it is settling.
func Open(path string, existing world.GCP, now func() time.Time, settling time.Duration) (*Cloud, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("gcp: %w", err)
	}
	cloud := &Cloud{world: existing, store: store, now: now, fresh: &state.Fresh{For: settling}}
	if err := store.Update(cloud.seed); err != nil {
		return nil, fmt.Errorf("gcp: %w", err)
	}
	return cloud, nil
}

// Project finds a project by its ID or its number.
func (c *Cloud) Project(idOrNumber string) (world.Project, bool) {
	at := slices.IndexFunc(c.world.Projects, func(p world.Project) bool { return p.ID == idOrNumber || p.Number == idOrNumber })
	if at < 0 {
		return world.Project{}, false
	}
	return c.world.Projects[at], true
}

// Pool finds a workload identity pool by the number of its project. A pool that
// was deleted is found, with the state Deleted, until its ID is free again.
func (c *Cloud) Pool(projectNumber, id string) (Pool, bool) {
	return c.pool(c.store.Read(), poolName(projectNumber, id))
}

// PoolProvider finds a provider of a workload identity pool by the number of
// its project, deleted ones as Pool does. The pool's state is Pool's.
func (c *Cloud) PoolProvider(projectNumber, pool, id string) (PoolProvider, bool) {
	return c.poolProvider(c.store.Read(), providerName(poolName(projectNumber, pool), id))
}

// Account finds a service account by its email.
func (c *Cloud) Account(email string) (Account, bool) {
	account, found := c.store.Read().Accounts[email]
	return account, found
}

// Repository finds an Artifact Registry repository.
func (c *Cloud) Repository(location, project, id string) (Repository, bool) {
	return c.RepositoryNamed(repositoryName(project, location, id))
}

// RepositoryNamed finds a repository by its resource name.
func (c *Cloud) RepositoryNamed(name string) (Repository, bool) {
	repository, found := c.store.Read().Repositories[name]
	return repository, found
}

// Repositories returns every repository, sorted by name.
func (c *Cloud) Repositories() []Repository {
	return state.Sorted(c.store.Read().Repositories)
}

// pool finds a pool that still holds its ID.
func (c *Cloud) pool(held contents, name string) (Pool, bool) {
	pool, found := held.Pools[name]
	return pool, found && !c.purged(pool.DeletedAt)
}

func (c *Cloud) poolProvider(held contents, name string) (PoolProvider, bool) {
	provider, found := held.Providers[name]
	return provider, found && !c.purged(provider.DeletedAt)
}

func (c *Cloud) purged(deletedAt *time.Time) bool {
	return deletedAt != nil && !c.now().Before(deletedAt.Add(Retention))
}
