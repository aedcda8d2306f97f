package chain

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// What the vendor's half on AWS reads, and what each half alone reads of the other.
var (
	grantsOnAWS = config.Reads{
		Needs: []string{"aws.vendor.account", "aws.vendor.region", "aws.customer.account"},
		Uses:  []string{"aws.vendor.profile", "aws.vendor.repository..."},
	}
	vendorOnAWS   = config.Reads{Needs: []string{"aws.vendor.account", "aws.vendor.region"}}
	customerOnAWS = config.Reads{Needs: []string{"aws.customer.account", "aws.customer.region"}}
)

// vendorRepository names the vendor's repository: as the configuration does where
// one stack builds both halves, or as the access grant does; nil while that has not
// come.
func vendorRepository(s *config.Settings, granted *exchange.AccessGrant) *aws.RepositoryRef {
	if _, builds := halves(&s.Customer); builds {
		repository := (&ecr{s: s}).args(nil).Reference()
		return &repository
	}
	if granted == nil {
		return nil
	}
	return &aws.RepositoryRef{Account: s.AWS.Vendor.Account, Region: s.AWS.Vendor.Region, Name: granted.Repository}
}

// repositoryKeys are the configuration's by those of a vendor's repository.
var repositoryKeys = config.Keys{"account": "aws.vendor.account", "region": "aws.vendor.region", "name": "aws.vendor.repository.name"}

// ecr is the vendor's half of the chains that end in ECR: the repository, and the
// policy that lets another account's roles read it.
type ecr struct {
	s        *config.Settings
	provider pulumi.ProviderResource
	// ownRoles says that roles of the vendor's account read, and none of a customer's.
	ownRoles bool
	// built are the arguments, which remember what a look-up found.
	built *aws.ImageGrantArgs
}

func (g *ecr) args(who pullers) *aws.ImageGrantArgs {
	if g.built == nil {
		g.built = g.build()
	}
	args := g.built
	args.Waiting, args.RoleARNs = who == nil, nil
	for _, e := range g.s.Sorted() {
		args.RoleARNs = append(args.RoleARNs, who[e.Name].roles...)
	}
	return args
}

func (g *ecr) build() *aws.ImageGrantArgs {
	v := g.s.AWS.Vendor
	r := v.Repository
	args := &aws.ImageGrantArgs{
		Customer: g.s.Slug, Product: g.s.Product.Name,
		Account: v.Account, Region: v.Region,
		Repository: aws.Repository{
			Name: r.Name, Existing: r.Existing, MutableTags: r.MutableTags, Scan: r.Scan, KMSKey: r.KMSKey,
			Lifecycle: aws.Lifecycle{Expire: r.Expire, KeepTagged: r.KeepTagged, ExpireUntaggedAfterDays: r.ExpireUntaggedAfterDays},
			Protect:   r.Protect,
		},
		CustomerAccount: g.s.AWS.Customer.Account,
		OwnRoles:        g.ownRoles,
		Suspended:       g.s.Suspended,
		Tags:            g.s.Tags,
	}
	if !r.Existing {
		args.Children = adopted(g.s, "ecr", "repository")
	}
	return args
}

func (g *ecr) keys() config.Keys {
	repository := "aws.vendor.repository"
	return config.Keys{
		"customer": "slug", "product": "product.name", "account": "aws.vendor.account", "region": "aws.vendor.region",
		"repository": repository, "repository.lifecycle.keepTagged": repository + ".keepTagged",
		"repository.lifecycle.expireUntaggedAfterDays": repository + ".expireUntaggedAfterDays", "repository.lifecycle": repository,
		"customerAccount": "aws.customer.account", "roleArns": "eks.nodeRoles", "suspended": "suspended", "tags": "tags",
	}
}

func (g *ecr) validate(who pullers, problems *config.Problems) {
	var later []string
	if !g.s.Given["eks.nodeRoles"] { // roles that are made here, or that a document has named
		later = append(later, "roleArns")
	}
	problems.Component(g.args(who).Validate(later...), g.keys())
}

