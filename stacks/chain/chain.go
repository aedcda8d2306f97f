package chain

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/subject"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// chain is what one way from a pod to the registry does differently from the
// others.
type chain interface {
	// reads are the keys of the configuration that the chain reads.
	reads() reads
	// check reports what lists of keys cannot say, and what either half would read.
	check(s *config.Settings, problems *config.Problems)
	// rules are what the chain asks of the two documents.
	rules(s *config.Settings) exchange.Rules
	// early says why the access request does not follow from the configuration;
	// nil where it does.
	early(s *config.Settings) error
	// describe fills in what an access request says of the customer as a whole.
	describe(s *config.Settings, r *exchange.AccessRequest)
	// customer and vendor plan the two halves. What the customer's half reads of
	// the vendor is in the configuration or in the access grant; nil while that has
	// not come.
	customer(s *config.Settings, granted *exchange.AccessGrant, last exchange.Outputs) customer
	vendor(s *config.Settings) vendor
}

// reads are the keys that a chain reads.
type reads struct {
	// customer and vendor are what the two halves read.
	customer, vendor config.Reads
	// ofVendor is what the customer's half alone reads of the vendor, ofCustomer
	// what the vendor's half alone reads of the customer: above all trust anchors.
	ofVendor, ofCustomer config.Reads
	// remembers says that the customer's half asks what the stack exported last.
	remembers bool
}

// customer is the customer's half: who pulls, and what runs.
type customer interface {
	// check reports what is wrong with the half's part of the configuration.
	check(problems *config.Problems)
	// validate checks the arguments of every component before anything is registered.
	validate(problems *config.Problems)
	// pullers are who pulls in each environment, as far as it is known.
	pullers() pullers
	// lookUp registers the explicit providers and finds what exists already.
	lookUp(ctx *pulumi.Context) error
	// identify registers who pulls.
	identify(ctx *pulumi.Context) (pullers, error)
	// deploy registers what runs. A nil grant means that the stack waits for it.
	deploy(ctx *pulumi.Context, g *grant) error
}

// vendor is the vendor's half: the registry, and who may read it.
type vendor interface {
	validate(who pullers, problems *config.Problems)
	// lookUp registers the explicit provider and finds what exists already.
	lookUp(ctx *pulumi.Context, who pullers) error
	// grant registers the right to read. No pullers means that the stack waits for
	// them.
	grant(ctx *pulumi.Context, who pullers) (*grant, error)
}

// pullers are who pulls, by environment; nil while nobody has said.
type pullers map[string]puller

// puller is who pulls in one environment. A chain uses some of the fields.
type puller struct {
	// clientID and principalID identify an identity of Entra's.
	clientID, principalID pulumi.StringInput
	// issuer and account are a ServiceAccount and who issues its tokens.
	issuer  string
	account subject.ServiceAccount
	// roles are ARNs of IAM roles, nodes the emails of nodes' service accounts.
	roles, nodes []string
	// role is the ARN of a role that is made here.
	role pulumi.StringInput
	// ready are values that are there once the puller is.
	ready pulumi.Array
}

// requested are the pullers that an access request names.
func requested(r *exchange.AccessRequest) pullers {
	if r == nil {
		return nil
	}
	all := pullers{}
	for _, e := range r.Environments {
		who := puller{issuer: e.Issuer, roles: e.RoleARNs, nodes: e.NodeServiceAccounts}
		if e.PrincipalID != "" {
			who.clientID, who.principalID = pulumi.String(e.ClientID), pulumi.String(e.PrincipalID)
		}
		who.account, _ = subject.Parse(e.Subject) // empty, or of the schema's form
		all[e.Name] = who
	}
	return all
}

// request is the access request that names the pullers, as far as they are known
// before they are registered.
func request(c chain, s *config.Settings, who pullers) *exchange.AccessRequest {
	r := exchange.NewRequest(&s.Customer)
	c.describe(s, r)
	for _, e := range s.Sorted() {
		from := exchange.RequestEnvironment{
			Name: e.Name, Issuer: who[e.Name].issuer, RoleARNs: who[e.Name].roles, NodeServiceAccounts: who[e.Name].nodes,
		}
		if account := who[e.Name].account; account.Name != "" {
			from.Subject = account.String()
		}
		r.Environments = append(r.Environments, from)
	}
	return r
}

// exportRequest exports the access request that names the pullers.
func exportRequest(ctx *pulumi.Context, c chain, s *config.Settings, who pullers) error {
	known := request(c, s, who)
	environments := pulumi.Array{}
	for _, e := range known.Environments {
		document, err := exchange.AsOutput(e)
		if err != nil {
			return err
		}
		fields := pulumi.ToMap(document)
		if made := who[e.Name]; made.principalID != nil {
			fields["clientId"], fields["principalId"] = made.clientID, made.principalID
		}
		environments = append(environments, fields)
	}
	document, err := exchange.AsOutput(known)
	if err != nil {
		return err
	}
	fields := pulumi.ToMap(document)
	fields["environments"] = environments
	ctx.Export(exchange.RequestName, fields)
	return nil
}

// grant is what the vendor's half gives, made here or told by an access grant.
type grant struct {
	// registry is the registry's host, and repository the path below it.
	registry, repository pulumi.StringInput
	// google names the vendor's pool and service account, without a provider.
	google googleGrant
	// providers are the IDs of the pool's providers, by environment.
	providers map[string]pulumi.StringInput
	// roles are the ARNs of the vendor's roles, by environment.
	roles map[string]pulumi.StringInput
	// ready are values that are there once an environment may read.
	ready map[string]pulumi.Array
	// resources are what pods wait for that pull by themselves.
	resources []pulumi.Resource
	// provider is the vendor's, where this stack has it.
	provider pulumi.ProviderResource
	// fields are the access grant's values; nil where nobody has been granted
	// anything yet, or where the vendor's document says them.
	fields pulumi.Map
}

// in is what is given to one environment; nil where a grant that names environments does
// not name this one yet.
func (g *grant) in(e *config.Environment) *grant {
	if g != nil && len(g.providers)+len(g.roles) > 0 && g.providers[e.Name] == nil && g.roles[e.Name] == nil {
		return nil
	}
	return g
}

type googleGrant struct {
	projectNumber, pool, serviceAccount pulumi.StringInput
}

// granted is what an access grant tells.
func granted(g *exchange.AccessGrant) *grant {
	if g == nil {
		return nil
	}
	told := &grant{
		registry: pulumi.String(g.Registry), repository: pulumi.String(g.Repository),
		google:    googleGrant{pulumi.String(g.ProjectNumber), pulumi.String(g.Pool), pulumi.String(g.ServiceAccount)},
		providers: map[string]pulumi.StringInput{}, roles: map[string]pulumi.StringInput{},
	}
	for _, e := range g.Environments {
		told.providers[e.Name], told.roles[e.Name] = pulumi.String(e.Provider), pulumi.String(e.RoleARN)
	}
	return told
}

// adopted are the options of a component's children that are taken over.
func adopted(s *config.Settings, component string, children ...string) map[string]child.Options {
	options := map[string]child.Options{}
	for _, name := range children {
		if id := s.Adopt[component+"-"+name]; id != "" {
			options[name] = child.Options{Import: id}
		}
	}
	return options
}
