package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/kubernetes"
)

const (
	// workloadTrustsName is the output that says which workload becomes what.
	workloadTrustsName = "workloadTrusts"
	// trustsPerIdentity is Entra's limit of federated credentials for one
	// identity (docs/facts.md §2).
	trustsPerIdentity = 20
	// maxIdentities bounds what an output that was written by hand could ask for.
	maxIdentities = 1000
	// wholeProduct names the component of a product that has only one.
	wholeProduct = "product"
)

// cloudIdentity is what one workload becomes.
type cloudIdentity struct {
	// identity is nil where no annotation is needed.
	identity kubernetes.Identity
	// ready is waited for before the workload starts.
	ready []pulumi.Resource
}

// workloadTrust is one workload in one environment that has a cloud identity.
type workloadTrust struct {
	name        string
	environment environment
	workload    Component
}

// trustName tells whose a trust is: <app>_<environment>_<component>.
func trustName(p Product, e environment, w Component) string {
	return p.Name + "_" + e.Name + "_" + orElseText(w.Component, wholeProduct)
}

func orElseText(text, fallback string) string {
	orElse(&text, fallback)
	return text
}

func (s *settings) hasWorkloadTrusts() bool {
	return s.customers() && slices.ContainsFunc(s.Workloads, func(w Component) bool { return w.Identity })
}

// workloadTrusts are all of them, in the order of the configuration.
func (s *settings) workloadTrusts() []workloadTrust {
	var trusts []workloadTrust
	if !s.hasWorkloadTrusts() {
		return nil
	}
	for _, e := range s.environments() {
		for _, w := range s.workloadsOf(e) {
			if w.Identity {
				trusts = append(trusts, workloadTrust{trustName(s.Product, e, w), e, w})
			}
		}
	}
	return trusts
}

func (t workloadTrust) account(p Product) string {
	return kubernetes.WorkloadServiceAccount(p.Name, t.workload.Component)
}

// claim is the workload as the tokens of its ServiceAccount name it.
func (t workloadTrust) claim(p Product) string {
	return claim(t.environment.Kubernetes.Namespace.Name, t.account(p))
}

// assign shares trusts out among identities, each of which holds at most
// capacity. What an identity held before it keeps, so that removing one trust
// moves no other; a new one goes to the first identity with room. The result is
// parallel to identities; left are the trusts that found no room.
func assign(trusts []string, before map[string]string, identities []string, capacity int) (held [][]string, left []string) {
	held = make([][]string, len(identities))
	put := func(trust string, i int) bool {
		if i < 0 || len(held[i]) >= capacity {
			return false
		}
		held[i] = append(held[i], trust)
		return true
	}
	var fresh []string
	for _, trust := range trusts {
		if !put(trust, slices.Index(identities, before[trust])) {
			fresh = append(fresh, trust)
		}
	}
	for _, trust := range fresh {
		if !put(trust, slices.IndexFunc(held, func(h []string) bool { return len(h) < capacity })) {
			left = append(left, trust)
		}
	}
	return held, left
}

// azureTrusts let workloads on AKS become Entra identities.
type azureTrusts struct {
	s      *settings
	trusts []workloadTrust
	// identities by name (of an app registration: its client ID), and what each
	// holds.
	identities []string
	held       [][]string
	left       []string
	byHand     pulumi.Array
}

