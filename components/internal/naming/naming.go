// Package naming derives the IDs of cloud resources from a customer's slug and a
// product's name. The IDs fit their cloud's pattern and length, stay readable,
// and never collide, neither between two customers nor between two products of
// one customer.
//
// Short names are used unchanged: acme and shop become acme--shop-azure-pool. An
// ID that is too long, or would start with a reserved prefix, is shortened to the
// slug's beginning, three hyphens and a hash of slug and product.
//
// Neither slug nor product contains two hyphens in a row, or starts or ends with
// one. So the first "--" of an ID always ends the slug, or its beginning. A third
// hyphen there marks the shortened form. Another "--" separates an environment
// from the product.
package naming

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
)

// SlugPattern is what a customer's slug must match, besides holding no "--".
const SlugPattern = `^[a-z][a-z0-9-]{1,38}[a-z0-9]$`

var slugPattern = regexp.MustCompile(SlugPattern)

// CheckSlug reports what is wrong with a customer's slug.
func CheckSlug(slug string) error {
	if !slugPattern.MatchString(slug) || strings.Contains(slug, "--") {
		return fmt.Errorf("%q: want 3 to 40 of a-z, 0-9 and single hyphens, first a letter, last a letter or digit", slug)
	}
	return nil
}

// productPattern is what a product's name must match, besides holding no "--".
var productPattern = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)

// CheckProduct reports what is wrong with a product's name.
func CheckProduct(name string) error {
	if !productPattern.MatchString(name) || strings.Contains(name, "--") {
		return fmt.Errorf("%q: want the product's name, 1 to 40 of a-z, 0-9 and single hyphens, first a letter, last a letter or digit", name)
	}
	return nil
}

var environmentPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,10}[a-z0-9]$`)

// CheckEnvironment reports what is wrong with the name that tells one of a
// customer's environments from the others: its length leaves room for the
// customer's slug in a provider's ID.
func CheckEnvironment(name string) error {
	if !environmentPattern.MatchString(name) {
		return fmt.Errorf("%q: want 2 to 12 of a-z, 0-9 and hyphens, first a letter, last a letter or digit", name)
	}
	return nil
}

// Kind is what one cloud asks of one kind of ID.
type Kind struct {
	// Noun names the kind in errors.
	Noun string
	// Max is the largest length in characters.
	Max int
	// Pattern is what the whole ID must match; the cloud's minimum length is
	// part of it.
	Pattern *regexp.Regexp
	// Reserved prefixes are refused by the cloud.
	Reserved []string
}

// Check reports what is wrong with an ID of this kind.
func (k Kind) Check(id string) error {
	if len(id) > k.Max {
		return fmt.Errorf("%q has %d characters: want a %s of at most %d", id, len(id), k.Noun, k.Max)
	}
	if !k.Pattern.MatchString(id) {
		return fmt.Errorf("%q: want a %s that matches %s", id, k.Noun, k.Pattern)
	}
	if k.reserved(id) {
		return fmt.Errorf("%q: want a %s that does not start with %s", id, k.Noun, strings.Join(k.Reserved, " or "))
	}
	return nil
}

// Derive makes the ID for a valid slug and product: slug--product+suffix where
// that fits, otherwise head---hash+suffix. An ID that is unique within something
// of the customer's product already has no product. The suffix is the caller's,
// leaves room for at least one character and the hash, and is no end of another
// suffix of the same kind.
func (k Kind) Derive(slug, product, suffix string) string {
	id := slug + suffix
	if product != "" {
		id = slug + "--" + product + suffix
	}
	if len(id) <= k.Max && !k.reserved(id) {
		return id
	}
	head := slug
	if k.reserved(slug + "-") {
		head = "x" + head
	}
	hash := "---" + Hash(slug+"/"+product)
	if room := max(k.Max-len(suffix)-len(hash), 0); len(head) > room {
		head = strings.TrimRight(head[:room], "-")
	}
	return head + hash + suffix
}

func (k Kind) reserved(id string) bool {
	for _, prefix := range k.Reserved {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// hashLength characters of base 32 hold 40 bits.
const hashLength = 8

// Hash is a stable digest of text: 8 characters of a-z and 2-7.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashLength]
}

// dnsLabel is what stands between the dots of a Kubernetes name.
const dnsLabel = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`

// ecrPart is what stands between the slashes of an ECR repository's name.
const ecrPart = `[a-z0-9]+([._-][a-z0-9]+)*`

// Kinds of IDs. Patterns and lengths: docs/facts.md §2 (Azure), §3 (GCP), §4
// (IAM); ECR and ECS as their API references say
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html,
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html);
// Kubernetes names are DNS labels of RFC 1123.
var (
	// Pool is a GCP workload identity pool, Provider a provider of one.
	Pool     = Kind{Noun: "workload identity pool ID", Max: 32, Pattern: poolPattern, Reserved: []string{"gcp-"}}
	Provider = Kind{Noun: "workload identity provider ID", Max: 32, Pattern: poolPattern, Reserved: []string{"gcp-"}}
	// ServiceAccount is a GCP service account's ID, the part before the @.
	ServiceAccount = Kind{Noun: "service account ID", Max: 30, Pattern: regexp.MustCompile(`^[a-z][-a-z0-9]{4,28}[a-z0-9]$`)}
	// Repository is an Artifact Registry repository.
	Repository = Kind{Noun: "repository name", Max: 63, Pattern: regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)}
	// Identity is an Azure user-assigned identity.
	Identity = Kind{Noun: "user-assigned identity name", Max: 128, Pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`)}
	// FederatedCredential is a federated identity credential of an identity.
	FederatedCredential = Kind{Noun: "federated credential name", Max: 120, Pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`)}
	// Label is the name of a Kubernetes namespace, Service or container.
	Label = Kind{Noun: "Kubernetes name", Max: 63, Pattern: regexp.MustCompile(`^` + dnsLabel + `$`)}
	// Subdomain is the name of most Kubernetes objects.
	Subdomain = Kind{Noun: "Kubernetes name", Max: 253, Pattern: regexp.MustCompile(`^` + dnsLabel + `(\.` + dnsLabel + `)*$`)}
	// PullSecret is a DNS subdomain. It leaves room for "-refresh", which names its
	// CronJob, at most 52 characters: the controller appends to the names of Jobs.
	PullSecret = Kind{Noun: "pull secret's name", Max: 44, Pattern: Subdomain.Pattern}
	// ECRRepository is an ECR repository, which may stand in namespaces.
	ECRRepository = Kind{Noun: "repository name", Max: 256, Pattern: regexp.MustCompile(`^` + ecrPart + `(/` + ecrPart + `)*$`)}
	// IAMRole is a role without its path, IAMPolicy a managed or inline policy.
	IAMRole   = Kind{Noun: "role name", Max: 64, Pattern: iamPattern}
	IAMPolicy = Kind{Noun: "policy name", Max: 128, Pattern: iamPattern}
	// ECS is an ECS service or a family of task definitions.
	ECS = Kind{Noun: "service name", Max: 255, Pattern: regexp.MustCompile(`^[A-Za-z0-9_-]+$`)}

	poolPattern = regexp.MustCompile(`^[0-9a-z-]{4,32}$`)
	iamPattern  = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]+$`)
)
