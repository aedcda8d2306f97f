package aws

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/optional"
	"waybill.example/waybill/components/internal/policy"
)

const (
	scheme = "https://"
	// oidcProvider stands before the issuer in the provider's ARN.
	oidcProvider = "oidc-provider/"
	// maxIssuer is the length of a provider's URL
	// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html).
	maxIssuer = 255
)

// IRSA trusts a ServiceAccount's token directly, through the IAM OIDC provider
// of the cluster's issuer (docs/facts.md §4). It works on EKS with nodes and
// with Fargate, and on any other cluster whose issuer IAM can ask for its keys.
// Exactly one of Issuer and ProviderARN is set.
type IRSA struct {
	// Issuer is the cluster's OIDC issuer exactly as in its tokens, with its slash
	// at the end where they have one: on EKS https://oidc.eks.REGION.SUFFIX/id/ID.
	Issuer string
	// Foreign is true where the cluster is not of the role's account: of EKS, it
	// may be in any Region.
	Foreign bool
	// ProviderARN is the OIDC provider's, instead of the issuer that it names.
	ProviderARN string
	// Existing is false where the account's OIDC provider for Issuer is to be
	// made; default: true, and its audiences must hold TokenAudience. An account
	// has one provider for each issuer, which usually came with the cluster.
	Existing *bool
	// Protect keeps a provider that was made when the stack lets go of it, in an
	// update or with everything else; default: true. Other roles may have come to
	// trust the cluster through it. A stack that makes it again takes it over.
	Protect *bool
	// Shared is true where another role of the same program makes the provider: it
	// is neither made nor looked up. The role depends on that one.
	Shared bool
}

func (t IRSA) existing() bool { return optional.Or(t.Existing, true) }

// makes says whether the role brings the provider along.
func (t IRSA) makes() bool { return !t.existing() && !t.Shared }

// issuer is the issuer without its scheme, as IAM names it.
func (t IRSA) issuer() string {
	if t.ProviderARN != "" {
		return strings.TrimPrefix(parseARN(t.ProviderARN).resource, oidcProvider)
	}
	return strings.TrimPrefix(t.Issuer, scheme)
}

func (t IRSA) providerARN(s trusted) string { return s.site.iamARN(oidcProvider + t.issuer()) }

func (t IRSA) validate(p *check.Problems, s trusted) {
	if t.Protect != nil && t.existing() {
		p.Add("trust.protect", "%t: want it with existing false only", *t.Protect)
	}
	switch {
	case t.Issuer == "" && t.ProviderARN == "":
		p.Add("trust.issuer", `"": want the cluster's OIDC issuer, or the provider's ARN`)
		return
	case t.Issuer != "" && t.ProviderARN != "":
		p.Add("trust.providerArn", "%q: want it or issuer %q, not both", t.ProviderARN, t.Issuer)
		return
	case t.ProviderARN != "" && !t.existing():
		p.Add("trust.providerArn", "%q: want the issuer instead, to make its provider", t.ProviderARN)
		return
	case t.ProviderARN != "":
		// The same characters as an issuer's, so that none is a wildcard.
		if !check.IsIssuer(scheme+t.issuer()) || strings.Contains(t.issuer(), ":") || s.site.sound() && t.ProviderARN != t.providerARN(s) {
			p.Add("trust.providerArn", "%q: want the ARN of an OIDC provider of the role's account, %s", t.ProviderARN, s.site.iamARN(oidcProvider+"ISSUER"))
		}
	default:
		t.checkIssuer(p)
		if !t.Foreign {
			t.checkRegion(p, s.site)
		}
	}
	if n := len(scheme + t.issuer()); n > maxIssuer {
		p.Add("trust.issuer", "has %d characters: want at most %d", n, maxIssuer)
	}
}

// CheckIssuer reports an issuer that IAM cannot trust, whoever's role it is for.
func (t IRSA) CheckIssuer() error {
	p := check.Of("aws.IRSA")
	t.checkIssuer(p)
	return p.Err()
}