func (g *ecr) lookUp(ctx *pulumi.Context, _ pullers) (err error) {
	if g.provider, err = newAWSProvider(ctx, "aws-vendor", g.s.AWS.Vendor.AWSSite); err != nil {
		return err
	}
	return config.Named(g.args(nil).LookUp(ctx, pulumi.Provider(g.provider)), g.keys())
}

func (g *ecr) grant(ctx *pulumi.Context, who pullers) (*grant, error) {
	made, err := aws.NewImageGrant(ctx, "ecr", g.args(who), pulumi.Providers(g.provider))
	if err != nil {
		return nil, config.Named(err, g.keys())
	}
	given := &grant{
		registry: made.RegistryHost, repository: made.Repository, ready: map[string]pulumi.Array{}, resources: made.WaitFor, provider: g.provider,
		fields: pulumi.Map{
			"account": pulumi.String(g.s.AWS.Vendor.Account), "region": pulumi.String(g.s.AWS.Vendor.Region),
			"registry": made.RegistryHost, "repository": once(made.Ready, made.Repository),
		},
	}
	for _, e := range g.s.Sorted() {
		given.ready[e.Name] = pulumi.Array{made.Ready}
	}
	return given, nil
}

// oneImage wants images of the one repository: in ECR it is one image's.
func oneImage(s *config.Settings, problems *config.Problems) {
	for i := range s.Refresher.Images {
		if key := fmt.Sprintf("refresher.images[%d].image", i); s.Given[key] {
			problems.Add(key, "%q: want a tag or a digest alone, the vendor's repository in ECR is one image's", s.Refresher.Images[i].Image)
		}
	}
}

// accountOf is the account in a role's ARN; empty where it is none.
func accountOf(role string) string {
	parts := strings.SplitN(role, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// onAmazon is what every chain of a customer on AWS has in common.
type onAmazon struct{}

// amazonReads are the keys that a chain reads whose customer's half reads some of
// its own.
func amazonReads(customer config.Reads) reads {
	return reads{
		customer: customer, vendor: grantsOnAWS, ofVendor: vendorOnAWS,
		ofCustomer: customerOnAWS.And(config.Reads{Uses: []string{"environments.*"}}),
	}
}

func (onAmazon) check(*config.Settings, *config.Problems) {}

func (onAmazon) early(*config.Settings) error { return nil }

func (onAmazon) describe(s *config.Settings, r *exchange.AccessRequest) {
	r.Account, r.Region = s.AWS.Customer.Account, s.AWS.Customer.Region
}

func (onAmazon) vendor(s *config.Settings) vendor { return &ecr{s: s} }

func (onAmazon) rules(s *config.Settings) exchange.Rules {
	return exchange.Rules{
		Request: "amazon", Grant: "amazon", Early: true,
		CheckRequest: func(r *exchange.AccessRequest, d *exchange.Delivery) {
			d.Anchored("account", r.Account, "aws.customer.account", s.AWS.Customer.Account)
			d.Anchored("region", r.Region, "aws.customer.region", s.AWS.Customer.Region)
			for i, e := range r.Environments {
				for j, role := range e.RoleARNs {
					checkRole(d, fmt.Sprintf("environments[%d].roleArns[%d]", i, j), role, "aws.customer.account", s.AWS.Customer.Account)
				}
			}
		},
		CheckGrant: checkAmazonGrant(s),
	}
}

// checkAmazonGrant holds a vendor's grant on AWS to the trust anchors.
func checkAmazonGrant(s *config.Settings) func(*exchange.AccessGrant, *exchange.Delivery) {
	return func(g *exchange.AccessGrant, d *exchange.Delivery) {
		vendor := s.AWS.Vendor
		d.Anchored("account", g.Account, "aws.vendor.account", vendor.Account)
		d.Anchored("region", g.Region, "aws.vendor.region", vendor.Region)
		d.Anchored("registry", g.Registry, "aws.vendor", aws.RepositoryRef{Account: vendor.Account, Region: vendor.Region}.Host())
	}
}

// checkRole holds a role in a document to the account that is its trust anchor.
func checkRole(d *exchange.Delivery, key, role, anchorKey, account string) {
	if accountOf(role) != account {
		d.Disagrees(key, role, anchorKey, account)
	}
}
