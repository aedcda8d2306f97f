// Package ecr holds the private repositories of Amazon ECR: their settings,
// repository policies and lifecycle policies, per account and Region, in a
// file that outlives the process.
//
// It refuses what ECR refuses: names, encryption and lifecycle policies out of
// form, a name twice, a repository with images that is deleted without force,
// and policies that are malformed or name principals that do not exist. What a repository contains is
// somebody else's: see [Contents].
package ecr

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

const api = fault.API("ECR")

// Codes of refusals that callers tell apart.
const (
	NotFound          = "RepositoryNotFoundException"
	ImageNotFound     = "ImageNotFoundException"
	NotEmpty          = "RepositoryNotEmptyException"
	PolicyNotFound    = "RepositoryPolicyNotFoundException"
	LifecycleNotFound = "LifecyclePolicyNotFoundException"
)

// Contents is what repositories contain.
type Contents interface {
	// Tags of the images in a repository.
	Tags(repository Repository) []string
	// Digest of the image with a tag or a digest; "" where there is none.
	Digest(repository Repository, reference string) string
	// Empty removes everything that a repository contains.
	Empty(repository Repository) error
}

// Store holds the repositories of every account.
type Store struct {
	store    *state.Store[contents]
	iam      *iam.Cloud
	contents Contents
	now      func() time.Time
}

// contents is what the file keeps, by ARN.
type contents struct {
	Repositories map[string]Repository `json:"repositories"`
	// Seeded are the world's repositories that were taken over once; one that
	// was deleted since does not come back.
	Seeded map[string]bool `json:"seeded"`
}

func (held contents) repositories() map[string]Repository { return held.Repositories }

// Open reads the file at path, or starts it with the world's repositories. IAM knows
// the principals that policies name.
func Open(path string, accounts []world.AWSAccount, principals *iam.Cloud, now func() time.Time) (*Store, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("ecr: %w", err)
	}
	s := &Store{store: store, iam: principals, now: now}
	return s, store.Update(func(held *contents) error { return s.seed(held, accounts) })
}

// seed adds the repositories that the world has and the file has not seen yet.
func (s *Store) seed(held *contents, accounts []world.AWSAccount) error {
	var problems []error
	for _, account := range accounts {
		for _, each := range account.Repositories {
			repository := Repository{
				Place:     arn.Place{Account: account.ID, Region: each.Region},
				Settings:  Settings{Name: each.Name, Mutability: each.Mutability, Scanning: Scanning{each.ScanOnPush}, Tags: each.ResourceTags},
				CreatedAt: s.now().UTC(),
				Lifecycle: string(each.Lifecycle),
			}
			if each.KMSKey != "" {
				repository.Encryption = []Encryption{{"KMS", each.KMSKey}}
			}
			repository.complete(repository.Place)
			if held.Seeded[repository.ARN()] {
				continue
			}
			if len(each.Lifecycle) > 0 {
				if err := checkLifecycle(repository.Lifecycle); err != nil {
					problems = append(problems, fmt.Errorf("ecr: the world's lifecycle policy of %s: %w", repository.ARN(), err))
					continue
				}
			}
			if len(each.Policy) > 0 {
				if err := s.bind(&repository, string(each.Policy)); err != nil {
					problems = append(problems, fmt.Errorf("ecr: the world's policy of %s: %w", repository.ARN(), err))
					continue
				}
			}
			held.Repositories[repository.ARN()], held.Seeded[repository.ARN()] = repository, true
		}
	}
	return errors.Join(problems...)
}

// Holds says what repositories contain. It is called before the store is used.
func (s *Store) Holds(contents Contents) { s.contents = contents }

// Repository finds a repository.
func (s *Store) Repository(place arn.Place, name string) (Repository, bool) {
	repository, found := s.store.Read().Repositories[key(place, name)]
	return repository, found
}

// Repositories returns every repository, sorted by ARN.
func (s *Store) Repositories() []Repository {
	return state.Sorted(s.store.Read().Repositories)
}

func key(place arn.Place, name string) string {
	return Repository{Place: place, Settings: Settings{Name: name}}.ARN()
}

// Create makes a repository.
func (s *Store) Create(place arn.Place, settings Settings) (Repository, error) {
	const operation = "CreateRepository"
	settings.complete(place)
	if err := settings.check(operation, place); err != nil {
		return Repository{}, err
	}
	repository := Repository{Place: place, Settings: settings, CreatedAt: s.now().UTC()}
	return repository, state.Add(s.store, contents.repositories, repository.ARN(), repository,
		api.Refuse(operation, http.StatusBadRequest, "RepositoryAlreadyExistsException",
			"The repository with name '%s' already exists in the registry with id '%s'", settings.Name, place.Account))
}

