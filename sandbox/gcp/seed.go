package gcp

import (
	"encoding/json"
	"errors"
	"fmt"

	"waybill.example/waybill/sandbox/world"
)

// seed adds what the world has and the file has not seen yet: accounts and
// pools first, then repositories, whose policies may name members of both, and
// virtual repositories after the others, which they serve from. What Google
// refuses, it refuses to people, too.
func (c *Cloud) seed(into *contents) error {
	s := seeding{cloud: c, into: into}
	for _, project := range c.world.Projects {
		s.accounts(project)
		s.pools(project)
	}
	for _, virtual := range []bool{false, true} {
		for _, project := range c.world.Projects {
			s.repositories(project, virtual)
		}
	}
	for _, repository := range into.Repositories {
		if project, exists := c.Project(repository.Project); exists {
			into.Agents[project.Number] = true
		}
	}
	for _, grant := range s.grants {
		s.grant(grant.of, grant.bindings)
	}
	return errors.Join(s.problems...)
}

// seeding takes over one world.
type seeding struct {
	cloud    *Cloud
	into     *contents
	grants   []seededGrant
	problems []error
}

// seededGrant is a policy that waits until everybody whom it may name is there.
type seededGrant struct {
	of       holder
	bindings []world.Binding
}

// once says whether the world's resource of this name is to be taken over: the
// first time, and if nothing is wrong with it.
func (s *seeding) once(name string, wrong []string) bool {
	if s.into.Seeded[name] {
		return false
	}
	s.into.Seeded[name] = true
	return s.sound(name, problems(wrong))
}

func (s *seeding) sound(name string, err error) bool {
	if err != nil {
		s.problems = append(s.problems, fmt.Errorf("the world's %s: %w", name, err))
	}
	return err == nil
}

func (s *seeding) accounts(project world.Project) {
	for _, existing := range project.ServiceAccounts {
		account := Account{
			Project: project.ID, AccountSettings: AccountSettings{existing.ID, existing.DisplayName, existing.Description, existing.Disabled},
			UniqueID: uniqueID(),
		}
		wrong := checkAccountTexts(account.DisplayName, account.Description)
		if account.ID != project.Number+"-compute" { // Google's own
			wrong = append(wrong, checkAccountID(account.ID)...)
		}
		if !s.once(account.Name(), wrong) {
			continue
		}
		s.into.Accounts[account.Email()] = account
		s.grants = append(s.grants, seededGrant{accountHolder(account), existing.Bindings})
	}
}

func (s *seeding) pools(project world.Project) {
	for _, existing := range project.WorkloadIdentityPools {
		pool := Pool{
			ProjectNumber: project.Number,
			PoolSettings:  PoolSettings{existing.ID, existing.DisplayName, existing.Description, existing.Disabled},
		}
		if s.once(pool.Name(), append(checkPoolID(pool.ID), checkTexts(pool.DisplayName, pool.Description)...)) {
			s.into.Pools[pool.Name()] = pool
		}
		for _, each := range existing.Providers {
			provider := PoolProvider{Pool: pool.Name(), PoolProviderSettings: PoolProviderSettings{
				each.ID, each.DisplayName, each.Description, each.Disabled,
				OIDC{each.IssuerURI, each.AllowedAudiences, each.JWKSJSON}, each.AttributeMapping, each.AttributeCondition,
			}}
			if s.once(provider.Name(), append(checkPoolID(provider.ID), checkPoolProvider(provider.PoolProviderSettings)...)) {
				s.into.Providers[provider.Name()] = provider
			}
		}
	}
}

// repositories takes over the virtual repositories of a project, or the others.
func (s *seeding) repositories(project world.Project, areVirtual bool) {
	for _, existing := range project.Repositories {
		if (len(existing.Upstreams) > 0) != areVirtual {
			continue
		}
		settings, err := settingsOf(project, existing)
		name := repositoryName(project.ID, existing.Location, existing.Name)
		if !s.sound(name, err) || !s.once(name, checkRepository(*s.into, settings)) {
			continue
		}
		now := s.cloud.now().UTC()
		repository := Repository{RepositorySettings: settings, CreateTime: now, UpdateTime: now}
		s.into.Repositories[name] = repository
		s.grants = append(s.grants, seededGrant{repositoryHolder(repository), existing.Bindings})
	}
}

func settingsOf(project world.Project, existing world.Repository) (RepositorySettings, error) {
	settings := RepositorySettings{
		Project: project.ID, Location: existing.Location, ID: existing.Name, Format: "DOCKER", Mode: standard,
		Description: existing.Description, Labels: existing.Labels,
	}
	if existing.ImmutableTags {
		settings.DockerConfig = &DockerConfig{ImmutableTags: true}
	}
	if len(existing.Upstreams) > 0 {
		settings.Mode, settings.VirtualRepositoryConfig = virtual, &VirtualConfig{}
	}
	for _, upstream := range existing.Upstreams {
		settings.VirtualRepositoryConfig.UpstreamPolicies = append(settings.VirtualRepositoryConfig.UpstreamPolicies,
			UpstreamPolicy{ID: upstream.ID, Priority: upstream.Priority, Repository: upstream.Repository})
	}
	for _, text := range existing.CleanupPolicies {
		var policy CleanupPolicy
		if err := json.Unmarshal(text, &policy); err != nil {
			return settings, fmt.Errorf("cleanup policy: %w", err)
		}
		settings.CleanupPolicies = append(settings.CleanupPolicies, policy)
	}
	return settings, nil
}

// grant gives a resource the policy that somebody made.
func (s *seeding) grant(of holder, bindings []world.Binding) {
	policy, found := of.load(*s.into)
	if !found || len(bindings) == 0 {
		return
	}
	wish := policy.copy()
	for _, binding := range bindings {
		for _, member := range binding.Members {
			wish.add(binding.Role, normalMember(member))
		}
	}
	wish.Version++
	if s.sound(of.name, s.cloud.checkPolicy(*s.into, of, policy, wish)) {
		of.save(s.into, wish)
	}
}
