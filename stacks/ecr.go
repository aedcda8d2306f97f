package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
)

// ecrGrant is the vendor's half of a chain on AWS, as this stack made it or as
// the vendor's document tells it.
type ecrGrant struct {
	// made is nil on the customer's side.
	made       *aws.ImageGrant
	repository aws.RepositoryRef
}

// vendorRepository names the vendor's repository; unknown on the customer's side
// until the access grant has come.
func (s *settings) vendorRepository() (aws.RepositoryRef, bool) {
	vendor := s.AWS.Vendor
	switch {
	case s.vendors():
		return (&aws.ImageGrantArgs{
			Customer: s.Slug, Product: s.Product.Name, Account: vendor.Account, Region: vendor.Region, Repository: aws.Repository{Name: vendor.Repository.Name},
		}).Reference(), true
	case s.received.grant == nil:
		return aws.RepositoryRef{}, false
	default:
		return aws.RepositoryRef{Account: vendor.Account, Region: vendor.Region, Name: s.received.grant.Repository}, true
	}
}

// ecrGrantArgs are the grant's arguments; nil on the customer's side.
func ecrGrantArgs(s *settings) *aws.ImageGrantArgs {
	if !s.vendors() {
		return nil
	}
	vendor := s.AWS.Vendor
	r := vendor.Repository
	args := &aws.ImageGrantArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: vendor.Account, Region: vendor.Region,
		Repository: aws.Repository{
			Name: r.Name, Existing: r.Mode == "existing", MutableTags: r.MutableTags, KMSKey: r.KMSKey,
			Lifecycle: aws.Lifecycle{KeepTagged: r.KeepTagged, ExpireUntaggedAfterDays: r.ExpireUntaggedAfterDays},
			Protect:   r.Protect,
		},
		CustomerAccount: s.AWS.Customer.Account,
	}
	if no := false; r.Unscanned {
		args.Repository.Scan = &no
	}
	if no := false; r.KeepAll {
		args.Repository.Lifecycle.Expire = &no
	}
	request := s.amazonRequest()
	if args.Waiting = request == nil; args.Waiting {
		return args
	}
	for _, e := range request.Environments {
		args.RoleARNs = append(args.RoleARNs, e.RoleARNs...)
	}
	return args
}

// amazonRequest is the access request that the vendor's half is built on: the
// configuration's on the customer's side, the one that has come on the vendor's.
func (s *settings) amazonRequest() *AccessRequest {
	if s.customers() {
		return s.configuredRequest(nil)
	}
	return s.received.request
}

// registerECRGrant registers the vendor's half where the stack builds it, and
// exports both documents as far as they are known; nil while the customer waits.
func registerECRGrant(ctx *pulumi.Context, s *settings, args *aws.ImageGrantArgs, provider pulumi.ProviderResource) (*ecrGrant, error) {
	request := s.amazonRequest()
	if request != nil {
		if err := exportDocument(ctx, accessRequestName, request); err != nil {
			return nil, err
		}
	}
	grant := &ecrGrant{}
	var known bool
	if grant.repository, known = s.vendorRepository(); !known {
		return nil, nil
	}
	if args == nil {
		return grant, exportDocument(ctx, accessGrantName, s.received.grant)
	}
	var err error
	if grant.made, err = aws.NewImageGrant(ctx, "ecr", args, pulumi.Providers(provider)); err != nil {
		return nil, err
	}
	if !args.Waiting {
		ctx.Export(accessGrantName, s.documentOf(accessGrantName, pulumi.Map{
			"account": pulumi.String(s.AWS.Vendor.Account), "region": pulumi.String(s.AWS.Vendor.Region),
			"registry": grant.made.RegistryHost, "repository": once(grant.made.Ready, grant.made.Repository),
		}))
	}
	return grant, nil
}

// granted is what an environment's cluster has been granted, but for the source
// of its refresher; nil while it waits.
func (g *ecrGrant) granted() *granted {
	if g == nil {
		return nil
	}
	given := &granted{image: func(path string) pulumi.StringOutput {
		return pulumi.Sprintf("%s/%s", g.repository.Host(), path)
	}}
	if g.made != nil {
		given.after, given.resources = pulumi.Array{g.made.Ready}, []pulumi.Resource{g.made}
	}
	return given
}