// checkIssuer wants an issuer that IAM can ask: it fetches the keys from the
// internet, from a host with a public certificate, and takes no upload of them
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html).
func (t IRSA) checkIssuer(p *check.Problems) {
	if strings.HasPrefix(t.Issuer, scheme) && strings.Contains(t.issuer(), ":") {
		p.Add("trust.issuer", "%q: want one without a port, which IAM does not take", t.Issuer)
		return
	}
	p.PublicIssuer("trust.issuer", t.Issuer, "an issuer that IAM can ask for its keys")
}

// clusterIssuer is the issuer of an EKS cluster
// (https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html).
var clusterIssuer = regexp.MustCompile(`^https://oidc(?:\.eks\.([a-z0-9-]+)\.(amazonaws\.[a-z.]+)|-eks\.([a-z0-9-]+)\.api\.[a-z.]+)/id/`)

// checkRegion refuses the issuer of an EKS cluster that is elsewhere.
func (t IRSA) checkRegion(p *check.Problems, s site) {
	parts := clusterIssuer.FindStringSubmatch(t.Issuer)
	if parts == nil || !s.sound() {
		return
	}
	region, suffix := parts[1]+parts[3], parts[2]
	switch {
	case region != s.region:
		p.Add("trust.issuer", "%q: is of a cluster in %s: want one in %s, the cluster's Region", t.Issuer, region, s.region)
	case suffix != "" && suffix != s.partition.Suffix:
		p.Add("trust.issuer", "%q: ends its host in %s: want %s, as the partition %s has it", t.Issuer, suffix, s.partition.Suffix, s.partition.Name)
	}
}

func (t IRSA) document(s trusted) policy.Document {
	return policy.Of(policy.Statement{
		Principal: &policy.Principal{Federated: policy.Set{t.providerARN(s)}},
		Action:    policy.Set{"sts:AssumeRoleWithWebIdentity"},
		Condition: policy.Condition{"StringEquals": {
			t.issuer() + ":aud": {TokenAudience},
			t.issuer() + ":sub": {s.String()},
		}},
	})
}

func (t IRSA) children() []string {
	if !t.makes() {
		return nil
	}
	return []string{childProvider}
}

func (t IRSA) lookUp(ctx *pulumi.Context, p *check.Problems, s trusted, opts []pulumi.InvokeOption) (kept string) {
	if t.Shared {
		return ""
	}
	arn := t.providerARN(s)
	provider, err := iam.LookupOpenIdConnectProvider(ctx, &iam.LookupOpenIdConnectProviderArgs{Arn: &arn}, opts...)
	switch {
	case !t.existing() && err != nil: // there is none
	case !t.existing() && s.owner.Owns(provider.Tags):
		return arn
	case !t.existing():
		p.Add("trust.existing", "false: the account has OIDC provider %q already, and its tags are not this customer's and product's: "+
			"want true, for others may trust the cluster through it", arn)
	case err != nil:
		p.Add("trust.existing", "true: OIDC provider %q: %s", arn, err)
	case !slices.Contains(provider.ClientIdLists, TokenAudience):
		p.Add("trust.existing", "true: OIDC provider %q accepts the audiences %q: want %s among them; add it with "+
			"`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn %s --client-id %[3]s`",
			arn, provider.ClientIdLists, TokenAudience, arn)
	}
	return ""
}

func (t IRSA) before(ctx *pulumi.Context, children *family.Family, s trusted) ([]pulumi.Resource, error) {
	if !t.makes() {
		return nil, nil
	}
	options := []pulumi.ResourceOption{pulumi.RetainOnDelete(optional.Or(t.Protect, true))}
	if s.kept != "" {
		options = append(options, pulumi.Import(pulumi.ID(s.kept)))
	}
	provider, err := iam.NewOpenIdConnectProvider(ctx, children.Name(childProvider), &iam.OpenIdConnectProviderArgs{
		Url:           pulumi.String(t.Issuer),
		ClientIdLists: pulumi.ToStringArray([]string{TokenAudience}),
		Tags:          pulumi.ToStringMap(s.tags),
	}, children.Options(childProvider, options...)...)
	if err != nil {
		return nil, err
	}
	return []pulumi.Resource{provider}, nil
}

func (t IRSA) after(*pulumi.Context, *family.Family, trusted, *iam.Role) ([]pulumi.CustomResource, error) {
	return nil, nil
}
