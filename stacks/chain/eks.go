package chain

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// onEKS is what the customer's half reads of AWS, however the cluster pulls; byIRSA
// what it reads besides where roles trust the cluster's issuer.
var (
	onEKS = config.Reads{
		Needs: []string{"aws.customer.account", "aws.customer.region"},
		Uses: append(workloadKeys("identity", "policies"),
			"aws.customer.profile", "eks.pull", "eks.trust", "eks.role...", "environments.*.cluster.name"),
	}
	byIRSA = config.Reads{Uses: []string{"eks.oidcProvider...", "environments.*.cluster.issuer"}}
)

// eks is AWS under the customer's clusters: it knows their issuers, and lets
// ServiceAccounts become roles.
type eks struct {
	s    *config.Settings
	mode roleTrust
	// pull has the roles that refreshers become; nil where only workloads become any.
	pull     *rolePull
	provider pulumi.ProviderResource
	issuers
	trusts []workloadTrust
	// asked are the arguments of roles by the roles' names in the stack, which
	// remember what a look-up found.
	asked map[string]*aws.ServiceAccountRoleArgs
}

// roleTrust is how a ServiceAccount of a cluster becomes a role.
type roleTrust interface {
	// trust is the role's, for a cluster with an issuer that may be known later.
	trust(s *config.Settings, e *config.Environment, issuer string) aws.Trust
	// needsIssuer says whether the trust names the cluster's issuer.
	needsIssuer() bool
	// annotation is what the ServiceAccount of a workload carries; nil for nothing.
	annotation(role pulumi.StringInput) kubernetes.Identity
	// source is where the refresher that becomes the role gets its token.
	source(role kubernetes.ECRRole) kubernetes.TokenSource
}

func newEKS(s *config.Settings, mode roleTrust) *eks {
	return &eks{s: s, mode: mode, issuers: issuers{}, trusts: workloadTrusts(s), asked: map[string]*aws.ServiceAccountRoleArgs{}}
}

// needed says whether there are roles that need the cluster.
func (k *eks) needed() bool { return k.pull != nil || len(k.trusts) > 0 }

func (k *eks) check(problems *config.Problems) {
	s := k.s
	for _, w := range s.Workloads {
		if w.Identity == (len(w.Policies) == 0) {
			problems.Add(w.Key+".policies", "and identity: want both on EKS, or neither")
		}
	}
	for _, e := range s.Sorted() {
		checkCluster(s, e, k.needed(), problems)
		if k.needed() && !k.mode.needsIssuer() && e.Cluster.Name == "" {
			problems.Add(e.Key("cluster.name"), "is missing: want the name, which EKS Pod Identity needs")
		}
		if !k.needed() {
			refuseIdle(s, problems, e.Key("cluster.name"), e.Key("cluster.issuer"), "eks.trust", "eks.role", "eks.oidcProvider")
		}
	}
	if !k.mode.needsIssuer() {
		refuseIdle(s, problems, "eks.oidcProvider")
	}
	// One role alone can make the account's OIDC provider.
	if existing := s.EKS.OIDCProvider.Existing; existing != nil && !*existing && (len(s.Environments) > 1 || len(k.trusts) > 0) {
		problems.Add("eks.oidcProvider.existing",
			"false: want it where one role needs the provider; an account has one for each issuer, so make it beforehand for several")
	}
}

// refuseIdle refuses keys that are about roles which nothing becomes.
func refuseIdle(s *config.Settings, problems *config.Problems, keys ...string) {
	for _, key := range keys {
		if s.Given[key] {
			problems.Add(key, "is for a role that a ServiceAccount becomes, and there is none: want none here")
		}
	}
}

func (k *eks) connect(ctx *pulumi.Context) (err error) {
	k.provider, err = newAWSProvider(ctx, "aws-customer", k.s.AWS.Customer)
	return err
}

