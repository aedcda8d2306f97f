package chain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// entra is the chain of a customer on AKS through its Entra tenant:
//
//	refresher's ServiceAccount token → Entra (identity, federated credential)
//	    → GCP workload identity pool → service account → Artifact Registry
//	    → pull secret → the product's pods
type entra struct{}

func (entra) reads() reads {
	return reads{
		customer: onClusters.And(imagesByPath).And(withRefresher).And(onAKS).And(config.Reads{
			Uses: []string{"azure.token...", "azure.identity...", "environments.*.identity..."},
		}),
		vendor:   grantsOnGoogle.And(grantsToWorkloads),
		ofVendor: vendorOnGoogle.And(vendorsPool),
		ofCustomer: config.Reads{
			Needs: []string{"azure.tenantId"},
			Uses:  []string{"azure.cloud", "azure.trust", "azure.token...", "environments.*"},
		},
	}
}

func (entra) check(s *config.Settings, problems *config.Problems) {
	if cloud := azureCloud(s); cloud.TokenAudience == "" && !s.Given["azure.token.audience"] {
		problems.Add("azure.token.audience", "is missing: want the audience of %s's tokens, which is not documented: read aud of one", cloud.Name)
	}
	if t := s.Azure.Token; t.Version == "v1" && (t.Issuer == "" || t.Audience == "" || t.Scope == "") {
		problems.Add("azure.token", "is of version v1: want issuer (https://sts.windows.net/TENANT/), audience and scope of the application as well")
	}
}

// identityNames are what tells an identity from others.
func identityNames(identity config.Identity) []string {
	if a := identity.Application; a != nil {
		return []string{a.ClientID, a.PrincipalID}
	}
	return []string{cmp.Or(identity.Existing, identity.Name)}
}

// identityOf is the identity that pulls in an environment.
func identityOf(s *config.Settings, e *config.Environment) config.Identity {
	if e.Identity != (config.Identity{}) {
		return e.Identity
	}
	identity := s.Azure.Identity
	if identity.Existing == "" && identity.Application == nil {
		identity.Name = cmp.Or(identity.Name, s.Product.Name+"-pull-identity") + e.Suffix()
	}
	return identity
}

func (entra) rules(s *config.Settings) exchange.Rules {
	return exchange.Rules{
		Request: "entra", Grant: "google", GrantNames: true,
		CheckRequest: func(r *exchange.AccessRequest, d *exchange.Delivery) {
			d.Anchored("tenantId", r.TenantID, "azure.tenantId", s.Azure.TenantID)
			// One principal for two environments could become the other, and their
			// bindings would be one.
			for i, e := range r.Environments {
				if e.ClientID == e.PrincipalID {
					d.Add("environments[%d].principalId %q: is the clientId: want the identity's object ID", i, e.PrincipalID)
				}
				for j, earlier := range r.Environments[:i] {
					if e.PrincipalID == earlier.PrincipalID {
						d.Add("environments[%d].principalId %q: is environments[%d]'s: want one of its own", i, e.PrincipalID, j)
					}
				}
			}
		},
		CheckGrant: checkPoolGrant(s),
	}
}

func (entra) early(s *config.Settings) error {
	return fmt.Errorf("the access request names a principal that Entra makes: run `pulumi up -s %s`, then `pulumi stack output %s --json -s %[1]s`",
		s.Stack, exchange.RequestName)
}

func (entra) describe(s *config.Settings, r *exchange.AccessRequest) { r.TenantID = s.Azure.TenantID }

func (c entra) customer(s *config.Settings, _ *exchange.AccessGrant, last exchange.Outputs) customer {
	pull := &entraPull{s: s, aks: newAKS(s, last), found: map[string]*azure.Found{}}
	for _, e := range s.Sorted() {
		pull.aks.looks = append(pull.aks.looks, func(ctx *pulumi.Context) (err error) {
			pull.found[e.Name], err = pull.args(e).LookUp(ctx, pulumi.Providers(pull.aks.provider))
			return config.Named(err, pull.keys(e))
		})
	}
	return newClusters(s, pull.aks, pull)
}

func (c entra) vendor(s *config.Settings) vendor {
	return &artifactRegistry{s: s, readers: &readers{
		trust: func(_ *config.Environment, who puller) gcp.Trust {
			token := entraToken(s)
			return gcp.EntraTrust{
				TenantID: s.Azure.TenantID, Issuer: token.Issuer, Audience: token.Audience, Version: gcp.TokenVersion(token.Version),
				PrincipalID: who.principalID, ClientID: who.clientID,
			}
		},
		keys: func(*config.Environment) config.Keys {
			return config.Keys{
				"tenantId": "azure.tenantId", "issuer": "azure.token.issuer", "audience": "azure.token.audience", "version": "azure.token.version",
			}
		},
		later: func(_ *config.Environment, who puller) []string {
			if who.principalID != nil {
				return nil
			}
			return []string{"principalId", "clientId"}
		},
	}}
}

