package world

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// AWS holds the accounts of both sides.
type AWS struct {
	// Accounts are those of both parties.
	Accounts []AWSAccount `json:"accounts,omitempty"`
}

// AWSAccount is one AWS account.
type AWSAccount struct {
	// ID is twelve digits, as text: YAML would read it as a number.
	ID string `json:"id"`
	// Partition is aws, aws-us-gov, aws-cn or aws-eusc; empty means aws.
	Partition string `json:"partition,omitempty"`
	// Regions are those that the account has enabled.
	Regions []string `json:"regions"`
	// Deployers are who deploys there; empty means that they may make anything.
	Deployers AWSDeployers `json:"deployers,omitzero"`
	// Policies are those that exist already; so is everything below.
	Policies      []AWSPolicy       `json:"policies,omitempty"`
	Roles         []AWSRole         `json:"roles,omitempty"`
	OIDCProviders []AWSOIDCProvider `json:"oidcProviders,omitempty"`
	// Secrets are what its Secrets Manager and Systems Manager keep.
	Secrets      []AWSSecret     `json:"secrets,omitempty"`
	VPCs         []VPC           `json:"vpcs,omitempty"`
	EKSClusters  []EKSCluster    `json:"eksClusters,omitempty"`
	ECSClusters  []ECSCluster    `json:"ecsClusters,omitempty"`
	Repositories []ECRRepository `json:"repositories,omitempty"`
	// Releases are what the vendor's pipeline pushes once their repository is there,
	// as REGION/REPOSITORY:TAG, where the repository's name may have several parts,
	// by the
	// pusher; empty means that nothing is pushed.
	Releases []string `json:"releases,omitempty"`
	// Pusher is the name of one of the roles.
	Pusher string `json:"pusher,omitempty"`
}

// AWSDeployers say what those who deploy may make in an account.
type AWSDeployers struct {
	// Path begins the IAM path of all roles and policies that they make, with a slash at
	// both ends; empty means any.
	Path string `json:"path,omitempty"`
	// PermissionsBoundary is the ARN of the policy that all roles that they make have as
	// their boundary; empty means any, or none.
	PermissionsBoundary string `json:"permissionsBoundary,omitempty"`
	// Tags are the keys of tags that all roles and policies that they make have.
	Tags []string `json:"tags,omitempty"`
}

// AWSPolicy is a policy that the account manages itself.
type AWSPolicy struct {
	Name string `json:"name"`
	// Path is its IAM path, with a slash at both ends; empty means /.
	Path        string `json:"path,omitempty"`
	Description string `json:"description,omitempty"`
	// Document is the policy as JSON.
	Document json.RawMessage   `json:"document"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// AWSRole is an IAM role.
type AWSRole struct {
	Name string `json:"name"`
	// Path is its IAM path, with a slash at both ends; empty means /.
	Path        string            `json:"path,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	// Trust is the trust policy.
	Trust json.RawMessage `json:"trust"`
	// Policies are the role's identity policies by name.
	Policies map[string]json.RawMessage `json:"policies,omitempty"`
	// ManagedPolicies are the ARNs of attached policies, AWS's or the account's.
	ManagedPolicies []string `json:"managedPolicies,omitempty"`
}

// AWSSecret is a secret or a parameter.
type AWSSecret struct {
	// ARN is that of the secret, with the six characters at its end, or of the parameter.
	ARN string `json:"arn"`
	// Key is the ARN of the customer-managed KMS key that encrypts it; empty means a key
	// of AWS's, which takes no right.
	Key string `json:"key,omitempty"`
}

// AWSOIDCProvider is an IAM OIDC identity provider.
type AWSOIDCProvider struct {
	// URL is the issuer with its https://.
	URL string `json:"url"`
	// ClientIDs are the audiences that it accepts.
	ClientIDs []string `json:"clientIds,omitempty"`
}

// VPC is a network with what tasks are placed in.
type VPC struct {
	// ID is of the form vpc-0123456789abcdef0.
	ID     string `json:"id"`
	Region string `json:"region"`
	// Subnets are IDs, subnet-….
	Subnets []string `json:"subnets,omitempty"`
	// PublicSubnets are those of the subnets whose way out is an internet gateway: what
	// has no public address reaches nothing from there. The others have a NAT gateway.
	PublicSubnets []string `json:"publicSubnets,omitempty"`
	// SecurityGroups are IDs, sg-….
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// TargetGroups are the ARNs of load balancers' target groups, of the target type ip.
	TargetGroups []string `json:"targetGroups,omitempty"`
}

