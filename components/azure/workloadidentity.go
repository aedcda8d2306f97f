package azure

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/lookup"
	"waybill.example/waybill/components/internal/naming"
)

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
	// WaitFor are the resources to depend on, and not the component: the SDK learns of
	// a component's children while they are registered, so that a dependency on it may
	// miss some.
	WaitFor []pulumi.Resource
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
	// Children are options of the component's children, by their names without
	// the component's: "identity", and a subject's name.
	Children map[string]child.Options
	// Found is what LookUp found; NewWorkloadIdentity looks up where it is nil.
	Found *Found
}

// Application is an app registration of the tenant.
type Application struct {
	// ClientID is its application (client) ID.
	ClientID string
	// PrincipalID is the object ID of its service principal in the tenant,
	// not of the application.
	PrincipalID string
}

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *WorkloadIdentityArgs) Validate(later ...string) error {
	p := check.Of("azure.WorkloadIdentity", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	labels.Azure.Check(p, args.owner(), args.Tags)
	p.GUID("tenantId", args.TenantID, "the customer's tenant ID")
	family.Check(p, args.children(), args.Children)
	switch sources := args.sources(); {
	case len(sources) != 1:
		p.Add("identity", "%q: want exactly one of name, existing and application", sources)
	case args.Application != nil:
		p.GUID("application.clientId", args.Application.ClientID, "the application (client) ID")
		p.GUID("application.principalId", args.Application.PrincipalID, "its service principal's object ID")
		if args.Application.ClientID == args.Application.PrincipalID {
			p.Add("application.principalId", "%q: is the client ID: want the object ID of the service principal, `az ad sp show --id %s --query id`",
				args.Application.PrincipalID, args.Application.ClientID)
		}
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
		p.PublicIssuer(key+"issuer", s.Issuer, "the issuer that the cluster has once its OIDC issuer is turned on (AKS: `az aks update --enable-oidc-issuer`)")
		s.account().Validate(p, key)
		if s.Name == childIdentity {
			p.Add(key+"name", "%q: want another, the identity has it in the stack", s.Name)
		}
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

// Children of a WorkloadIdentity: azure-native:managedidentity:UserAssignedIdentity,
// and by the name of its subject each FederatedIdentityCredential.
const childIdentity = "identity"

func (args *WorkloadIdentityArgs) children() []string {
	var children []string
	if args.Name != "" {
		children = append(children, childIdentity)
	}
	if args.Application == nil {
		for _, s := range args.Subjects {
			children = append(children, s.Name)
		}
	}
	return children
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
	found := args.Found
	if found == nil {
		var err error
		if found, err = args.LookUp(ctx, opts...); err != nil {
			return nil, err
		}
	}
	component := &WorkloadIdentity{}
	inputs := pulumi.Map{
		"tenantId": pulumi.String(args.TenantID),
		"subjects": pulumi.ToStringArray(claims(args.Subjects)),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:azure:WorkloadIdentity", name, inputs, component, opts...); err != nil {
		return nil, err
	}

	children := family.Of(name, component, args.children(), args.Children)
	identity, err := newIdentity(ctx, children, args, found.existing)
	if err != nil {
		return nil, err
	}
	credentials := []pulumi.Resource{}
	if args.Application == nil {
		if credentials, err = newCredentials(ctx, name, children, args, identity.name); err != nil {
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
	component.WaitFor = credentials
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

// Found is what a look-up found.
type Found struct {
	// existing is the identity that is used as it is; nil where one is made.
	existing *managedidentity.LookupUserAssignedIdentityResult
}

// LookUp finds an existing identity. It refuses to make one whose name is taken by an
// identity that is not this customer's and product's, before anything is registered.
// One that a child takes over by Import is not looked up.
func (args *WorkloadIdentityArgs) LookUp(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (*Found, error) {
	options, err := lookup.Options[*azurenative.Provider](opts)
	if err != nil {
		return nil, err
	}
	p := check.Of("azure.WorkloadIdentity")
	request := &managedidentity.LookupUserAssignedIdentityArgs{ResourceGroupName: args.ResourceGroup, ResourceName: args.Existing + args.Name}
	switch {
	case args.Existing != "":
		existing, err := managedidentity.LookupUserAssignedIdentity(ctx, request, options...)
		if err != nil {
			p.Add("existing", "%q of group %q: %s", args.Existing, args.ResourceGroup, err)
			return nil, p.Err()
		}
		return &Found{existing}, nil
	case args.Name != "" && args.Children[childIdentity].Import == "":
		var found managedidentity.LookupUserAssignedIdentityResult
		if lookup.Exists(ctx, "azure-native:managedidentity:getUserAssignedIdentity", request, &found, options) &&
			found.Id != "" && !args.owner().Owns(found.Tags) {
			p.Add("name", "%q: exists already in group %q and is not of customer %s and product %s: want another name, existing in place of name, or to adopt it",
				args.Name, args.ResourceGroup, args.Customer, args.Product)
		}
	}
	return &Found{}, p.Err()
}

func newIdentity(
	ctx *pulumi.Context, children *family.Family, args *WorkloadIdentityArgs,
	existing *managedidentity.LookupUserAssignedIdentityResult,
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
		created, err := managedidentity.NewUserAssignedIdentity(ctx, children.Name(childIdentity), &managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: pulumi.String(args.ResourceGroup),
			ResourceName:      pulumi.String(args.Name),
			Location:          optional(args.Location),
			Tags:              pulumi.ToStringMap(args.owner().Cloud(args.Tags)),
		}, children.Options(childIdentity,
			// One of another name is made before the old one goes. The provider would
			// delete first, and with it replace whatever has the client ID, such as the
			// refresher's Job, before the vendor knows the new identity.
			pulumi.DeleteBeforeReplace(false))...)
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
