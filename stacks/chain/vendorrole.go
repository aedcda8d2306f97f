package chain

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// vendorRole is the chain of a cluster outside AWS whose own issuer the vendor's AWS
// account trusts, on AKS or on any other Kubernetes. The customer needs nothing of
// AWS:
//
//	refresher's ServiceAccount token → IAM role in the vendor's account (its OIDC
//	    provider) → vendor's ECR → pull secret → the product's pods
type vendorRole struct{ onAKS bool }

func (c vendorRole) reads() reads {
	// The issuer is the trust anchor, from an authenticated channel. A key set is read
	// to be refused with the reason.
	trusted := config.Reads{Needs: []string{"environments.*.cluster.issuer"}, Uses: []string{"environments.*.cluster.keySet"}}
	r := reads{
		customer: onClusters.And(withRefresher).And(trusted),
		vendor: vendorOnAWS.And(trusted).And(config.Reads{Uses: []string{
			"aws.vendor.profile", "aws.vendor.repository...", "aws.vendor.role...", "aws.vendor.oidcProvider...",
		}}),
		ofVendor: vendorOnAWS,
	}
	if c.onAKS {
		r.customer = r.customer.And(onAKS)
		r.ofCustomer.Uses = []string{"azure.trust"}
	}
	return r
}

func (c vendorRole) check(s *config.Settings, problems *config.Problems) {
	for _, e := range s.Sorted() {
		if s.Given[e.Key("cluster.keySet")] {
			problems.Add(e.Key("cluster.keySet"), "and a vendor on AWS: IAM takes no upload of keys, but asks the issuer for them: "+
				"want none, and an issuer on the internet with a public certificate")
		}
		if e.Cluster.Issuer != "" {
			problems.Component(aws.IRSA{Issuer: e.Cluster.Issuer}.CheckIssuer(), config.Keys{"trust.issuer": e.Key("cluster.issuer")})
		}
	}
}

func (vendorRole) rules(s *config.Settings) exchange.Rules {
	return exchange.Rules{
		Request: "cluster", Grant: "role", GrantNames: true, Early: true, CheckRequest: checkIssuers(s),
		CheckGrant: func(g *exchange.AccessGrant, d *exchange.Delivery) {
			checkAmazonGrant(s)(g, d)
			for i, e := range g.Environments {
				checkRole(d, fmt.Sprintf("environments[%d].roleArn", i), e.RoleARN, "aws.vendor.account", s.AWS.Vendor.Account)
			}
		},
	}
}

func (vendorRole) early(*config.Settings) error { return nil }

func (vendorRole) describe(*config.Settings, *exchange.AccessRequest) {}

func (c vendorRole) customer(s *config.Settings, _ *exchange.AccessGrant, last exchange.Outputs) customer {
	var under cloud = configuredIssuers{}
	if c.onAKS {
		under = newAKS(s, last)
	}
	return newClusters(s, under, &vendorRolePull{clusterPull{s: s, cloud: under}})
}

func (vendorRole) vendor(s *config.Settings) vendor {
	return &roleGrant{ecr: ecr{s: s, ownRoles: true}, asked: map[string]*aws.ServiceAccountRoleArgs{}}
}

// vendorRolePull lets an environment's refresher become the vendor's role with its
// own token.
type vendorRolePull struct{ clusterPull }

func (p *vendorRolePull) check(problems *config.Problems) { oneImage(p.s, problems) }

func (p *vendorRolePull) source(e *config.Environment, _ puller, g *grant) kubernetes.TokenSource {
	role := kubernetes.ECRRole{Region: p.s.AWS.Vendor.Region}
	if g != nil {
		role.RoleARN = g.roles[e.Name]
	}
	return kubernetes.IRSASource{ECRRole: role}
}

func (*vendorRolePull) image(g *grant, _ config.Component) pulumi.StringInput { return g.repository }

