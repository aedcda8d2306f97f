package ecr

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// Mutabilities of tags.
const (
	Mutable   = "MUTABLE"
	Immutable = "IMMUTABLE"
)

// Settings are what a caller sets. The json names are those of the Pulumi type's
// properties.
type Settings struct {
	Name string `json:"name"`
	// Mutability of tags is Mutable or Immutable; empty means Mutable.
	Mutability string   `json:"imageTagMutability"`
	Scanning   Scanning `json:"imageScanningConfiguration"`
	// Encryption has one element; none means AES256.
	Encryption []Encryption      `json:"encryptionConfigurations"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// Scanning says whether ECR scans what is pushed.
type Scanning struct {
	OnPush bool `json:"scanOnPush"`
}

// Encryption is how a repository is encrypted.
type Encryption struct {
	// Type is AES256, KMS or KMS_DSSE.
	Type string `json:"encryptionType"`
	// KMSKey is the ARN of the key; empty for KMS means the account's own key of
	// the service.
	KMSKey string `json:"kmsKey,omitempty"`
}

// complete fills in the defaults of CreateRepository. The account's own key of the
// service has an alias, and a key that the sandbox does not make.
func (s *Settings) complete(place arn.Place) {
	s.Mutability = cmp.Or(s.Mutability, Mutable)
	if len(s.Encryption) == 0 {
		s.Encryption = []Encryption{{}}
	}
	encryption := &s.Encryption[0]
	encryption.Type = cmp.Or(encryption.Type, "AES256")
	if strings.HasPrefix(encryption.Type, "KMS") && encryption.KMSKey == "" {
		encryption.KMSKey = place.ARN("kms", "alias/aws/ecr")
	}
}

// Repository is a private repository.
type Repository struct {
	arn.Place
	Settings
	CreatedAt time.Time `json:"createdAt"`
	// Policy is the repository policy, with the unique IDs that its principals
	// had when it was set; nil where there is none. It is never changed once it
	// is stored.
	Policy *iam.Bound `json:"policy,omitempty"`
	// Lifecycle is the lifecycle policy, empty where there is none. The sandbox
	// stores it and expires nothing.
	Lifecycle string `json:"lifecycle,omitempty"`
}

// ARN names the repository.
func (r Repository) ARN() string { return r.Place.ARN("ecr", "repository/"+r.Name) }

// Host is the registry's host name.
func (r Repository) Host() string { return Host(r.Place) }

// URI is HOST/NAME.
func (r Repository) URI() string { return r.Host() + "/" + r.Name }

// Host is the host name of the registry of an account in a Region:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
func Host(place arn.Place) string {
	return fmt.Sprintf("%s.dkr.ecr.%s.%s", place.Account, place.Region, place.Partition().Suffix)
}

// nameForm and its length are those of
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
var nameForm = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

var encryptions = []string{"AES256", "KMS", "KMS_DSSE"}

// check applies the rules of CreateRepository to settings.
func (s Settings) check(operation string, place arn.Place) error {
	encryption := s.Encryption[0]
	switch {
	case len(s.Name) < 2 || len(s.Name) > 256:
		return invalidParameter(operation, "repositoryName", "must have length between 2 and 256, inclusive")
	case !nameForm.MatchString(s.Name):
		return invalidParameter(operation, "repositoryName", "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'")
	case s.Mutability != Mutable && s.Mutability != Immutable:
		return invalidParameter(operation, "imageTagMutability", "must satisfy enum value set: [IMMUTABLE, MUTABLE]")
	case !slices.Contains(encryptions, encryption.Type):
		return invalidParameter(operation, "encryptionConfiguration.encryptionType", "must satisfy enum value set: [AES256, KMS, KMS_DSSE]")
	case encryption.KMSKey != "" && encryption.Type == "AES256":
		return invalidParameter(operation, "encryptionConfiguration.kmsKey", "KMS key can only be specified for the KMS encryption types")
	case encryption.KMSKey != "" && !keyIn(encryption.KMSKey, place):
		return api.Refuse(operation, http.StatusBadRequest, "KmsException",
			"The KMS key %s cannot be used: it must exist in Region %s", encryption.KMSKey, place.Region)
	}
	return nil
}

// keyIn says whether a KMS key, given by its ARN, is in the repository's Region,
// as it must be. Keys by ID or alias are in it by definition.
func keyIn(key string, place arn.Place) bool {
	name, isARN := arn.Parse(key)
	return !isARN || name.Service == "kms" && name.Region == place.Region && name.Partition == place.Partition().Name
}

// invalidParameter is ECR's answer to a value that breaks a constraint.
func invalidParameter(operation, parameter, constraint string) error {
	return api.Refuse(operation, http.StatusBadRequest, "InvalidParameterException", "%s",
		fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint))
}

func notFound(operation string, place arn.Place, name string) error {
	return api.Refuse(operation, http.StatusBadRequest, NotFound,
		"The repository with name '%s' does not exist in the registry with id '%s'", name, place.Account)
}

// maxPolicy is the number of characters that a repository policy may have
// (docs/facts.md §4).
const maxPolicy = 10240

// bind checks a repository policy and keeps it with the unique IDs that its
// principals have now. The error's text is the constraint that ECR names, for
// example "Principal not found" (docs/facts.md §1, row 11).
func (s *Store) bind(repository *Repository, text string) error {
	if len(text) > maxPolicy {
		return fmt.Errorf("must have length less than or equal to %d", maxPolicy)
	}
	bound, err := s.iam.Bind(policy.Repository, repository.Partition().Name, text)
	var missing *iam.PrincipalNotFound
	switch {
	case errors.As(err, &missing):
		return errors.New("Principal not found") //nolint:staticcheck // ECR's own words
	case err != nil:
		return fmt.Errorf("Invalid repository policy provided: %w", err) //nolint:staticcheck // ECR's own words
	}
	repository.Policy = &bound
	return nil
}

// PolicyText is the repository policy as it was written, or "" where there is none.
func (r Repository) PolicyText() string {
	if r.Policy == nil {
		return ""
	}
	return r.Policy.Text
}

// Attached is the repository policy for an evaluation, or nil where there is none.
func (r Repository) Attached() (*policy.Attached, error) {
	if r.Policy == nil {
		return nil, nil
	}
	attached, err := r.Policy.Attached()
	if err != nil {
		return nil, fmt.Errorf("ecr: policy of %s: %w", r.ARN(), err)
	}
	return &attached, nil
}
