package record

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// Options are what is known besides the stack file.
type Options struct {
	// Outputs are what the stack exported when it was last updated, as `pulumi stack
	// output --json` prints it, or what a customer without Pulumi knows of it: above
	// all {"accessRequest": …}, with what it told the vendor. Whatever is there is
	// known: the IDs of identities, the project's number. Other stacks that the
	// configuration refers to have exported the same documents.
	Outputs exchange.Outputs
	// Secrets are the values of secret keys, such as waybill:productConfig. A value
	// that is not here is not known in what is registered.
	Secrets map[string]string
	// Marked leaves a mark in the place of each value that only a cloud can tell, and of
	// what is made from it, as a part of a longer text: Stack.Marks says what it stands for.
	Marked bool
}

// Mark is what a mark stands for: a part of what a look-up answers, or an output of a
// registered resource.
type Mark struct {
	// Resource is the registration's name; empty for a look-up, whose function, arguments
	// and explicit provider the others are.
	Resource, Token, Provider string
	Args                      resource.PropertyMap
	// Path is the part's, in the form of resource.PropertyPath; id is a resource's ID.
	Path string
	// Text is the value's stand-in, of which the mark is all but an address's scheme.
	Text string
}

// Stack is what the program registers for a stack file.
type Stack struct {
	// Name is the stack's, Customer the configuration with its defaults.
	Name     string
	Customer *config.Customer
	// Registrations stand in an order in which they can be made: each after what it
	// depends on. The order is the same in every run.
	Registrations []Registration
	// Outputs are those of the stack's outputs that are known as a whole, by name; Known
	// are those of the options.
	Outputs map[string]any
	Known   exchange.Outputs
	// Waiting is what the stack waits for: another party's document.
	Waiting []exchange.Waiting
	// Marks are what the marks stand for that are left in registrations and outputs.
	Marks map[string]Mark
	// Cloud computes what follows from the inputs of a registration.
	Cloud Cloud
}

// Of runs the program for a stack file, with the project's folder, and gives what it
// registered. The program's refusals are its error.
func Of(path string, program func(root string) pulumi.RunFunc, options Options) (*Stack, error) {
	file, err := config.Read(path)
	if err != nil {
		return nil, err
	}
	settings := file.Settings(&config.Problems{}) // the program reports the problems
	if settings == nil {
		settings = &config.Settings{}
	}
	known, err := knownOf(&settings.Customer, options.Outputs)
	if err != nil {
		return nil, err
	}
	m := &mock{known: known, outputs: options.Outputs, origins: map[string][]string{}, placeholders: map[string]string{}, answers: map[string]resource.PropertyMap{}}
	if options.Marked {
		m.marks = map[string]Mark{}
		number := m.or(known.ProjectNumber, unknownNumber, "")
		m.mark(resource.NewProperty(resource.PropertyMap{"number": number}), Mark{Token: "gcp:organizations/getProject:getProject", Provider: "gcp", Args: resource.PropertyMap{
			"projectId": resource.NewProperty(known.customer.GCP.Project),
		}})
		known.ProjectNumber = number.StringValue()
	}
	for _, key := range file.Secrets {
		value, given := options.Secrets[key]
		if !given {
			value = fmt.Sprintf(`{"unknown": %q}`, key)
			m.placeholders[value] = key
		}
		file.Values[key] = value
	}
	made := &Stack{Name: file.Stack, Customer: &settings.Customer, Outputs: map[string]any{}, Known: options.Outputs}
	err = pulumi.RunErr(func(ctx *pulumi.Context) error {
		if err := program(file.Root)(ctx); err != nil {
			return err
		}
		return made.export(ctx)
	}, pulumi.WithMocks(file.Project, made.Name, m), func(info *pulumi.RunInfo) {
		info.DryRun = true
		info.Config = file.Values
		info.ConfigSecretKeys = file.Secrets
	})
	if err != nil {
		return nil, alone(err)
	}
	for _, r := range m.InOrder() {
		made.Registrations = append(made.Registrations, m.settle(r))
	}
	made.Cloud = known.Cloud
	if made.Marks = m.marks; !options.Marked {
		maps.DeleteFunc(made.Outputs, func(_ string, value any) bool { return m.what(fmt.Sprint(value)) != "" })
	}
	_, err = exchange.Outputs(made.Outputs).Read(exchange.WaitingName, &made.Waiting)
	return made, err
}

