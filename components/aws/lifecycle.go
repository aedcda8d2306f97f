package aws

import (
	"cmp"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/optional"
)

// Defaults and limits of the lifecycle policy.
const (
	defaultExpireUntagged = 14
	mostTagged            = 10000
	mostDays              = 3650
)

// Lifecycle says which images ECR deletes by itself. By default nothing that may
// run: an untagged image that another one's manifest list holds stays as long as
// that list, and what refers to an image (a signature, an SBOM) goes after its image
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
type Lifecycle struct {
	// Expire lets images go; default: true. False keeps every image, and leaves
	// out the rest.
	Expire *bool
	// KeepTagged is how many tagged images stay, the newest ones, at most 10,000;
	// 0 keeps them all. An image that a customer still runs has to be among them.
	// Signatures and SBOMs with tags (sha256-….sig, .att, .sbom) count as images.
	KeepTagged int
	// ExpireUntaggedAfterDays is how many days after its push an untagged image
	// goes, at most 3650; 0 means 14, and where tags may be moved never: what had
	// a tag before may still run.
	ExpireUntaggedAfterDays int
}

func (l Lifecycle) expire() bool { return optional.Or(l.Expire, true) }

// expireUntagged is 0 where untagged images stay.
func (r Repository) expireUntagged() int {
	if r.MutableTags {
		return r.Lifecycle.ExpireUntaggedAfterDays
	}
	return cmp.Or(r.Lifecycle.ExpireUntaggedAfterDays, defaultExpireUntagged)
}

func (l Lifecycle) validate(p *check.Problems) {
	if !l.expire() && (l.KeepTagged != 0 || l.ExpireUntaggedAfterDays != 0) {
		p.Add("repository.lifecycle.expire", "false: want no limits beside it")
	}
	p.Range("repository.lifecycle.keepTagged", cmp.Or(l.KeepTagged, 1), 1, mostTagged)
	p.Range("repository.lifecycle.expireUntaggedAfterDays", cmp.Or(l.ExpireUntaggedAfterDays, 1), 1, mostDays)
}

// The form of a lifecycle policy:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html.
type lifecyclePolicy struct {
	Rules []lifecycleRule `json:"rules"`
}

type lifecycleRule struct {
	Priority    int                `json:"rulePriority"`
	Description string             `json:"description"`
	Selection   lifecycleSelection `json:"selection"`
	Action      lifecycleAction    `json:"action"`
}

type lifecycleSelection struct {
	TagStatus      string   `json:"tagStatus"`
	TagPatternList []string `json:"tagPatternList,omitempty"`
	CountType      string   `json:"countType"`
	CountUnit      string   `json:"countUnit,omitempty"`
	CountNumber    int      `json:"countNumber"`
}

type lifecycleAction struct {
	Type string `json:"type"`
}

// lifecycleRules are the repository's; none where every image stays.
func (r Repository) lifecycleRules() []lifecycleRule {
	if !r.Lifecycle.expire() {
		return nil
	}
	var rules []lifecycleRule
	add := func(description string, selection lifecycleSelection) {
		rules = append(rules, lifecycleRule{
			Priority: len(rules) + 1, Description: description, Selection: selection, Action: lifecycleAction{Type: "expire"},
		})
	}
	if days := r.expireUntagged(); days > 0 {
		add("Untagged images go after a while",
			lifecycleSelection{TagStatus: "untagged", CountType: "sinceImagePushed", CountUnit: "days", CountNumber: days})
	}
	if most := r.Lifecycle.KeepTagged; most > 0 {
		add("The newest tagged images stay",
			lifecycleSelection{TagStatus: "tagged", TagPatternList: []string{"*"}, CountType: "imageCountMoreThan", CountNumber: most})
	}
	return rules
}