// Get is DescribeRepositories for one repository.
func (s *Store) Get(place arn.Place, name string) (Repository, error) {
	repository, found := s.Repository(place, name)
	if !found {
		return Repository{}, notFound("DescribeRepositories", place, name)
	}
	return repository, nil
}

// Image is DescribeImages for one image: its digest.
func (s *Store) Image(place arn.Place, name, tag, digest string) (string, error) {
	const operation = "DescribeImages"
	repository, found := s.Repository(place, name)
	if !found {
		return "", notFound(operation, place, name)
	}
	if held := s.contents.Digest(repository, cmp.Or(digest, tag)); held != "" {
		return held, nil
	}
	return "", api.Refuse(operation, http.StatusBadRequest, ImageNotFound,
		"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
		cmp.Or(digest, "null"), cmp.Or(tag, "null"), name, place.Account)
}

// Update changes mutability, scanning and tags of a repository; its encryption
// never changes.
func (s *Store) Update(place arn.Place, settings Settings) (Repository, error) {
	const operation = "PutImageTagMutability"
	return s.change(place, settings.Name, operation, func(repository *Repository) error {
		repository.Mutability = cmp.Or(settings.Mutability, Mutable)
		repository.Scanning = settings.Scanning
		repository.Tags = settings.Tags
		return repository.check(operation, place)
	})
}

// change applies an edit to a copy and keeps the copy where nothing is wrong with it.
func (s *Store) change(place arn.Place, name, operation string, edit func(*Repository) error) (Repository, error) {
	return state.Edit(s.store, contents.repositories, key(place, name), notFound(operation, place, name),
		func(_ contents, repository *Repository) error { return edit(repository) })
}

// Delete removes a repository; one that contains images only by force.
func (s *Store) Delete(place arn.Place, name string, force bool) error {
	const operation = "DeleteRepository"
	repository, found := s.Repository(place, name)
	if !found {
		return notFound(operation, place, name)
	}
	if !force && len(s.contents.Tags(repository)) > 0 {
		return api.Refuse(operation, http.StatusBadRequest, NotEmpty,
			"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", name, place.Account)
	}
	if err := s.contents.Empty(repository); err != nil {
		return fmt.Errorf("ecr: %s: %w", repository.ARN(), err)
	}
	return state.Remove(s.store, contents.repositories, repository.ARN(), notFound(operation, place, name))
}

// SetPolicy replaces the repository policy.
func (s *Store) SetPolicy(place arn.Place, name, document string) (Repository, error) {
	const operation = "SetRepositoryPolicy"
	return s.change(place, name, operation, func(repository *Repository) error {
		if err := s.bind(repository, document); err != nil {
			return invalidParameter(operation, "PolicyText", err.Error())
		}
		return nil
	})
}

// DeletePolicy removes the repository policy.
func (s *Store) DeletePolicy(place arn.Place, name string) error {
	const operation = "DeleteRepositoryPolicy"
	_, err := s.change(place, name, operation, func(repository *Repository) error {
		if repository.Policy == nil {
			return api.Refuse(operation, http.StatusBadRequest, PolicyNotFound,
				"Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", name, place.Account)
		}
		repository.Policy = nil
		return nil
	})
	return err
}

// PutLifecycle replaces the lifecycle policy.
func (s *Store) PutLifecycle(place arn.Place, name, document string) (Repository, error) {
	const operation = "PutLifecyclePolicy"
	return s.change(place, name, operation, func(repository *Repository) error {
		if err := checkLifecycle(document); err != nil {
			return invalidParameter(operation, "LifecyclePolicyText", "Lifecycle policy validation failure: "+err.Error())
		}
		repository.Lifecycle = document
		return nil
	})
}

// DeleteLifecycle removes the lifecycle policy.
func (s *Store) DeleteLifecycle(place arn.Place, name string) error {
	const operation = "DeleteLifecyclePolicy"
	_, err := s.change(place, name, operation, func(repository *Repository) error {
		if repository.Lifecycle == "" {
			return api.Refuse(operation, http.StatusBadRequest, LifecycleNotFound,
				"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", name, place.Account)
		}
		repository.Lifecycle = ""
		return nil
	})
	return err
}