// alone takes the program's error out of the list, with a heading, that the SDK makes of it.
func alone(err error) error {
	if list := (interface{ WrappedErrors() []error })(nil); errors.As(err, &list) {
		return errors.Join(list.WrappedErrors()...)
	}
	return err
}

// Named is the one registration of a name that is no provider's; the zero value if
// there is none.
func (s *Stack) Named(name string) Registration { return named(s.Registrations, name) }

// Objects are what is registered in an environment's cluster, in its order.
func (s *Stack) Objects(e *config.Environment) []Registration {
	var all []Registration
	for _, r := range s.Registrations {
		if r.Provider == "kubernetes"+e.Suffix() && strings.HasPrefix(r.Type, "kubernetes:") && !r.Read {
			all = append(all, r)
		}
	}
	return all
}

// export keeps the outputs that are known.
func (s *Stack) export(ctx *pulumi.Context) error {
	for name, input := range ctx.GetCurrentExportMap() {
		settled, err := internals.UnsafeAwaitOutput(ctx.Context(), pulumi.ToOutput(input))
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		if settled.Known && !settled.Secret {
			s.Outputs[name] = settled.Value
		}
	}
	return nil
}

// known is what is known of a customer's cloud resources.
type known struct {
	Cloud
	customer *config.Customer
	request  exchange.AccessRequest
}

