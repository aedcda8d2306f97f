package ecr

import (
	"fmt"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/iam"
)

// Mutabilities of tags.
const (
	Mutable   = "MUTABLE"
	Immutable = "IMMUTABLE"
)

// Settings are what a caller sets.
type Settings struct {
	Name string `json:"name"`
	// Mutability of tags is Mutable or Immutable; empty means Mutable.
	Mutability string `json:"mutability"`
	ScanOnPush bool   `json:"scanOnPush,omitempty"`
	// Encryption is AES256, KMS or KMS_DSSE; empty means AES256.
	Encryption string `json:"encryption"`
	// KMSKey is the ARN of the key; empty for KMS means the account's own key of
	// the service.
	KMSKey string            `json:"kmsKey,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
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