// roleGrant is the vendor's half: the repository, and for each environment the role
// that reads it, with the OIDC provider of its cluster.
type roleGrant struct {
	ecr
	// asked are the roles' arguments by environment, which remember what a look-up found.
	asked map[string]*aws.ServiceAccountRoleArgs
}

// role are the arguments of an environment's role.
func (g *roleGrant) role(e *config.Environment, who puller) *aws.ServiceAccountRoleArgs {
	s, repository, trust := g.s, g.ecr.args(nil).Reference(), g.trust(e)
	account := who.account
	if account.Name == "" {
		account = refresherOf(s, e)
	}
	args := &aws.ServiceAccountRoleArgs{
		Customer: s.Slug, Product: s.Product.Name, Environment: e.Own(),
		Account: repository.Account, Region: repository.Region,
		Trust:     trust,
		Namespace: account.Namespace, ServiceAccount: account.Name,
		Pull: &repository, Suspended: s.Suspended,
		Role: aws.Role(s.AWS.Vendor.Role), Tags: s.Tags,
	}
	children := []string{"role"}
	if !*trust.Existing && !trust.Shared {
		children = append(children, "provider")
	}
	args.Children = adopted(s, "role"+e.Suffix(), children...)
	if args.Role.Name != "" {
		args.Role.Name += e.Suffix()
	}
	return args
}

// trust is that in the environment's cluster. The first environment of a cluster
// makes the provider, and the others' roles share it.
func (g *roleGrant) trust(e *config.Environment) aws.IRSA {
	provider := g.s.AWS.Vendor.OIDCProvider
	existing := provider.Existing != nil && *provider.Existing
	trust := aws.IRSA{Issuer: e.Cluster.Issuer, Foreign: true, Existing: &existing, Protect: provider.Protect}
	for _, other := range g.s.Sorted() {
		if other == e {
			break
		}
		trust.Shared = trust.Shared || !existing && other.Cluster.Issuer == e.Cluster.Issuer
	}
	return trust
}

func (g *roleGrant) roleKeys(e *config.Environment) config.Keys {
	return pullKeys(e, "aws.vendor", "aws.vendor")
}

func (g *roleGrant) validate(who pullers, problems *config.Problems) {
	g.ecr.validate(who, problems)
	for _, e := range g.s.Sorted() {
		problems.Component(g.role(e, who[e.Name]).Validate(), g.roleKeys(e))
	}
}

func (g *roleGrant) lookUp(ctx *pulumi.Context, who pullers) error {
	if err := g.ecr.lookUp(ctx, who); err != nil || who == nil {
		return err
	}
	for _, e := range g.s.Sorted() {
		args := g.role(e, who[e.Name])
		g.asked[e.Name] = args
		if err := args.LookUp(ctx, pulumi.Provider(g.provider)); err != nil {
			return config.Named(err, g.roleKeys(e))
		}
	}
	return nil
}

func (g *roleGrant) grant(ctx *pulumi.Context, who pullers) (*grant, error) {
	given, err := g.ecr.grant(ctx, who)
	if err != nil || who == nil {
		return given, err
	}
	given.roles = map[string]pulumi.StringInput{}
	environments, shared := pulumi.Array{}, map[string]pulumi.Array{}
	for _, e := range g.s.Sorted() {
		role, err := aws.NewServiceAccountRole(ctx, "role"+e.Suffix(), g.asked[e.Name], pulumi.Providers(g.provider))
		if err != nil {
			return nil, config.Named(err, g.roleKeys(e))
		}
		// The value stays while the customer is suspended.
		ready := once(role.Ready, role.RoleARN)
		given.roles[e.Name], given.ready[e.Name] = role.RoleARN, append(pulumi.Array{ready}, shared[e.Cluster.Issuer]...)
		if shared[e.Cluster.Issuer] == nil { // the first of a cluster makes the provider
			shared[e.Cluster.Issuer] = given.ready[e.Name]
		}
		environments = append(environments, pulumi.Map{"name": pulumi.String(e.Name), "roleArn": ready})
	}
	given.fields["environments"] = environments
	return given, nil
}
