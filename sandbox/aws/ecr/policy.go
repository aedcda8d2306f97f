package ecr

import (
	"errors"
	"fmt"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
)

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

// PolicyText is the repository policy as ECR shows it now: a principal that is
// gone, or was made again, shows as the unique ID that it had. It is empty where
// there is no policy.
func (s *Store) PolicyText(repository Repository) string {
	if repository.Policy == nil {
		return ""
	}
	return s.iam.Text(*repository.Policy)
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
