package chain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

const (
	// trustsPerIdentity is Entra's limit of federated credentials for one identity
	// (docs/facts.md §2).
	trustsPerIdentity = 20
	// maxIdentities bounds what an output that was written by hand could ask for.
	maxIdentities = 1000
)

// onAKS is what the customer's half reads of Azure, whoever trusts the cluster.
var onAKS = config.Reads{
	Needs: []string{"azure.tenantId", "azure.subscriptionId", "azure.resourceGroup"},
	Uses: append(workloadKeys("identity"),
		"azure.cloud", "azure.trust", "azure.location", "azure.workloadIdentities...",
		"environments.*.cluster.name", "environments.*.cluster.resourceGroup", "environments.*.cluster.issuer"),
}

// aks is Azure under the customer's clusters: it knows their issuers, and lets
// workloads become Entra identities.
type aks struct {
	s        *config.Settings
	provider pulumi.ProviderResource
	issuers
	// looks find what exists already, once the provider is there.
	looks []func(*pulumi.Context) error
	// found is what was found of each identity of workloads.
	found  map[int]*azure.Found
	trusts []workloadTrust
	// names are the identities' (of an app registration: its client ID); held and
	// left are what each holds, and what found no room.
	names  []string
	held   [][]string
	left   []string
	byHand pulumi.Array
}

func newAKS(s *config.Settings, last exchange.Outputs) *aks {
	a := &aks{s: s, issuers: issuers{}, trusts: workloadTrusts(s), found: map[int]*azure.Found{}}
	trusts := make([]string, len(a.trusts))
	for i, t := range a.trusts {
		trusts[i] = t.name
	}
	before := map[string]string{}
	var exported map[string]struct {
		Identity string `json:"identity"`
	}
	// What cannot be read was never written by this program: it binds nobody.
	if _, err := last.Read(exchange.TrustsName, &exported); err == nil {
		for name, trust := range exported {
			before[name] = trust.Identity
		}
	}
	w := s.Azure.WorkloadIdentities
	switch {
	case len(w.Applications) > 0:
		for _, application := range w.Applications {
			a.names = append(a.names, application.ClientID)
		}
	case len(w.Existing) > 0:
		a.names = w.Existing
	default:
		// As many as could be needed: those that stay empty are not made.
		for i := range max(len(a.trusts), highest(w.Name, before)) {
			a.names = append(a.names, fmt.Sprintf("%s-%d", w.Name, i+1))
		}
	}
	a.held, a.left = assign(trusts, before, a.names, trustsPerIdentity)
	for i, held := range a.held {
		if len(held) > 0 {
			a.looks = append(a.looks, func(ctx *pulumi.Context) (err error) {
				a.found[i], err = a.args(i).LookUp(ctx, pulumi.Providers(a.provider))
				return config.Named(err, a.keys(i))
			})
		}
	}
	return a
}

// highest is the greatest number of an identity NAME-NUMBER that held a trust.
func highest(name string, before map[string]string) int {
	most := 0
	for _, identity := range before {
		text, ours := strings.CutPrefix(identity, name+"-")
		if number, err := strconv.Atoi(text); ours && err == nil && number < maxIdentities {
			most = max(most, number)
		}
	}
	return most
}

func (a *aks) check(problems *config.Problems) {
	s := a.s
	s.AtMostOne(problems, "azure.workloadIdentities", "name", "existing", "applications")
	if s.Given["azure.workloadIdentities"] && len(a.trusts) == 0 {
		problems.Add("azure.workloadIdentities", "and no workload with identity: want both, or neither")
	}
	for _, e := range s.Sorted() {
		checkCluster(s, e, true, problems)
		if s.Given[e.Key("cluster.issuer")] && s.Given[e.Key("cluster.resourceGroup")] {
			problems.Add(e.Key("cluster.resourceGroup"), "%q: want it with a name only", e.Cluster.ResourceGroup)
		}
	}
}