// EKSCluster is an Amazon EKS cluster.
type EKSCluster struct {
	Name   string `json:"name"`
	Region string `json:"region"`
	// Issuer is the cluster's OIDC issuer URL, without a trailing slash.
	Issuer string `json:"issuer"`
	// Context is the kubeconfig context in kubernetes.clusters that reaches it.
	Context string `json:"context"`
	// KubernetesVersion is of the form 1.34; empty means 1.34, the version of the
	// sandbox's own control plane.
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// AuthenticationMode is API, API_AND_CONFIG_MAP or CONFIG_MAP; empty means API.
	AuthenticationMode string `json:"authenticationMode,omitempty"`
	// PodIdentityAgent is true where the nodes run the EKS Pod Identity agent.
	PodIdentityAgent bool `json:"podIdentityAgent,omitempty"`
	// NodeRole is the ARN of the nodes' role, with which the kubelet pulls.
	NodeRole string `json:"nodeRole,omitempty"`
}

// ECSCluster is an Amazon ECS cluster.
type ECSCluster struct {
	Name   string `json:"name"`
	Region string `json:"region"`
}

// ECRRepository is a private repository of Amazon ECR.
type ECRRepository struct {
	Region string `json:"region"`
	Name   string `json:"name"`
	// Mutability is MUTABLE or IMMUTABLE; empty means MUTABLE.
	Mutability string `json:"mutability,omitempty"`
	// ScanOnPush is true where ECR scans what is pushed.
	ScanOnPush bool `json:"scanOnPush,omitempty"`
	// KMSKey is the ARN of the key that encrypts; empty means ECR's own (AES256).
	KMSKey string `json:"kmsKey,omitempty"`
	// ResourceTags are the repository's own, as opposed to those of its images.
	ResourceTags map[string]string `json:"resourceTags,omitempty"`
	// Policy is the repository policy; empty means none.
	Policy json.RawMessage `json:"policy,omitempty"`
	// Lifecycle is the lifecycle policy; empty means none.
	Lifecycle json.RawMessage `json:"lifecycle,omitempty"`
	// Tags are those of the images that the vendor published here, for example 1.4.2.
	Tags []string `json:"tags,omitempty"`
}

