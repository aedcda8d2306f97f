package azure

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/lookup"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/subject"
)

// maxCredentials is Entra's limit of federated identity credentials for one
// identity (docs/facts.md §2).
const maxCredentials = 20

// WorkloadIdentity is the identity that pulls, and the federated credentials
// that let Kubernetes ServiceAccounts become it.
type WorkloadIdentity struct {
	pulumi.ResourceState

	// TenantID, ClientID and PrincipalID identify it: what the customer tells
	// the vendor.
	TenantID    pulumi.StringOutput `pulumi:"tenantId"`
	ClientID    pulumi.StringOutput `pulumi:"clientId"`
	PrincipalID pulumi.StringOutput `pulumi:"principalId"`
	// Ready resolves once every credential exists. Its value changes with the
	// identity and with whom it trusts.
	Ready pulumi.StringArrayOutput `pulumi:"ready"`
}

// WorkloadIdentityArgs says which identity pulls, and which ServiceAccounts
// may become it. Exactly one of Name, Existing and Application is set.
type WorkloadIdentityArgs struct {
	// Customer is the customer's slug and Product the product's name: they tag
	// the identity. Required.
	Customer, Product string
	// Cloud is the Azure cloud; the zero value is Public.
	Cloud Cloud
	// TenantID is the tenant's GUID. Required.
	TenantID string
	// ResourceGroup holds the identity. Required unless Application is set.
	ResourceGroup string
	// Location is the region of a new identity; empty means its group's.
	Location string
	// Name of the user-assigned identity to create: 3 to 128 letters, digits,
	// hyphens and underscores.
	Name string
	// Existing names a user-assigned identity of ResourceGroup to use as it is.
	Existing string
	// Application is an app registration to use as it is. This program cannot
	// write its credentials; whoever administers it enters Subjects there.
	Application *Application
	// Subjects are the ServiceAccounts that may become the identity: at least
	// 1, at most 20 (Entra's limit), no two with the same issuer and subject.
	Subjects []Subject
	// Tags are added to the identity's own: at most 48.
	Tags map[string]string
}

// Application is an app registration of the tenant.
type Application struct {
	// ClientID is its application (client) ID.
	ClientID string
	// PrincipalID is the object ID of its service principal in the tenant,
	// not of the application.
	PrincipalID string
}

// Subject is one ServiceAccount of one cluster.
type Subject struct {
	// Name is the federated credential's: 3 to 120 letters, digits, hyphens
	// and underscores, unique for the identity.
	Name string
	// Issuer is the cluster's OIDC issuer URL exactly as in its tokens: on AKS
	// with a slash at its end.
	Issuer string
	// Namespace and ServiceAccount name the account.
	Namespace, ServiceAccount string
}

func (s Subject) account() subject.ServiceAccount {
	return subject.ServiceAccount{Namespace: s.Namespace, Name: s.ServiceAccount}
}