// checkCluster wants a cluster by its name or by its issuer, and one of them where it
// is needed.
func checkCluster(s *config.Settings, e *config.Environment, needed bool, problems *config.Problems) {
	if n := s.Given.Count(e.Key("cluster"), "name", "issuer"); n > 1 || needed && n == 0 {
		problems.Add(e.Key("cluster"), "has %d of name, issuer: want exactly one", n)
	}
}

func (a *aks) connect(ctx *pulumi.Context) (err error) {
	if a.provider, err = newAzureProvider(ctx, a.s); err != nil {
		return err
	}
	for _, look := range a.looks {
		if err := look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// find asks Azure for a cluster's OIDC issuer. One value is not worth compiling the
// SDK of the whole container service (docs/building.md), so the function is called by
// its token.
func (a *aks) find(ctx *pulumi.Context, e *config.Environment) error {
	cluster := e.Cluster
	if cluster.Issuer != "" {
		return nil
	}
	var found struct {
		Profile struct {
			Enabled bool   `pulumi:"enabled"`
			Issuer  string `pulumi:"issuerURL"`
		} `pulumi:"oidcIssuerProfile"`
	}
	args := struct {
		ResourceGroup string `pulumi:"resourceGroupName"`
		Name          string `pulumi:"resourceName"`
	}{cluster.ResourceGroup, cluster.Name}
	if err := ctx.Invoke("azure-native:containerservice:getManagedCluster", &args, &found, pulumi.Provider(a.provider)); err != nil {
		return fmt.Errorf("%s %q in group %q: %w", e.Key("cluster.name"), cluster.Name, cluster.ResourceGroup, err)
	}
	if !found.Profile.Enabled || found.Profile.Issuer == "" {
		return fmt.Errorf("%s %q has no OIDC issuer: turn it on with `az aks update --resource-group %s --name %s --enable-oidc-issuer`",
			e.Key("cluster.name"), cluster.Name, cluster.ResourceGroup, cluster.Name)
	}
	a.issuers[e.Name] = found.Profile.Issuer
	return nil
}

// identityArgs are what every identity of the customer's has in common.
func (a *aks) identityArgs() *azure.WorkloadIdentityArgs {
	s := a.s
	return &azure.WorkloadIdentityArgs{
		Customer: s.Slug, Product: s.Product.Name, Cloud: azureCloud(s), TenantID: s.Azure.TenantID,
		ResourceGroup: s.Azure.ResourceGroup, Location: s.Azure.Location, Tags: s.Tags,
	}
}

// identityKeys are the configuration's keys of what every identity has in common.
func identityKeys() config.Keys {
	return config.Keys{
		"customer": "slug", "product": "product.name", "tenantId": "azure.tenantId", "resourceGroup": "azure.resourceGroup",
		"location": "azure.location", "tags": "tags",
	}
}

// args are the arguments for the i-th identity of workloads.
func (a *aks) args(i int) *azure.WorkloadIdentityArgs {
	args := a.identityArgs()
	args.Found = a.found[i]
	switch w := a.s.Azure.WorkloadIdentities; {
	case len(w.Applications) > 0:
		args.Application = &azure.Application{ClientID: w.Applications[i].ClientID, PrincipalID: w.Applications[i].PrincipalID}
	case len(w.Existing) > 0:
		args.Existing = a.names[i]
	default:
		args.Name, args.Children = a.names[i], adopted(a.s, a.component(i), "identity")
	}
	for _, t := range a.trusts {
		if slices.Contains(a.held[i], t.name) {
			args.Subjects = append(args.Subjects, azure.Subject{
				Name: t.name, Issuer: a.issuer(t.environment), Namespace: t.account.Namespace, ServiceAccount: t.account.Name,
			})
		}
	}
	return args
}

func (a *aks) keys(i int) config.Keys {
	keys := identityKeys()
	for argument, key := range map[string]string{
		"identity": "", "name": ".name", "existing": fmt.Sprintf(".existing[%d]", i), "application": fmt.Sprintf(".applications[%d]", i),
	} {
		keys[argument] = "azure.workloadIdentities" + key
	}
	for j, subject := range a.args(i).Subjects {
		at := slices.IndexFunc(a.trusts, func(t workloadTrust) bool { return t.name == subject.Name })
		t, argument := a.trusts[at], fmt.Sprintf("subjects[%d]", j)
		for _, of := range []string{"", ".name", ".serviceAccount", ".subject"} {
			keys[argument+of] = t.workload.Key + ".component"
		}
		keys[argument+".issuer"], keys[argument+".namespace"] = t.environment.Key("cluster.issuer"), t.environment.Key("namespace.name")
	}
	return keys
}

// validate checks the identities of workloads. Issuers that are looked up may be
// equal or not: a cluster's name tells until then.
func (a *aks) validate(problems *config.Problems) {
	if len(a.left) > 0 {
		problems.Add("azure.workloadIdentities", "has room for %d trusts: want identities for %s as well, %d trusts each",
			trustsPerIdentity*len(a.names), strings.Join(a.left, ", "), trustsPerIdentity)
		return
	}
	for i, held := range a.held {
		if len(held) == 0 {
			continue
		}
		args, later := a.args(i), []string{}
		for j, subject := range args.Subjects {
			if subject.Issuer == "" {
				later = append(later, fmt.Sprintf("subjects[%d].issuer", j), fmt.Sprintf("subjects[%d].subject", j))
			}
		}
		problems.Component(args.Validate(later...), a.keys(i))
	}
}

// component is the name of the i-th identity's component. An identity that is there
// already keeps it wherever it stands in the list.
func (a *aks) component(i int) string {
	if len(a.s.Azure.WorkloadIdentities.Existing) > 0 {
		return "workloads-" + a.names[i]
	}
	return fmt.Sprintf("workloads-%d", i+1)
}

// identities registers the identities that hold something, and exports who becomes
// what, and what is to be entered by hand.
func (a *aks) identities(ctx *pulumi.Context) (map[string]cloudIdentity, error) {
	identities, shown := map[string]cloudIdentity{}, pulumi.Map{}
	for i, held := range a.held {
		if len(held) == 0 {
			continue
		}
		args := a.args(i)
		made, err := azure.NewWorkloadIdentity(ctx, a.component(i), args, pulumi.Providers(a.provider))
		if err != nil {
			return nil, config.Named(err, a.keys(i))
		}
		for _, subject := range args.Subjects {
			identities[subject.Name] = cloudIdentity{
				identity: kubernetes.AzureIdentity{TenantID: a.s.Azure.TenantID, ClientID: made.ClientID},
				ready:    made.WaitFor,
			}
			shown[subject.Name] = pulumi.Map{
				"identity": pulumi.String(a.names[i]), "clientId": made.ClientID, "tenantId": made.TenantID,
				"issuer": pulumi.String(subject.Issuer), "subject": pulumi.String(subject.Claim()),
				"audience": pulumi.String(azureCloud(a.s).ExchangeAudience),
			}
			if args.Application != nil {
				a.enter(args.Application.ClientID, subject)
			}
		}
	}
	if len(shown) > 0 {
		ctx.Export(exchange.TrustsName, shown)
	}
	if len(a.byHand) > 0 {
		ctx.Export("enterByHand", a.byHand)
	}
	return identities, nil
}

// enter notes what the administrator of an app registration enters there, since this
// program cannot.
func (a *aks) enter(application string, subject azure.Subject) {
	a.byHand = append(a.byHand, pulumi.ToStringMap(map[string]string{
		"application": application, "name": subject.Name, "issuer": subject.Issuer, "subject": subject.Claim(),
		"audience": azureCloud(a.s).ExchangeAudience,
	}))
}

// azureCloud is the Azure cloud that the configuration names.
func azureCloud(s *config.Settings) azure.Cloud {
	for _, cloud := range azure.Clouds() {
		if cloud.Name == s.Azure.Cloud {
			return cloud
		}
	}
	return azure.Public
}
