package azure

import (
	"cmp"
	"slices"

	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/settle"
	"waybill.example/waybill/components/subject"
)

// maxCredentials is Entra's limit of federated identity credentials for one
// identity (docs/facts.md §2).
const maxCredentials = 20

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

// newCredentials registers one credential for each subject, each after the one
// before it: Entra refuses concurrent writes on one identity. A replacement
// deletes first, since issuer and subject are unique. What the chain cannot
// order, two of its members removed at once, is tried again, and so is one that
// Azure refuses because it does not know the new identity yet. The component has one
// hook for all of them: the deletion of one that the program no longer has is tried
// again as well, by the hook's name in the state.
func newCredentials(ctx *pulumi.Context, component string, children *family.Family, args *WorkloadIdentityArgs, identityName pulumi.StringInput) ([]pulumi.Resource, error) {
	audience := cmp.Or(args.Cloud.ExchangeAudience, Public.ExchangeAudience)
	settles := settle.Option(ctx, component, settle.Azure)
	var chain []pulumi.Resource
	for _, s := range args.Subjects {
		opts := []pulumi.ResourceOption{
			pulumi.DeleteBeforeReplace(true),
			settles,
		}
		if len(chain) > 0 {
			opts = append(opts, pulumi.DependsOn(slices.Clone(chain[len(chain)-1:])))
		}
		credential, err := managedidentity.NewFederatedIdentityCredential(ctx, children.Name(s.Name), &managedidentity.FederatedIdentityCredentialArgs{
			ResourceGroupName:                       pulumi.String(args.ResourceGroup),
			ResourceName:                            identityName,
			FederatedIdentityCredentialResourceName: pulumi.String(s.Name),
			Issuer:                                  pulumi.String(s.Issuer),
			Subject:                                 pulumi.String(s.Claim()),
			Audiences:                               pulumi.ToStringArray([]string{audience}),
		}, children.Options(s.Name, opts...)...)
		if err != nil {
			return nil, err
		}
		chain = append(chain, credential)
	}
	return chain, nil
}
