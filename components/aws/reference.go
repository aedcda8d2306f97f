package aws

import (
	"fmt"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/policy"
)

// RepositoryRef names the one ECR repository that a role may read: what the
// access grant says, and the trust anchor confirms.
type RepositoryRef struct {
	// Account is the vendor's AWS account, 12 digits.
	Account string
	// Region is where the vendor's registry is.
	Region string
	// Name of the repository in it.
	Name string
}

func (r RepositoryRef) site() site { return siteOf(r.Account, r.Region) }

// Host is the registry's: ACCOUNT.dkr.ecr.REGION.SUFFIX. Pull secrets are
// keyed by it, never by the proxy endpoint that comes with a token, which names
// the caller's own registry (docs/facts.md §4).
func (r RepositoryRef) Host() string {
	return fmt.Sprintf("%s.dkr.ecr.%s.%s", r.Account, r.Region, r.site().partition.Suffix)
}

// ARN is the repository's.
func (r RepositoryRef) ARN() string { return r.site().arn("ecr", "repository/"+r.Name) }

// validate reports what is wrong with the reference, seen from the site whose
// role reads it: roles and repositories of different partitions never meet.
func (r RepositoryRef) validate(p *check.Problems, reader site) {
	r.site().check(p, "repository.", "the vendor's AWS account")
	checkRepositoryName(p, r.Name)
	if !r.site().sound() || !reader.sound() {
		return
	}
	if theirs, ours := r.site().partition.Name, reader.partition.Name; theirs != ours {
		p.Add("repository.region", "%q: is of partition %s: want one of %s, where the role is", r.Region, theirs, ours)
	}
}

// readActions read images of a repository and nothing else (docs/facts.md §4).
func readActions() policy.Set {
	return policy.Set{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
}

// pullStatements are the customer's half of reading the repository. A token
// belongs to no repository, hence the first statement's star.
func (r RepositoryRef) pullStatements() []policy.Statement {
	return []policy.Statement{
		{Sid: "Token", Action: policy.Set{"ecr:GetAuthorizationToken"}, Resource: policy.Set{"*"}},
		{Sid: "Pull", Action: readActions(), Resource: policy.Set{r.ARN()}},
	}
}