// The forms of AWS's names and IDs. Repository names:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
var (
	accountForm       = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm        = regexp.MustCompile(`^[a-z]{2,4}(?:-[a-z]+)+-[0-9]+$`)
	ecrRepositoryForm = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	tagForm           = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// AWSPartitions are the partitions that an account can belong to.
var AWSPartitions = []string{"aws", "aws-us-gov", "aws-cn", "aws-eusc"}

// ParseECRRelease reads REGION/REPOSITORY:TAG: the repository is the image's name.
func ParseECRRelease(text string) (Release, error) {
	region, rest, _ := strings.Cut(text, "/")
	repository, tag, _ := strings.Cut(rest, ":")
	if !regionForm.MatchString(region) || !ecrRepositoryForm.MatchString(repository) || !tagForm.MatchString(tag) {
		return Release{}, fmt.Errorf("%q: want REGION/REPOSITORY:TAG, for example eu-central-1/acme/server:1.0", text)
	}
	return Release{Location: region, Repository: repository, Image: Image{repository, tag}}, nil
}

// Forms of paths and ARNs.
var (
	iamPathForm       = regexp.MustCompile(`^/([!-~]+/)?$`)
	managedPolicyForm = regexp.MustCompile(`^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[!-~]+$`)
	keyForm           = regexp.MustCompile(`^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$`)
	secretForm        = regexp.MustCompile(`^arn:[a-z-]+:(?:secretsmanager:[a-z0-9-]+:([0-9]{12}):secret:[^:]+-[A-Za-z0-9]{6}|ssm:[a-z0-9-]+:([0-9]{12}):parameter/[^:]+)$`)
)

// validateAWS checks what the accounts hold.
func (w *World) validateAWS(report func(format string, args ...any)) {
	for i, account := range w.AWS.Accounts {
		key := fmt.Sprintf("aws.accounts[%d]", i)
		if !accountForm.MatchString(account.ID) {
			report("%s.id %q: want twelve digits, quoted", key, account.ID)
		}
		if slices.IndexFunc(w.AWS.Accounts, func(a AWSAccount) bool { return a.ID == account.ID }) != i {
			report("%s.id %q: names another account already", key, account.ID)
		}
		oneOf(key+".partition", account.Partition, AWSPartitions, report)
		account.validateIAM(key, report)
		account.validateRegional(key, w.Kubernetes.Clusters, report)
	}
}

func (a AWSAccount) validateIAM(key string, report func(format string, args ...any)) {
	validatePusher(key, a.Pusher, a.Releases, slices.ContainsFunc(a.Roles, func(r AWSRole) bool { return r.Name == a.Pusher }), report)
	for i, provider := range a.OIDCProviders {
		if issuer, err := url.Parse(provider.URL); err != nil || issuer.Scheme != "https" || issuer.Host == "" {
			report("%s.oidcProviders[%d].url %q: want an https URL", key, i, provider.URL)
		}
	}
	if path := a.Deployers.Path; path != "" && !iamPathForm.MatchString(path) {
		report("%s.deployers.path %q: want a path with a slash at both ends", key, path)
	}
	if boundary := a.Deployers.PermissionsBoundary; boundary != "" && !managedPolicyForm.MatchString(boundary) {
		report("%s.deployers.permissionsBoundary %q: want the ARN of a policy", key, boundary)
	}
	for i, secret := range a.Secrets {
		if parts := secretForm.FindStringSubmatch(secret.ARN); parts == nil || parts[1]+parts[2] != a.ID {
			report("%s.secrets[%d].arn %q: want the ARN of a secret of the account, with the six characters at its end, or of a parameter", key, i, secret.ARN)
		}
		if secret.Key != "" && !keyForm.MatchString(secret.Key) {
			report("%s.secrets[%d].key %q: want the ARN of a KMS key", key, i, secret.Key)
		}
	}
}

// validateRegional checks what lies in a Region.
func (a AWSAccount) validateRegional(key string, clusters []Cluster, report func(format string, args ...any)) {
	inRegion := func(key, region string) {
		if !slices.Contains(a.Regions, region) {
			report("%s.region %q: want one of the account's Regions, %q", key, region, a.Regions)
		}
	}
	for i, vpc := range a.VPCs {
		inRegion(fmt.Sprintf("%s.vpcs[%d]", key, i), vpc.Region)
		for _, subnet := range vpc.PublicSubnets {
			if !slices.Contains(vpc.Subnets, subnet) {
				report("%s.vpcs[%d].publicSubnets %q: want one of its subnets", key, i, subnet)
			}
		}
	}
	for i, cluster := range a.EKSClusters {
		inRegion(fmt.Sprintf("%s.eksClusters[%d]", key, i), cluster.Region)
		at := slices.IndexFunc(clusters, func(c Cluster) bool { return c.Context == cluster.Context })
		switch {
		case at < 0:
			report("%s.eksClusters[%d].context %q: want the context of one of kubernetes.clusters", key, i, cluster.Context)
		case clusters[at].Issuer != cluster.Issuer:
			report("%s.eksClusters[%d].issuer %q: want the issuer of kubernetes.clusters[%d], %q", key, i, cluster.Issuer, at, clusters[at].Issuer)
		}
	}
	for i, cluster := range a.ECSClusters {
		inRegion(fmt.Sprintf("%s.ecsClusters[%d]", key, i), cluster.Region)
	}
	for i, repository := range a.Repositories {
		inRegion(fmt.Sprintf("%s.repositories[%d]", key, i), repository.Region)
		if !ecrRepositoryForm.MatchString(repository.Name) {
			report("%s.repositories[%d].name %q: want the name of a repository, for example acme/server", key, i, repository.Name)
		}
		oneOf(fmt.Sprintf("%s.repositories[%d].mutability", key, i), repository.Mutability, []string{"MUTABLE", "IMMUTABLE"}, report)
		for j, tag := range repository.Tags {
			if !tagForm.MatchString(tag) {
				report("%s.repositories[%d].tags[%d] %q: want a tag, for example 1.4.2", key, i, j, tag)
			}
		}
	}
	for i, text := range a.Releases {
		release, err := ParseECRRelease(text)
		if err != nil {
			report("%s.releases[%d] %v", key, i, err)
			continue
		}
		inRegion(fmt.Sprintf("%s.releases[%d]", key, i), release.Location)
	}
}
