package aws

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/optional"
	"waybill.example/waybill/components/internal/policy"
)

// Repository is the one ECR repository that the customer reads.
type Repository struct {
	// Name of the repository: 2 to 256 characters; default: SLUG/PRODUCT.
	Name string
	// Existing is a repository that somebody else looks after: nothing but its
	// name is set, and only its policy is waybill's. A repository has one
	// policy: one with the statements of others is refused.
	Existing bool
	// MutableTags lets a tag be moved; without it a published tag stays.
	MutableTags bool
	// Scan looks for vulnerabilities in what is pushed; default: true.
	Scan *bool
	// KMSKey is the ARN of the key that encrypts the images; empty means
	// AES-256 with a key of ECR's. Neither can be changed later: another value
	// asks for another repository.
	KMSKey string
	// Lifecycle says which images ECR deletes by itself.
	Lifecycle Lifecycle
	// Protect keeps an update from deleting the repository with its images;
	// default: true. Off-boarding is explicit.
	Protect *bool
}

func (r Repository) validate(p *check.Problems, s site) {
	if r.Name != "" {
		checkRepositoryName(p, r.Name)
	}
	if r.Existing {
		if (r != Repository{Name: r.Name, Existing: true}) {
			p.Add("repository.existing", "true: want no other setting than the name, somebody else looks after it")
		}
		return
	}
	if r.KMSKey != "" {
		checkKey(p, "repository.kmsKey", r.KMSKey, s)
	}
	r.Lifecycle.validate(p)
}

// minRepositoryName is ECR's; its pattern does not say so.
const minRepositoryName = 2

func checkRepositoryName(p *check.Problems, name string) {
	if host, rest, found := strings.Cut(name, "/"); found && strings.Contains(host, ".dkr.ecr.") {
		p.Add("repository.name", "%q: begins with the registry's host: want the name alone, %q", name, rest)
		return
	}
	p.Error("repository.name", naming.ECRRepository.Check(name))
	if len(name) > 0 && len(name) < minRepositoryName {
		p.Add("repository.name", "%q: want at least %d characters", name, minRepositoryName)
	}
}

// newRepository registers the repository with its lifecycle policy and gives
// its name; an existing one is named and not touched.
func newRepository(ctx *pulumi.Context, children *family.Family, args *ImageGrantArgs) (pulumi.StringInput, error) {
	r := args.Repository
	if r.Existing {
		return pulumi.String(args.repositoryName()), nil
	}
	protect := optional.Or(r.Protect, true)
	mutability := "IMMUTABLE"
	if r.MutableTags {
		mutability = "MUTABLE"
	}
	encryption := &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("AES256")}
	if r.KMSKey != "" {
		encryption = &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("KMS"), KmsKey: pulumi.String(r.KMSKey)}
	}
	repository, err := ecr.NewRepository(ctx, children.Name(childRepository), &ecr.RepositoryArgs{
		Name:                       pulumi.String(args.repositoryName()),
		ImageTagMutability:         pulumi.String(mutability),
		ImageScanningConfiguration: &ecr.RepositoryImageScanningConfigurationArgs{ScanOnPush: pulumi.Bool(optional.Or(r.Scan, true))},
		EncryptionConfigurations:   ecr.RepositoryEncryptionConfigurationArray{encryption},
		// ECR refuses to delete images with their repository otherwise, and the
		// protection below already guards against an accident.
		ForceDelete: pulumi.Bool(!protect),
		Tags:        pulumi.ToStringMap(args.owner().Cloud(args.Tags)),
	}, children.Options(childRepository, pulumi.Protect(protect))...)
	if err != nil {
		return nil, err
	}
	rules := r.lifecycleRules()
	if len(rules) == 0 {
		return repository.Name, nil
	}
	document, err := policy.Marshal(lifecyclePolicy{Rules: rules})
	if err != nil {
		return nil, err
	}
	_, err = ecr.NewLifecyclePolicy(ctx, children.Name(childLifecycle), &ecr.LifecyclePolicyArgs{
		Repository: repository.Name,
		Policy:     pulumi.String(document),
	}, children.Options(childLifecycle)...)
	return repository.Name, err
}