func newAzureTrusts(s *settings) *azureTrusts {
	a := &azureTrusts{s: s, trusts: s.workloadTrusts()}
	names := make([]string, len(a.trusts))
	for i, t := range a.trusts {
		names[i] = t.name
	}
	before := map[string]string{}
	var last map[string]struct {
		Identity string `json:"identity"`
	}
	// What cannot be read was never written by this program: it binds nobody.
	if _, err := s.received.last.read(workloadTrustsName, &last); err == nil {
		for name, trust := range last {
			before[name] = trust.Identity
		}
	}
	w := s.Azure.WorkloadIdentities
	switch {
	case len(w.Applications) > 0:
		for _, application := range w.Applications {
			a.identities = append(a.identities, application.ClientID)
		}
	case len(w.Existing) > 0:
		a.identities = w.Existing
	default:
		// As many as could be needed: those that stay empty are not made.
		for i := range max(len(a.trusts), highest(w.Name, before)) {
			a.identities = append(a.identities, fmt.Sprintf("%s-%d", w.Name, i+1))
		}
	}
	a.held, a.left = assign(names, before, a.identities, trustsPerIdentity)
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

// component is the name of the i-th identity's component. An identity that is
// there already keeps it wherever it stands in the list.
func (a *azureTrusts) component(i int) string {
	if len(a.s.Azure.WorkloadIdentities.Existing) > 0 {
		return "workloads-" + a.identities[i]
	}
	return fmt.Sprintf("workloads-%d", i+1)
}

// args are the arguments for the i-th identity.
func (a *azureTrusts) args(i int, issuers map[string]string) *azure.WorkloadIdentityArgs {
	s := a.s
	args := &azure.WorkloadIdentityArgs{
		Customer: s.Slug, Product: s.Product.Name, Cloud: azureCloud(s.Azure.Cloud), TenantID: s.Azure.TenantID,
		ResourceGroup: s.Azure.ResourceGroup, Location: s.Azure.Location,
	}
	switch w := s.Azure.WorkloadIdentities; {
	case len(w.Applications) > 0:
		args.Application = &azure.Application{ClientID: w.Applications[i].ClientID, PrincipalID: w.Applications[i].PrincipalID}
	case len(w.Existing) > 0:
		args.Existing = a.identities[i]
	default:
		args.Name = a.identities[i]
	}
	for _, t := range a.trusts {
		if slices.Contains(a.held[i], t.name) {
			args.Subjects = append(args.Subjects, azure.Subject{
				Name: t.name, Issuer: orElseText(issuers[t.environment.Name], pendingIssuer+t.environment.Name),
				Namespace: t.environment.Kubernetes.Namespace.Name, ServiceAccount: t.account(s.Product),
			})
		}
	}
	return args
}

func (a *azureTrusts) validate() error {
	if len(a.left) > 0 {
		return fmt.Errorf("azure.workloadIdentities: has room for %d trusts: want identities for %s as well, %d trusts each",
			trustsPerIdentity*len(a.identities), strings.Join(a.left, ", "), trustsPerIdentity)
	}
	issuers := map[string]string{}
	for _, t := range a.trusts {
		issuers[t.environment.Name] = t.environment.issuer()
	}
	var problems []error
	for i, held := range a.held {
		if len(held) > 0 {
			problems = append(problems, a.args(i, issuers).Validate())
		}
	}
	return errors.Join(problems...)
}

// register registers the identities that hold something, and exports who
// becomes what, and what is to be entered by hand.
func (a *azureTrusts) register(ctx *pulumi.Context, issuers map[string]string, provider pulumi.ProviderResource) (map[string]cloudIdentity, error) {
	identities, shown := map[string]cloudIdentity{}, pulumi.Map{}
	for i, held := range a.held {
		if len(held) == 0 {
			continue
		}
		args := a.args(i, issuers)
		made, err := azure.NewWorkloadIdentity(ctx, a.component(i), args, pulumi.Providers(provider))
		if err != nil {
			return nil, err
		}
		for _, subject := range args.Subjects {
			identities[subject.Name] = cloudIdentity{
				identity: kubernetes.AzureIdentity{TenantID: a.s.Azure.TenantID, ClientID: made.ClientID},
				ready:    []pulumi.Resource{made},
			}
			shown[subject.Name] = pulumi.Map{
				"identity": pulumi.String(a.identities[i]), "clientId": made.ClientID, "tenantId": made.TenantID,
				"issuer": pulumi.String(subject.Issuer), "subject": pulumi.String(subject.Claim()),
				"audience": pulumi.String(azureCloud(a.s.Azure.Cloud).ExchangeAudience),
			}
			if args.Application != nil {
				a.enter(args.Application.ClientID, subject)
			}
		}
	}
	if len(shown) > 0 {
		ctx.Export(workloadTrustsName, shown)
	}
	if len(a.byHand) > 0 {
		ctx.Export("enterByHand", a.byHand)
	}
	return identities, nil
}

// enter notes what the administrator of an app registration enters there, since
// this program cannot.
func (a *azureTrusts) enter(application string, subject azure.Subject) {
	a.byHand = append(a.byHand, pulumi.ToStringMap(map[string]string{
		"application": application, "name": subject.Name, "issuer": subject.Issuer, "subject": subject.Claim(),
		"audience": azureCloud(a.s.Azure.Cloud).ExchangeAudience,
	}))
}

// policiesOf are a workload's policies in a stable order.
func policiesOf(w Workload) []aws.Policy {
	var policies []aws.Policy
	for _, name := range slices.Sorted(maps.Keys(w.Policies)) {
		policies = append(policies, aws.Policy{Name: name, Document: string(w.Policies[name])})
	}
	return policies
}