// find looks a cluster's issuer up, and whether its roles exist already.
func (k *eks) find(ctx *pulumi.Context, e *config.Environment) error {
	if !k.needed() {
		return nil
	}
	if k.mode.needsIssuer() && e.Cluster.Name != "" {
		if err := k.findIssuer(ctx, e); err != nil {
			return err
		}
	}
	if k.pull != nil {
		if err := k.ask(ctx, "role"+e.Suffix(), k.pull.args(e), k.pull.keys(e)); err != nil {
			return err
		}
	}
	for _, t := range k.trusts {
		if t.environment != e {
			continue
		}
		if err := k.ask(ctx, "role-"+t.name, k.workloadArgs(t), k.workloadKeys(t)); err != nil {
			return err
		}
	}
	return nil
}

// ask looks up what exists already under a role's name, and remembers it for role.
func (k *eks) ask(ctx *pulumi.Context, name string, args *aws.ServiceAccountRoleArgs, keys config.Keys) error {
	args.Children = adopted(k.s, name, "role")
	if existing := k.s.EKS.OIDCProvider.Existing; existing != nil && !*existing {
		args.Children = adopted(k.s, name, "role", "provider")
	}
	k.asked[name] = args
	return config.Named(args.LookUp(ctx, pulumi.Provider(k.provider)), keys)
}

// role registers a role that ask has asked for.
func (k *eks) role(ctx *pulumi.Context, name string, keys config.Keys) (*aws.ServiceAccountRole, error) {
	role, err := aws.NewServiceAccountRole(ctx, name, k.asked[name], pulumi.Providers(k.provider))
	return role, config.Named(err, keys)
}

// findIssuer asks EKS for a cluster's OIDC issuer. The function is called by its
// token: docs/building.md has the cost of its SDK.
func (k *eks) findIssuer(ctx *pulumi.Context, e *config.Environment) error {
	name := e.Cluster.Name
	var found struct {
		Identities []struct {
			OIDCs []struct {
				Issuer string `pulumi:"issuer"`
			} `pulumi:"oidcs"`
		} `pulumi:"identities"`
	}
	args := struct {
		Name string `pulumi:"name"`
	}{name}
	if err := ctx.Invoke("aws:eks/getCluster:getCluster", &args, &found, pulumi.Provider(k.provider)); err != nil {
		return fmt.Errorf("%s %q: %w", e.Key("cluster.name"), name, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].OIDCs) == 0 {
		return fmt.Errorf("%s %q: has no OIDC issuer", e.Key("cluster.name"), name)
	}
	k.issuers[e.Name] = found.Identities[0].OIDCs[0].Issuer
	return nil
}

// roleArgs are what every role of the customer's has in common.
func (k *eks) roleArgs(e *config.Environment) *aws.ServiceAccountRoleArgs {
	s := k.s
	return &aws.ServiceAccountRoleArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: s.AWS.Customer.Account, Region: s.AWS.Customer.Region,
		Trust: k.mode.trust(s, e, k.issuer(e)),
		Role:  aws.Role(s.EKS.Role),
		Tags:  s.Tags,
	}
}

// roleKeys are the configuration's keys of what every role has in common. The key
// site has its account, and the key settings says how it and its trust are made.
func roleKeys(e *config.Environment, site, settings string) config.Keys {
	return config.Keys{
		"customer": "slug", "product": "product.name", "account": site + ".account", "region": site + ".region", "tags": "tags",
		"role": settings + ".role", "namespace": e.Key("namespace.name"), "serviceAccount": "product.name", "trust": e.Key("cluster"),
		"trust.clusterArn": e.Key("cluster.name"), "trust.issuer": e.Key("cluster.issuer"),
		"trust.existing": settings + ".oidcProvider.existing", "trust.protect": settings + ".oidcProvider.protect",
	}
}

// pullKeys are those of a role that reads the vendor's repository.
func pullKeys(e *config.Environment, site, settings string) config.Keys {
	keys := roleKeys(e, site, settings)
	for of, key := range repositoryKeys {
		keys["repository."+of] = key
	}
	return keys
}

// workloadArgs are those of the role that a workload becomes.
func (k *eks) workloadArgs(t workloadTrust) *aws.ServiceAccountRoleArgs {
	args := k.roleArgs(t.environment)
	args.Namespace, args.ServiceAccount = t.account.Namespace, t.account.Name
	args.Policies = policiesOf(t.workload.Workload)
	args.Role.Name = aws.RoleName(k.s.Slug + "_" + t.name)
	return args
}

