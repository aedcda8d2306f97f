package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
)

// Mode is how the customer's repository comes to be.
type Mode string

// The modes.
const (
	// Standard is a repository that waybill creates and the vendor pushes this
	// customer's images to.
	Standard Mode = "standard"
	// Existing is a repository that somebody else looks after; only its policy
	// is waybill's. A repository has one policy: whoever wrote another loses it.
	Existing Mode = "existing"
)

// Repository is the one ECR repository that the customer reads. All but Name
// and Mode is of standard repositories only.
type Repository struct {
	// Name of the repository: 2 to 256 characters; empty means the customer's
	// slug.
	Name string
	// Mode; empty means Standard.
	Mode Mode
	// MutableTags lets a tag be moved; without it a published tag stays.
	MutableTags bool
	// Unscanned leaves pushed images unscanned.
	Unscanned bool
	// KMSKey is the ARN of the key that encrypts the images; empty means
	// AES-256 with a key of ECR's. Neither can be changed later: another value
	// asks for another repository.
	KMSKey string
	// Lifecycle says which images ECR deletes by itself.
	Lifecycle Lifecycle
	// Unprotected lets an update delete the repository with its images:
	// off-boarding is explicit.
	Unprotected bool
}

func (r Repository) validate(p *check.Problems, name string, s site) {
	checkRepositoryName(p, name)
	switch r.Mode {
	case "", Standard:
		if r.KMSKey != "" {
			checkKey(p, "repository.kmsKey", r.KMSKey, s)
		}
		r.Lifecycle.validate(p)
	case Existing:
		if (r != Repository{Name: r.Name, Mode: Existing}) {
			p.Add("repository.mode", "%q: want no other setting than the name, somebody else looks after it", r.Mode)
		}
	default:
		p.Add("repository.mode", "%q: want %s or %s", r.Mode, Standard, Existing)
	}
}

// minRepositoryName is ECR's; its pattern does not say so.
const minRepositoryName = 2

func checkRepositoryName(p *check.Problems, name string) {
	p.Error("repository.name", naming.ECRRepository.Check(name))
	if len(name) > 0 && len(name) < minRepositoryName {
		p.Add("repository.name", "%q: want at least %d characters", name, minRepositoryName)
	}
}

// newRepository registers the repository with its lifecycle policy and gives
// its name; an existing one is named and not touched.
func newRepository(ctx *pulumi.Context, name string, args *ImageGrantArgs, parent pulumi.Resource) (pulumi.StringInput, error) {
	r := args.Repository
	if r.Mode == Existing {
		return pulumi.String(args.repositoryName()), nil
	}
	mutability := "IMMUTABLE"
	if r.MutableTags {
		mutability = "MUTABLE"
	}
	encryption := &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("AES256")}
	if r.KMSKey != "" {
		encryption = &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("KMS"), KmsKey: pulumi.String(r.KMSKey)}
	}
	repository, err := ecr.NewRepository(ctx, name+"-repository", &ecr.RepositoryArgs{
		Name:                       pulumi.String(args.repositoryName()),
		ImageTagMutability:         pulumi.String(mutability),
		ImageScanningConfiguration: &ecr.RepositoryImageScanningConfigurationArgs{ScanOnPush: pulumi.Bool(!r.Unscanned)},
		EncryptionConfigurations:   ecr.RepositoryEncryptionConfigurationArray{encryption},
		// ECR refuses to delete images with their repository otherwise, and the
		// protection below already guards against an accident.
		ForceDelete: pulumi.Bool(r.Unprotected),
		Tags:        pulumi.ToStringMap(labels.Owner{Customer: args.Customer, Product: args.Product}.Cloud(args.Tags)),
	}, pulumi.Parent(parent), pulumi.Protect(!r.Unprotected))
	if err != nil {
		return nil, err
	}
	if r.Lifecycle.Off {
		return repository.Name, nil
	}
	document, err := r.Lifecycle.render()
	if err != nil {
		return nil, err
	}
	_, err = ecr.NewLifecyclePolicy(ctx, name+"-lifecycle", &ecr.LifecyclePolicyArgs{
		Repository: repository.Name,
		Policy:     pulumi.String(document),
	}, pulumi.Parent(parent))
	return repository.Name, err
}
