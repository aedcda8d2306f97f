package gcp

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"waybill.example/waybill/sandbox/state"
)

// Limits of docs/facts.md §3, in characters.
const (
	maxDisplayName = 32
	maxDescription = 256
)

// State says whether a pool or a provider can be used.
type State string

// The states of pools and providers.
const (
	// Enabled pools and providers exchange tokens.
	Enabled State = "ENABLED"
	// Disabled ones do not. A disabled pool blocks tokens that were exchanged
	// already as well, a disabled provider does not (docs/facts.md §3).
	Disabled State = "DISABLED"
	// Deleted ones do what disabled ones do, and keep their ID for Retention.
	Deleted State = "DELETED"
)

// PoolSettings are what a caller sets. The json names are those of the Pulumi
// type's properties, as are those of the other settings here.
type PoolSettings struct {
	ID          string `json:"workloadIdentityPoolId"`
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled"`
}

// Pool is a workload identity pool.
type Pool struct {
	// ProjectNumber is the number of the project that holds the pool.
	ProjectNumber string `json:"projectNumber"`
	// Project is how a program named that project.
	Project string `json:"-"`
	PoolSettings
	DeletedAt *time.Time `json:"deletedAt,omitempty"`
}

// Name is the resource name, with the project's number.
func (p Pool) Name() string { return poolName(p.ProjectNumber, p.ID) }

// State says whether the pool can be used.
func (p Pool) State() State { return stateOf(p.Disabled, p.DeletedAt) }

func stateOf(disabled bool, deletedAt *time.Time) State {
	switch {
	case deletedAt != nil:
		return Deleted
	case disabled:
		return Disabled
	default:
		return Enabled
	}
}

func poolName(projectNumber, id string) string {
	return fmt.Sprintf("projects/%s/locations/global/workloadIdentityPools/%s", projectNumber, id)
}

// poolID is the rule for the IDs of pools and providers, without the reserved prefix.
var poolID = regexp.MustCompile(`^[0-9a-z-]{4,32}$`)

// checkPoolID applies docs/facts.md §3 to the ID of a pool or a provider.
func checkPoolID(id string) []string {
	var messages []string
	if strings.HasPrefix(id, "gcp-") {
		messages = append(messages, fmt.Sprintf("%q can not start with \"gcp-\", which is reserved for Google", id))
	}
	if !poolID.MatchString(id) {
		messages = append(messages, fmt.Sprintf("%q must have 4 to 32 characters and contain only lowercase letters (a-z), numbers (0-9), or dashes (-)", id))
	}
	return messages
}

func checkTexts(displayName, description string) []string {
	var messages []string
	if utf8.RuneCountInString(displayName) > maxDisplayName {
		messages = append(messages, fmt.Sprintf("display name must be less than or equal to %d characters", maxDisplayName))
	}
	if utf8.RuneCountInString(description) > maxDescription {
		messages = append(messages, fmt.Sprintf("description must be less than or equal to %d characters", maxDescription))
	}
	return messages
}

func (c *Client) createPool(project string, settings PoolSettings) (Pool, error) {
	owner, err := c.use(project, iamAPI)
	if err != nil {
		return Pool{}, err
	}
	if err := problems(append(checkPoolID(settings.ID), checkTexts(settings.DisplayName, settings.Description)...)); err != nil {
		return Pool{}, err
	}
	pool := Pool{ProjectNumber: owner.Number, Project: project, PoolSettings: settings}
	err = c.cloud.store.Update(func(held *contents) error {
		if _, taken := c.cloud.pool(*held, pool.Name()); taken {
			return alreadyExists()
		}
		// A pool of this ID that was purged took its providers with it.
		for name := range held.Providers {
			if strings.HasPrefix(name, pool.Name()+"/") {
				delete(held.Providers, name)
			}
		}
		held.Pools[pool.Name()] = pool
		c.cloud.fresh.Made(pool.Name(), c.cloud.now())
		return nil
	})
	return pool, err
}

// getPool finds a pool that is not deleted.
func (c *Client) getPool(project, id string) (Pool, error) {
	owner, err := c.use(project, iamAPI)
	if err != nil {
		return Pool{}, err
	}
	pool, found := c.cloud.Pool(owner.Number, id)
	if !found || pool.State() == Deleted {
		return Pool{}, notFound()
	}
	pool.Project = project
	return pool, nil
}

func (c *Client) updatePool(project string, change PoolSettings) (Pool, error) {
	pool, err := c.getPool(project, change.ID)
	if err != nil {
		return Pool{}, err
	}
	if err := problems(checkTexts(change.DisplayName, change.Description)); err != nil {
		return Pool{}, err
	}
	pool.PoolSettings = change
	return pool, state.Put(c.cloud.store, contents.pools, pool.Name(), pool)
}

func (c *Client) deletePool(project, id string) error {
	pool, err := c.getPool(project, id)
	if err != nil {
		return err
	}
	now := c.cloud.now().UTC()
	pool.DeletedAt = &now
	return state.Put(c.cloud.store, contents.pools, pool.Name(), pool)
}