func (k *eks) workloadKeys(t workloadTrust) config.Keys {
	keys, at := roleKeys(t.environment, "aws.customer", "eks"), t.workload.Key
	keys["serviceAccount"] = at + ".component"
	policyKeys(keys, "policies", at, t.workload.Workload)
	policyKeys(keys, "role.policies", at, t.workload.Workload)
	return keys
}

// later are the arguments of a role that a look-up gives.
func (k *eks) later(e *config.Environment) []string {
	if k.mode.needsIssuer() && k.issuer(e) == "" {
		return []string{"trust.issuer"}
	}
	return nil
}

func (k *eks) validate(problems *config.Problems) {
	for _, t := range k.trusts {
		problems.Component(k.workloadArgs(t).Validate(k.later(t.environment)...), k.workloadKeys(t))
	}
}

func (k *eks) identities(ctx *pulumi.Context) (map[string]cloudIdentity, error) {
	identities, shown := map[string]cloudIdentity{}, pulumi.Map{}
	for _, t := range k.trusts {
		role, err := k.role(ctx, "role-"+t.name, k.workloadKeys(t))
		if err != nil {
			return nil, err
		}
		identities[t.name] = cloudIdentity{identity: k.mode.annotation(role.RoleARN), ready: role.WaitFor}
		shown[t.name] = pulumi.Map{"roleArn": role.RoleARN, "subject": pulumi.String(t.account.String())}
	}
	if len(shown) > 0 {
		ctx.Export(exchange.TrustsName, shown)
	}
	return identities, nil
}

// rolePull lets an environment's refresher become a role that reads the vendor's
// registry.
type rolePull struct {
	s   *config.Settings
	eks *eks
	// granted is the vendor's document where another stack builds that half.
	granted *exchange.AccessGrant
}

// newRolePull is EKS as the cloud under clusters whose refreshers become roles.
func newRolePull(s *config.Settings, mode roleTrust, granted *exchange.AccessGrant) *clusters {
	cloud := newEKS(s, mode)
	cloud.pull = &rolePull{s: s, eks: cloud, granted: granted}
	return newClusters(s, cloud, cloud.pull)
}

// args are those of the role. Its ARN is known before it exists, so that neither
// side waits for the other.
func (p *rolePull) args(e *config.Environment) *aws.ServiceAccountRoleArgs {
	args := p.eks.roleArgs(e)
	args.Environment = e.Own()
	account := refresherOf(p.s, e)
	args.Namespace, args.ServiceAccount = account.Namespace, account.Name
	if args.Role.Name != "" {
		args.Role.Name += e.Suffix()
	}
	args.Pull = vendorRepository(p.s, p.granted)
	args.Waiting = args.Pull == nil
	return args
}

func (p *rolePull) keys(e *config.Environment) config.Keys { return pullKeys(e, "aws.customer", "eks") }

func (p *rolePull) check(problems *config.Problems) { oneImage(p.s, problems) }

func (p *rolePull) validate(e *config.Environment, problems *config.Problems) {
	problems.Component(p.args(e).Validate(p.eks.later(e)...), p.keys(e))
}

func (p *rolePull) puller(e *config.Environment) puller {
	return puller{roles: []string{p.args(e).RoleARN()}}
}

func (p *rolePull) identify(ctx *pulumi.Context, e *config.Environment) (puller, error) {
	role, err := p.eks.role(ctx, "role"+e.Suffix(), p.keys(e))
	if err != nil {
		return puller{}, err
	}
	who := p.puller(e)
	who.role, who.ready = role.RoleARN, pulumi.Array{role.Ready}
	return who, nil
}

func (p *rolePull) source(_ *config.Environment, who puller, _ *grant) kubernetes.TokenSource {
	return p.eks.mode.source(kubernetes.ECRRole{RoleARN: who.role, Region: p.s.AWS.Customer.Region})
}

func (*rolePull) image(g *grant, _ config.Component) pulumi.StringInput { return g.repository }