// entraToken describes Entra's tokens, with their defaults.
func entraToken(s *config.Settings) config.Token {
	cloud, token := azureCloud(s), s.Azure.Token
	token.Issuer = cmp.Or(token.Issuer, cloud.Issuer(s.Azure.TenantID))
	token.Audience = cmp.Or(token.Audience, cloud.TokenAudience)
	token.Scope = cmp.Or(token.Scope, cloud.Scope())
	return token
}

// entraPull lets an environment's refresher become an identity of the tenant.
type entraPull struct {
	s   *config.Settings
	aks *aks
	// found is what was found of each environment's identity.
	found map[string]*azure.Found
}

// check refuses an identity that two environments share, or that is a workload's
// too: each could become the other.
func (p *entraPull) check(problems *config.Problems) {
	s := p.s
	s.AtMostOne(problems, "azure.identity", "name", "existing", "application")
	refreshers := map[string]*config.Environment{}
	for _, e := range s.Sorted() {
		s.AtMostOne(problems, e.Key("identity"), "name", "existing", "application")
		for _, name := range identityNames(identityOf(s, e)) {
			if first := refreshers[strings.ToLower(name)]; first != nil && first != e {
				problems.Add(e.Key("identity"), "is %s, as %s: want one of its own, or each could become the other", name, first.Key("identity"))
			}
			refreshers[strings.ToLower(name)] = e // Azure minds no case
		}
	}
	refuse := func(key string, names ...string) {
		for _, name := range names {
			if refreshers[strings.ToLower(name)] != nil {
				problems.Add(key, "%q: is the refresher's: want another, workloads would become it", name)
			}
		}
	}
	w := s.Azure.WorkloadIdentities
	for i, name := range w.Existing {
		refuse(fmt.Sprintf("azure.workloadIdentities.existing[%d]", i), name)
	}
	for i, application := range w.Applications {
		refuse(fmt.Sprintf("azure.workloadIdentities.applications[%d]", i), application.ClientID, application.PrincipalID)
	}
	refuse("azure.workloadIdentities.name", p.aks.names...)
}

func (p *entraPull) args(e *config.Environment) *azure.WorkloadIdentityArgs {
	identity := identityOf(p.s, e)
	args := p.aks.identityArgs()
	args.Name, args.Existing, args.Found = identity.Name, identity.Existing, p.found[e.Name]
	if args.Name != "" {
		args.Children = adopted(p.s, "azure"+e.Suffix(), "identity")
	}
	args.Subjects = []azure.Subject{{
		Name: p.s.Product.Name + "-federated-credential", Issuer: p.aks.issuer(e), Namespace: e.Namespace.Name, ServiceAccount: kubernetes.RefresherServiceAccount(p.s.Product.Name),
	}}
	if application := identity.Application; application != nil {
		args.Application = &azure.Application{ClientID: application.ClientID, PrincipalID: application.PrincipalID}
	}
	return args
}

// keys are the configuration's by those of the identity's arguments.
func (p *entraPull) keys(e *config.Environment) config.Keys {
	identity := "azure.identity"
	if e.Identity != (config.Identity{}) {
		identity = e.Key("identity")
	}
	keys := identityKeys()
	keys["identity"], keys["application"] = identity, identity+".application"
	keys["name"], keys["existing"] = identity+".name", identity+".existing"
	keys["subjects[0]"], keys["subjects[0].issuer"] = e.Key("namespace.name"), e.Key("cluster.issuer")
	keys["subjects[0].name"], keys["subjects[0].serviceAccount"] = "product.name", "product.name"
	keys["subjects[0].namespace"] = e.Key("namespace.name")
	return keys
}

func (p *entraPull) validate(e *config.Environment, problems *config.Problems) {
	var later []string
	if p.aks.issuer(e) == "" {
		later = append(later, "subjects[0].issuer")
	}
	problems.Component(p.args(e).Validate(later...), p.keys(e))
}

func (p *entraPull) puller(*config.Environment) puller { return puller{} }

func (p *entraPull) identify(ctx *pulumi.Context, e *config.Environment) (puller, error) {
	args := p.args(e)
	made, err := azure.NewWorkloadIdentity(ctx, "azure"+e.Suffix(), args, pulumi.Providers(p.aks.provider))
	if err != nil {
		return puller{}, config.Named(err, p.keys(e))
	}
	if args.Application != nil {
		p.aks.enter(args.Application.ClientID, args.Subjects[0])
	}
	return puller{clientID: made.ClientID, principalID: made.PrincipalID, ready: pulumi.Array{made.Ready}}, nil
}

func (p *entraPull) source(e *config.Environment, who puller, g *grant) kubernetes.TokenSource {
	cloud := azureCloud(p.s)
	return kubernetes.EntraSource{
		GoogleIdentifiers: g.identifiers(e),
		TenantID:          p.s.Azure.TenantID,
		Authority:         cloud.Authority,
		Audience:          cloud.ExchangeAudience,
		Scope:             entraToken(p.s).Scope,
		ClientID:          who.clientID,
	}
}

func (p *entraPull) image(g *grant, w config.Component) pulumi.StringInput { return googleImage(g, w) }