// knownOf reads what outputs tell of a customer's resources. They are the stack's own,
// so that they are not held to trust anchors; those of another customer are refused.
func knownOf(c *config.Customer, outputs exchange.Outputs) (*known, error) {
	k := &known{customer: c}
	var grant exchange.AccessGrant
	for name, document := range map[string]interface {
		Of() (customer, platform string)
	}{
		exchange.RequestName: &k.request, exchange.GrantName: &grant,
	} {
		found, err := outputs.Read(name, document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if customer, platform := document.Of(); found && (customer != c.Slug || platform != c.Platform) {
			return nil, fmt.Errorf("%s is of customer %q on platform %q: want %q on %q, whose stack this is", name, customer, platform, c.Slug, c.Platform)
		}
	}
	var trusts map[string]struct {
		Identity string `json:"identity"`
		ClientID string `json:"clientId"`
	}
	if _, err := outputs.Read(exchange.TrustsName, &trusts); err != nil {
		return nil, fmt.Errorf("%s: %w", exchange.TrustsName, err)
	}
	k.ProjectNumber = cmp.Or(grant.ProjectNumber, c.GCP.ProjectNumber)
	k.Site = func(provider string) (account, region string) {
		if provider == "aws-vendor" {
			return c.AWS.Vendor.Account, c.AWS.Vendor.Region
		}
		return c.AWS.Customer.Account, c.AWS.Customer.Region
	}
	k.Identity = func(name, inAzure string) Identity {
		identity := Identity{TenantID: c.Azure.TenantID}
		for _, trust := range trusts {
			if trust.Identity == inAzure {
				identity.ClientID = trust.ClientID
			}
		}
		for _, e := range c.Environments {
			if name == "azure"+e.Suffix()+"-identity" || name == "" && cmp.Or(e.Identity.Existing, c.Azure.Identity.Existing) == inAzure {
				told := k.told(e)
				identity.ClientID, identity.PrincipalID = told.ClientID, told.PrincipalID
			}
		}
		return identity
	}
	return k, nil
}

// told is what the access request says of an environment.
func (k *known) told(of *config.Environment) exchange.RequestEnvironment {
	for _, e := range k.request.Environments {
		if e.Name == of.Name {
			return e
		}
	}
	return exchange.RequestEnvironment{}
}

// exists says whether an identity of Azure's is used as it is.
func (k *known) exists(identity string) bool {
	existing := append([]string{k.customer.Azure.Identity.Existing}, k.customer.Azure.WorkloadIdentities.Existing...)
	for _, e := range k.customer.Environments {
		existing = append(existing, e.Identity.Existing)
	}
	return identity != "" && slices.Contains(existing, identity)
}

// issuer is that of a cluster by its name, where the access request says it.
func (k *known) issuer(cluster string) string {
	for _, e := range k.customer.Environments {
		if e.Cluster.Name == cluster {
			return k.told(e).Issuer
		}
	}
	return ""
}

// mock answers the program as the clouds would, as far as they are known.
type mock struct {
	Log
	known   *known
	outputs exchange.Outputs
	// origins say of resources with outputs that are not known, by their URNs, where
	// those come from.
	origins map[string][]string
	// placeholders stand for what is not known while the program runs, and must be a
	// text: what was looked up at once, IDs, and secrets. None is in what is given.
	placeholders map[string]string
	// answers are those of look-ups, by what was asked.
	asking  sync.Mutex
	answers map[string]resource.PropertyMap
	// marks are what placeholders stand for that stay; nil where none does.
	marks map[string]Mark
}

// or is a text, or while it is not known a placeholder for what a cloud tells.
func (m *mock) or(known, form, what string) resource.PropertyValue {
	if known != "" {
		return resource.NewProperty(known)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	placeholder := fmt.Sprintf(form, len(m.placeholders))
	// An issuer stands without its scheme in what IAM is told.
	m.placeholders[bare(placeholder)] = what
	return resource.NewProperty(placeholder)
}

// bare is an address without its scheme, and any other text as it is.
func bare(placeholder string) string {
	return strings.Trim(strings.TrimPrefix(placeholder, "https://"), "/")
}

// Forms of placeholders, which the program's checks take.
const (
	unknownNumber = "909090909%03d"
	unknownText   = "unknown(%d)"
	unknownGUID   = "00000000-0000-4000-8000-%012d"
	unknownIssuer = "https://issuer-%d.unknown"
)

// what says what a text stands for, or holds, that is not known; empty for nothing.
func (m *mock) what(text string) string {
	for _, placeholder := range slices.Sorted(maps.Keys(m.placeholders)) {
		if strings.Contains(text, placeholder) {
			return m.placeholders[placeholder]
		}
	}
	return ""
}

// mark says what the placeholders inside a value stand for.
func (m *mock) mark(inside resource.PropertyValue, as Mark) {
	walk(nil, inside, func(path resource.PropertyPath, value resource.PropertyValue) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		as.Text = text(value)
		placeholder := bare(as.Text)
		if _, is := m.placeholders[placeholder]; is && m.marks != nil {
			as.Path = cmp.Or(path.String(), "id")
			m.marks[placeholder] = as
		}
	})
}

// Call answers a look-up, the same one alike, and remembers what is not known of the
// answer.
func (m *mock) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	asked := fmt.Sprint(args.Token, args.Args, args.Provider)
	m.asking.Lock()
	defer m.asking.Unlock()
	if answer, found := m.answers[asked]; found {
		return answer, nil
	}
	answer, err := m.lookUp(args)
	if err == nil {
		m.answers[asked] = answer
	}
	m.mark(resource.NewProperty(answer), Mark{Token: args.Token, Provider: providerName(args.Provider), Args: args.Args})
	return answer, err
}

// lookUp answers a look-up: what the program would make does not exist, and what it uses
// as it is does, as the program wants it.
func (m *mock) lookUp(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	name := text(args.Args["resourceName"]) + text(args.Args["name"])
	c := m.known.customer
	provider := cmp.Or(c.EKS.OIDCProvider.Existing, new(true)) // the cluster's came with it, the vendor's did not
	if c.Platform != "eks" {
		provider = cmp.Or(c.AWS.Vendor.OIDCProvider.Existing, new(false))
	}
	switch {
	case args.Token == "azure-native:containerservice:getManagedCluster":
		issuer := m.or(m.known.issuer(name), unknownIssuer+"/", "the OIDC issuer of cluster "+name)
		return resource.PropertyMap{"oidcIssuerProfile": resource.NewProperty(resource.PropertyMap{"enabled": resource.NewProperty(true), "issuerURL": issuer})}, nil
	case args.Token == "aws:eks/getCluster:getCluster":
		issuer := m.or(m.known.issuer(name), unknownIssuer, "the OIDC issuer of cluster "+name)
		return resource.PropertyMap{"identities": list(resource.NewProperty(resource.PropertyMap{
			"oidcs": list(resource.NewProperty(resource.PropertyMap{"issuer": issuer})),
		}))}, nil
	case args.Token == "azure-native:managedidentity:getUserAssignedIdentity" && m.known.exists(name):
		identity := m.known.Identity("", name)
		return resource.PropertyMap{
			"name": resource.NewProperty(name), "tenantId": resource.NewProperty(identity.TenantID),
			"clientId":    m.or(identity.ClientID, unknownGUID, "the client ID of the identity "+name),
			"principalId": m.or(identity.PrincipalID, unknownGUID, "the principal ID of the identity "+name),
		}, nil
	case args.Token == "gcp:organizations/getProject:getProject":
		return resource.PropertyMap{"number": m.or(m.known.ProjectNumber, unknownText, "the number of project "+c.GCP.Project)}, nil
	case args.Token == "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider" && *provider:
		return resource.PropertyMap{"arn": args.Args["arn"], "clientIdLists": list(resource.NewProperty(aws.TokenAudience))}, nil
	case args.Token == "aws:cloudcontrol/getResource:getResource":
		return resource.PropertyMap{"properties": resource.NewProperty("{}")}, nil
	}
	return nil, fmt.Errorf("%s: nothing is looked up", args.Token)
}

