package gcp

import (
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/optional"
)

// Repository is the one Artifact Registry repository that the customer reads. Whether
// images are scanned is the project's to say, by the API containerscanning.googleapis.com:
// this version of the provider has no setting of a repository for it.
type Repository struct {
	// Name of the repository; default: SLUG--PRODUCT. One that took over a host of
	// Container Registry, such as eu.gcr.io, with Existing only.
	Name string
	// Existing is a repository that somebody else looks after: it is named and
	// not touched, and nothing but its name is set.
	Existing bool
	// Upstream is a release repository that is shown under the customer's name,
	// in the form projects/PROJECT/locations/LOCATION/repositories/NAME; without
	// it the vendor pushes this customer's images to the repository.
	Upstream string
	// MutableTags lets a tag be moved; without it a published tag stays. Without
	// an Upstream only, which decides that itself.
	MutableTags bool
	// KMSKey is the key that encrypts the images,
	// projects/P/locations/L/keyRings/R/cryptoKeys/K in the repository's location; empty
	// means a key of Google's. Artifact Registry's service agent must be allowed to use
	// it. It cannot be changed later: another one asks for another repository.
	KMSKey string
	// Cleanup says which images Artifact Registry deletes by itself.
	Cleanup Cleanup
	// Protect keeps an update from deleting the repository with its images;
	// default: true. Off-boarding is explicit.
	Protect *bool
}

// movedRegistries are the repositories that took over the hosts of Container
// Registry, with the location that each has
// (https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo).
var movedRegistries = map[string]string{"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}

// upstream is an Upstream in its parts.
type upstream struct{ project, location, name string }

// upstream takes a valid Upstream apart.
func (r Repository) upstream() upstream {
	fields := strings.Split(r.Upstream, "/")
	return upstream{project: fields[1], location: fields[3], name: fields[5]}
}

// misplaced is where a repository is that took over a host, if it is looked for
// elsewhere; empty for any other.
func (u upstream) misplaced() string {
	if at := movedRegistries[u.name]; at != u.location {
		return at
	}
	return ""
}

// foreignUpstream says whether the upstream is another project's.
func (args *ImageGrantArgs) foreignUpstream() bool {
	r := args.Repository
	return !r.Existing && upstreamPattern.MatchString(r.Upstream) && r.upstream().project != args.Project
}

func (r Repository) validate(p *check.Problems, location string) {
	at, moved := movedRegistries[r.Name]
	switch {
	case r.Name == "":
	case !moved:
		p.Error("repository.name", naming.Repository.Check(r.Name))
	case !r.Existing:
		p.Add("repository.name", "%q: took over a host of Container Registry: want it as an existing repository, or as an upstream", r.Name)
	case at != location:
		p.Add("repository.name", "%q: is in the location %s, not in %s: want that location", r.Name, at, location)
	}
	switch {
	case r.Existing:
		if (r != Repository{Name: r.Name, Existing: true}) {
			p.Add("repository.existing", "true: want no other setting than the name, somebody else looks after it")
		}
	case r.Upstream == "":
		r.validateImages(p, location)
	case !upstreamPattern.MatchString(r.Upstream):
		p.Add("repository.upstream", "%q: want projects/PROJECT/locations/LOCATION/repositories/NAME", r.Upstream)
	case r.upstream().misplaced() != "":
		p.Add("repository.upstream", "%q: want it in the location %s, where %s is", r.Upstream, r.upstream().misplaced(), r.upstream().name)
	case r.upstream().location != location:
		p.Add("repository.upstream", "%q is in %s: want one in %s, a repository is where its upstream is", r.Upstream, r.upstream().location, location)
	case r.MutableTags:
		p.Add("repository.mutableTags", "true: want it without an upstream, whose tags these are")
	case r.KMSKey != "" || r.Cleanup != Cleanup{}:
		p.Add("repository.upstream", "%q: want no key and no cleanup beside it, which are for images that the repository holds itself", r.Upstream)
	}
}

// validateImages checks what a repository says of the images that it holds.
func (r Repository) validateImages(p *check.Problems, location string) {
	if key := keyPattern.FindStringSubmatch(r.KMSKey); r.KMSKey != "" && (key == nil || key[1] != location) {
		p.Add("repository.kmsKey", "%q: want projects/PROJECT/locations/%s/keyRings/RING/cryptoKeys/KEY", r.KMSKey, location)
	}
	r.Cleanup.validate(p, r.MutableTags)
}

// keyPattern is a key of Cloud KMS; the group is its location.
var keyPattern = regexp.MustCompile(`^projects/[a-z0-9:.-]+/locations/([a-z0-9-]+)/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}$`)

// newRepository registers the repository and gives its name; an existing one
// is named and not touched, and no resource then.
func newRepository(ctx *pulumi.Context, children *family.Family, args *ImageGrantArgs) (pulumi.StringInput, []pulumi.Resource, error) {
	r := args.Repository
	if r.Existing {
		return pulumi.String(args.repositoryName()), nil, nil
	}
	inputs := &artifactregistry.RepositoryArgs{
		Project:      pulumi.String(args.Project),
		Location:     pulumi.String(args.Location),
		RepositoryId: pulumi.String(args.repositoryName()),
		Format:       pulumi.String("DOCKER"),
		Description:  pulumi.String("Images for " + args.Customer),
		Labels:       pulumi.ToStringMap(args.owner().Cloud(args.Tags)),
	}
	if r.Upstream != "" {
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
		if policies := r.Cleanup.policies(r.MutableTags); len(policies) > 0 {
			inputs.CleanupPolicies = policies
		}
		if r.KMSKey != "" {
			inputs.KmsKeyName = pulumi.String(r.KMSKey)
		}
		// The block stands only where it says something: a creation leaves out one
		// that says false, and the next update would send it
		// (https://github.com/hashicorp/terraform-provider-google-beta/blob/v5.42.0/google-beta/services/artifactregistry/resource_artifact_registry_repository.go).
		if !r.MutableTags {
			inputs.DockerConfig = &artifactregistry.RepositoryDockerConfigArgs{ImmutableTags: pulumi.Bool(true)}
		}
	}
	// A replacement has the name of the old one, which goes first or would be met
	// by a 409. Protect refuses either.
	repository, err := artifactregistry.NewRepository(ctx, children.Name(childRepository), inputs,
		children.Options(childRepository, pulumi.Protect(optional.Or(r.Protect, true)), pulumi.DeleteBeforeReplace(true))...)
	if err != nil {
		return nil, nil, err
	}
	return repository.RepositoryId, []pulumi.Resource{repository}, nil
}
