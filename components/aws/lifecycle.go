package aws

import (
	"cmp"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/optional"
	"waybill.example/waybill/components/internal/policy"
)

// Defaults and limits of the lifecycle policy.
const (
	defaultKeepTagged     = 100
	defaultExpireUntagged = 14
	mostTagged            = 10000
	mostDays              = 3650
)

// Lifecycle says which images ECR deletes by itself.
type Lifecycle struct {
	// Expire lets images go; default: true. False keeps every image, and leaves
	// out the rest.
	Expire *bool
	// KeepTagged is how many tagged images stay, the newest ones; 0 means 100,
	// at most 10,000. An image that a customer still runs has to be among them.
	KeepTagged int
	// ExpireUntaggedAfterDays is how many days after its push an untagged image
	// goes; 0 means 14, at most 3650.
	ExpireUntaggedAfterDays int
}

func (l Lifecycle) expire() bool    { return optional.Or(l.Expire, true) }
func (l Lifecycle) keepTagged() int { return cmp.Or(l.KeepTagged, defaultKeepTagged) }
func (l Lifecycle) expireUntagged() int {
	return cmp.Or(l.ExpireUntaggedAfterDays, defaultExpireUntagged)
}

func (l Lifecycle) validate(p *check.Problems) {
	if !l.expire() && (l.KeepTagged != 0 || l.ExpireUntaggedAfterDays != 0) {
		p.Add("repository.lifecycle.expire", "false: want no limits beside it")
	}
	p.Range("repository.lifecycle.keepTagged", l.keepTagged(), 1, mostTagged)
	p.Range("repository.lifecycle.expireUntaggedAfterDays", l.expireUntagged(), 1, mostDays)
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

// render gives the policy as JSON.
func (l Lifecycle) render() (string, error) {
	return policy.Marshal(lifecyclePolicy{Rules: []lifecycleRule{
		{
			Priority: 1, Description: "Untagged images go after a while",
			Selection: lifecycleSelection{TagStatus: "untagged", CountType: "sinceImagePushed", CountUnit: "days", CountNumber: l.expireUntagged()},
			Action:    lifecycleAction{Type: "expire"},
		},
		{
			Priority: 2, Description: "The newest tagged images stay",
			Selection: lifecycleSelection{TagStatus: "tagged", TagPatternList: []string{"*"}, CountType: "imageCountMoreThan", CountNumber: l.keepTagged()},
			Action:    lifecycleAction{Type: "expire"},
		},
	}})
}