// NewResource keeps a registration, or answers a read.
func (m *mock) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r, err := m.Note(args)
	switch {
	case err != nil:
		return "", nil, err
	case r.Type == "pulumi:pulumi:StackReference":
		return args.ID, m.exported(args.ID), nil
	case r.Read:
		return args.ID, nil, nil
	}
	state, unknown := m.known.Answer(r)
	id := m.or("", unknownText, "the ID of "+r.Name)
	m.mark(id, Mark{Resource: r.Name})
	if m.marks != nil {
		marked := resource.PropertyMap{}
		for _, output := range unknown {
			marked[resource.PropertyKey(output)] = m.or("", unknownGUID, r.Name)
		}
		m.mark(resource.NewProperty(marked), Mark{Resource: r.Name})
		maps.Copy(state, marked)
		unknown = nil
	}
	if len(unknown) > 0 {
		from := []string{fmt.Sprintf("%s (%s)", r.Name, strings.Join(unknown, ", "))}
		if strings.HasPrefix(r.Type, "kubernetes:") { // its name is unknown because something of it is
			from = nil
			for key := range r.Inputs {
				from = append(from, m.origin(r, key)...)
			}
		}
		m.mutex.Lock()
		m.origins[r.URN] = from
		m.mutex.Unlock()
	}
	return text(id), state, nil
}

// exported are a stack's outputs: this one's, or the other party's document.
func (m *mock) exported(stack string) resource.PropertyMap {
	outputs := resource.PropertyMap{}
	for name, value := range m.outputs {
		outputs[resource.PropertyKey(name)] = resource.NewPropertyValue(value)
	}
	return resource.PropertyMap{"name": resource.NewProperty(stack), "outputs": resource.NewProperty(outputs), "secretOutputNames": list()}
}

// origin says where the unknown values of an input come from.
func (m *mock) origin(r Registration, key resource.PropertyKey) []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var from []string
	for _, urn := range r.RPC.GetPropertyDependencies()[string(key)].GetUrns() {
		from = append(from, m.origins[urn]...)
	}
	slices.Sort(from)
	return slices.Compact(from)
}

// settle puts a resource.Computed in the place of every placeholder, and says of each
// where it comes from.
func (m *mock) settle(r Registration) Registration {
	inputs := resource.PropertyMap{}
	for key, value := range r.Inputs {
		from := strings.Join(m.origin(r, key), ", ")
		inputs[key] = change(value, func(value resource.PropertyValue) resource.PropertyValue {
			if value.IsComputed() {
				return resource.MakeComputed(resource.NewProperty(from))
			}
			if what := m.what(text(value)); what != "" && m.marks == nil {
				return resource.MakeComputed(resource.NewProperty(what))
			}
			return value
		})
	}
	r.Inputs = inputs
	if r.RPC != nil { // it stays for its options
		r.RPC.Object, r.RPC.ReplacementTrigger, r.RPC.SourcePosition, r.RPC.StackTrace = nil, nil, nil, nil
	}
	return r
}

func list(items ...resource.PropertyValue) resource.PropertyValue {
	return resource.NewProperty(append([]resource.PropertyValue{}, items...))
}
