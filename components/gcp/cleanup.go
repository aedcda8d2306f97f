package gcp

import (
	"cmp"
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/optional"
)

// Defaults and limits of cleanup, as for ECR.
const (
	defaultExpireUntagged = 14
	mostTagged            = 10000
	mostDays              = 3650
)

// Cleanup says which images Artifact Registry deletes by itself. By default nothing
// that may run: an untagged image that another one's manifest list holds is not
// deleted before that list
// (https://github.com/GoogleCloudPlatform/gcr-cleaner/issues/118).
type Cleanup struct {
	// Expire lets images go; default: true. False keeps every image, and leaves
	// out the rest.
	Expire *bool
	// KeepTagged is how many images stay, the newest ones of each name, at most
	// 10,000; 0 keeps all that have a tag. An image that a customer still runs has to
	// be among them. Signatures and SBOMs count as images. With MutableTags only:
	// Google deletes no tag that is immutable.
	KeepTagged int
	// ExpireUntaggedAfterDays is how many days after its upload an untagged image
	// goes, at most 3650; 0 means 14, and where tags may be moved never: what had a
	// tag before may still run.
	ExpireUntaggedAfterDays int
}

func (c Cleanup) validate(p *check.Problems, mutableTags bool) {
	if !optional.Or(c.Expire, true) && (c.KeepTagged != 0 || c.ExpireUntaggedAfterDays != 0) {
		p.Add("repository.cleanup.expire", "false: want no limits beside it")
	}
	if c.KeepTagged != 0 && !mutableTags {
		p.Add("repository.cleanup.keepTagged", "%d: want it with mutableTags, Google deletes no image whose tag is immutable", c.KeepTagged)
	}
	p.Range("repository.cleanup.keepTagged", c.KeepTagged, 0, mostTagged)
	p.Range("repository.cleanup.expireUntaggedAfterDays", c.ExpireUntaggedAfterDays, 0, mostDays)
}

// expireUntagged is 0 where untagged images stay.
func (c Cleanup) expireUntagged(mutableTags bool) int {
	if mutableTags {
		return c.ExpireUntaggedAfterDays
	}
	return cmp.Or(c.ExpireUntaggedAfterDays, defaultExpireUntagged)
}

// policies are the repository's; none where every image stays. What a policy keeps,
// another does not delete
// (https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview).
func (c Cleanup) policies(mutableTags bool) artifactregistry.RepositoryCleanupPolicyArray {
	if !optional.Or(c.Expire, true) {
		return nil
	}
	var policies artifactregistry.RepositoryCleanupPolicyArray
	if days := c.expireUntagged(mutableTags); days > 0 {
		policies = append(policies, &artifactregistry.RepositoryCleanupPolicyArgs{
			Id: pulumi.String("untagged-go"), Action: pulumi.String("DELETE"),
			Condition: &artifactregistry.RepositoryCleanupPolicyConditionArgs{
				// Google answers in seconds, and the provider compares texts.
				TagState: pulumi.String("UNTAGGED"), OlderThan: pulumi.String(fmt.Sprintf("%ds", days*24*60*60)),
			},
		})
	}
	if c.KeepTagged > 0 {
		policies = append(policies, &artifactregistry.RepositoryCleanupPolicyArgs{
			Id: pulumi.String("tagged-go"), Action: pulumi.String("DELETE"),
			Condition: &artifactregistry.RepositoryCleanupPolicyConditionArgs{TagState: pulumi.String("TAGGED")},
		}, &artifactregistry.RepositoryCleanupPolicyArgs{
			Id: pulumi.String("newest-stay"), Action: pulumi.String("KEEP"),
			MostRecentVersions: &artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs{KeepCount: pulumi.Int(c.KeepTagged)},
		})
	}
	return policies
}
