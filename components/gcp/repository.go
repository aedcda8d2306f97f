package gcp

import (
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
)

// Mode is how the customer's repository comes to its images.
type Mode string

// The modes.
const (
	// Standard is a repository that the vendor pushes this customer's images to.
	Standard Mode = "standard"
	// Virtual shows the vendor's release repository under the customer's name.
	Virtual Mode = "virtual"
	// Existing is a repository that somebody else looks after.
	Existing Mode = "existing"
)

// Repository is the one Artifact Registry repository that the customer reads.
type Repository struct {
	// Name of the repository; empty means the customer's slug.
	Name string
	// Mode; empty means Standard.
	Mode Mode
	// Upstream is the release repository behind a virtual one, in the form
	// projects/PROJECT/locations/LOCATION/repositories/NAME.
	Upstream string
	// MutableTags lets a tag be moved; without it a published tag stays.
	// Of standard repositories only.
	MutableTags bool
	// Unprotected lets an update delete the repository with its images:
	// off-boarding is explicit.
	Unprotected bool
}

// upstream takes a valid Upstream apart.
func (r Repository) upstream() (parts struct{ project, location, name string }) {
	fields := strings.Split(r.Upstream, "/")
	parts.project, parts.location, parts.name = fields[1], fields[3], fields[5]
	return parts
}

func (r Repository) validate(p *check.Problems, name, location string) {
	p.Error("repository.name", naming.Repository.Check(name))
	switch r.Mode {
	case "", Standard, Existing:
		if r.Upstream != "" {
			p.Add("repository.upstream", "%q: want none unless the mode is %s", r.Upstream, Virtual)
		}
	case Virtual:
		if !upstreamPattern.MatchString(r.Upstream) {
			p.Add("repository.upstream", "%q: want projects/PROJECT/locations/LOCATION/repositories/NAME", r.Upstream)
		} else if upstream := r.upstream().location; upstream != location {
			p.Add("repository.upstream", "%q is in %s: want one in %s, a virtual repository is where its upstream is", r.Upstream, upstream, location)
		}
	default:
		p.Add("repository.mode", "%q: want %s, %s or %s", r.Mode, Standard, Virtual, Existing)
	}
}

// newRepository registers the repository and gives its name; an existing one
// is named and not touched, and no resource then.
func newRepository(ctx *pulumi.Context, name string, args *ImageGrantArgs, parent pulumi.Resource) (pulumi.StringInput, []pulumi.Resource, error) {
	r := args.Repository
	if r.Mode == Existing {
		return pulumi.String(args.repositoryName()), nil, nil
	}
	inputs := &artifactregistry.RepositoryArgs{
		Project:      pulumi.String(args.Project),
		Location:     pulumi.String(args.Location),
		RepositoryId: pulumi.String(args.repositoryName()),
		Format:       pulumi.String("DOCKER"),
		Description:  pulumi.String("Images for " + args.Customer),
		Labels:       pulumi.ToStringMap(labels.Owner{Customer: args.Customer, Product: args.Product}.Cloud(args.Labels)),
	}
	if r.Mode == Virtual {
		inputs.Mode = pulumi.String("VIRTUAL_REPOSITORY")
		inputs.VirtualRepositoryConfig = &artifactregistry.RepositoryVirtualRepositoryConfigArgs{
			UpstreamPolicies: artifactregistry.RepositoryVirtualRepositoryConfigUpstreamPolicyArray{
				&artifactregistry.RepositoryVirtualRepositoryConfigUpstreamPolicyArgs{
					Id:         pulumi.String("releases"),
					Repository: pulumi.String(r.Upstream),
					Priority:   pulumi.Int(1),
				},
			},
		}
	} else {
		inputs.Mode = pulumi.String("STANDARD_REPOSITORY")
		inputs.DockerConfig = &artifactregistry.RepositoryDockerConfigArgs{ImmutableTags: pulumi.Bool(!r.MutableTags)}
	}
	repository, err := artifactregistry.NewRepository(ctx, name+"-repository", inputs,
		pulumi.Parent(parent), pulumi.Protect(!r.Unprotected))
	if err != nil {
		return nil, nil, err
	}
	return repository.RepositoryId, []pulumi.Resource{repository}, nil
}