// Claim is the subject as it stands in the account's tokens.
func (s Subject) Claim() string {
	return s.account().String()
}

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *WorkloadIdentityArgs) Validate(later ...string) error {
	p := check.Of("azure.WorkloadIdentity", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	labels.Azure.Check(p, args.owner(), args.Tags)
	p.GUID("tenantId", args.TenantID, "the customer's tenant ID")
	switch sources := args.sources(); {
	case len(sources) != 1:
		p.Add("identity", "%q: want exactly one of name, existing and application", sources)
	case args.Application != nil:
		p.GUID("application.clientId", args.Application.ClientID, "the application (client) ID")
		p.GUID("application.principalId", args.Application.PrincipalID, "its service principal's object ID")
	default:
		p.Required("resourceGroup", args.ResourceGroup, "the group that holds the identity")
		p.Error("name", naming.Identity.Check(args.Name+args.Existing))
	}
	if n := len(args.Subjects); n == 0 || n > maxCredentials {
		p.Add("subjects", "%d given: want 1 to %d, Entra's limit for one identity", n, maxCredentials)
	}
	for i, s := range args.Subjects {
		key := fmt.Sprintf("subjects[%d].", i)
		p.Error(key+"name", naming.FederatedCredential.Check(s.Name))
		p.Issuer(key+"issuer", s.Issuer)
		s.account().Validate(p, key)
		for j, earlier := range args.Subjects[:i] {
			if earlier.Name == s.Name {
				p.Add(key+"name", "%q: repeats subjects[%d]", s.Name, j)
			}
			if s.Issuer != "" && earlier.Issuer == s.Issuer && earlier.Claim() == s.Claim() {
				p.Add(key+"subject", "%q: repeats subjects[%d]; issuer and subject are unique for one identity", s.Claim(), j)
			}
		}
	}
	return p.Err()
}

func (args *WorkloadIdentityArgs) owner() labels.Owner {
	return labels.Owner{Customer: args.Customer, Product: args.Product}
}

func (args *WorkloadIdentityArgs) sources() []string {
	sources := []string{}
	if args.Name != "" {
		sources = append(sources, "name")
	}
	if args.Existing != "" {
		sources = append(sources, "existing")
	}
	if args.Application != nil {
		sources = append(sources, "application")
	}
	return sources
}

// NewWorkloadIdentity registers the identity and its credentials.
func NewWorkloadIdentity(ctx *pulumi.Context, name string, args *WorkloadIdentityArgs, opts ...pulumi.ResourceOption) (*WorkloadIdentity, error) {
	if args == nil {
		return nil, errors.New("azure.WorkloadIdentity: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	existing, err := findExisting(ctx, args, opts)
	if err != nil {
		return nil, err
	}
	component := &WorkloadIdentity{}
	inputs := pulumi.Map{
		"tenantId": pulumi.String(args.TenantID),
		"subjects": pulumi.ToStringArray(claims(args.Subjects)),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:azure:WorkloadIdentity", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	identity, err := newIdentity(ctx, name, args, existing, component)
	if err != nil {
		return nil, err
	}
	credentials := []pulumi.Resource{}
	if args.Application == nil {
		if credentials, err = newCredentials(ctx, name, args, identity.name, component); err != nil {
			return nil, err
		}
	}

	component.TenantID = identity.tenantID
	component.ClientID = identity.clientID
	component.PrincipalID = identity.principalID
	ready := pulumi.StringArray{pulumi.OutputWithDependencies(ctx.Context(), identity.principalID, credentials...).(pulumi.StringOutput)}
	for _, s := range args.Subjects {
		ready = append(ready, pulumi.Sprintf("%s trusts %s of %s", s.Name, s.Claim(), s.Issuer))
	}
	component.Ready = ready.ToStringArrayOutput()
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{
		"tenantId":    component.TenantID,
		"clientId":    component.ClientID,
		"principalId": component.PrincipalID,
		"ready":       component.Ready,
	})
}

func claims(subjects []Subject) []string {
	all := make([]string, len(subjects))
	for i, s := range subjects {
		all[i] = s.Claim()
	}
	return all
}

type identity struct {
	name, tenantID, clientID, principalID pulumi.StringOutput
}

// findExisting looks an existing identity up; nil where there is none to find.
func findExisting(ctx *pulumi.Context, args *WorkloadIdentityArgs, opts []pulumi.ResourceOption) (*managedidentity.LookupUserAssignedIdentityResult, error) {
	if args.Existing == "" {
		return nil, nil
	}
	options, err := lookup.Options[*azurenative.Provider](opts)
	if err != nil {
		return nil, err
	}
	existing, err := managedidentity.LookupUserAssignedIdentity(ctx, &managedidentity.LookupUserAssignedIdentityArgs{
		ResourceGroupName: args.ResourceGroup,
		ResourceName:      args.Existing,
	}, options...)
	if err != nil {
		p := check.Of("azure.WorkloadIdentity")
		p.Add("existing", "%q of group %q: %s", args.Existing, args.ResourceGroup, err)
		return nil, p.Err()
	}
	return existing, nil
}

func newIdentity(
	ctx *pulumi.Context, name string, args *WorkloadIdentityArgs,
	existing *managedidentity.LookupUserAssignedIdentityResult, parent pulumi.Resource,
) (*identity, error) {
	switch {
	case args.Application != nil:
		return &identity{
			tenantID:    pulumi.String(args.TenantID).ToStringOutput(),
			clientID:    pulumi.String(args.Application.ClientID).ToStringOutput(),
			principalID: pulumi.String(args.Application.PrincipalID).ToStringOutput(),
		}, nil

	case existing != nil:
		return &identity{
			name:        pulumi.String(existing.Name).ToStringOutput(),
			tenantID:    pulumi.String(existing.TenantId).ToStringOutput(),
			clientID:    pulumi.String(existing.ClientId).ToStringOutput(),
			principalID: pulumi.String(existing.PrincipalId).ToStringOutput(),
		}, nil

	default:
		created, err := managedidentity.NewUserAssignedIdentity(ctx, name+"-identity", &managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: pulumi.String(args.ResourceGroup),
			ResourceName:      pulumi.String(args.Name),
			Location:          optional(args.Location),
			Tags:              pulumi.ToStringMap(args.owner().Cloud(args.Tags)),
		}, pulumi.Parent(parent))
		if err != nil {
			return nil, err
		}
		return &identity{
			name:        created.Name,
			tenantID:    created.TenantId,
			clientID:    created.ClientId,
			principalID: created.PrincipalId,
		}, nil
	}
}

func optional(value string) pulumi.StringPtrInput {
	if value == "" {
		return nil
	}
	return pulumi.String(value)
}

// newCredentials registers one credential for each subject, each after the one
// before it: Entra refuses concurrent writes on one identity. A replacement
// deletes first, since issuer and subject are unique. What the chain cannot
// order, two of its members removed at once, is tried again.
func newCredentials(ctx *pulumi.Context, name string, args *WorkloadIdentityArgs, identityName pulumi.StringInput, parent pulumi.Resource) ([]pulumi.Resource, error) {
	hook, err := ctx.RegisterErrorHook(name+"-concurrent-writes", retryConcurrentWrites(time.Sleep))
	if err != nil {
		return nil, err
	}
	audience := args.Cloud.ExchangeAudience
	if audience == "" {
		audience = Public.ExchangeAudience
	}
	var chain []pulumi.Resource
	for _, s := range args.Subjects {
		opts := []pulumi.ResourceOption{
			pulumi.Parent(parent),
			pulumi.DeleteBeforeReplace(true),
			pulumi.ResourceHooks(&pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{hook}}),
		}
		if len(chain) > 0 {
			opts = append(opts, pulumi.DependsOn(slices.Clone(chain[len(chain)-1:])))
		}
		credential, err := managedidentity.NewFederatedIdentityCredential(ctx, name+"-"+s.Name, &managedidentity.FederatedIdentityCredentialArgs{
			ResourceGroupName:                       pulumi.String(args.ResourceGroup),
			ResourceName:                            identityName,
			FederatedIdentityCredentialResourceName: pulumi.String(s.Name),
			Issuer:                                  pulumi.String(s.Issuer),
			Subject:                                 pulumi.String(s.Claim()),
			Audiences:                               pulumi.ToStringArray([]string{audience}),
		}, opts...)
		if err != nil {
			return nil, err
		}
		chain = append(chain, credential)
	}
	return chain, nil
}
