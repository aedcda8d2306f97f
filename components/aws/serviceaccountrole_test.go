package aws_test

import (
	"fmt"
	"strings"
	"testing"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/tests/recorder"
)

const (
	issuer  = "https://oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A"
	cluster = "arn:aws:eks:" + region + ":" + customer + ":cluster/apps"
	lookUp  = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
)

func repository() *aws.RepositoryRef {
	return &aws.RepositoryRef{Account: vendor, Region: "us-east-1", Name: "acme/shop"}
}

func roleArguments(trust aws.Trust) *aws.ServiceAccountRoleArgs {
	return &aws.ServiceAccountRoleArgs{
		Customer: "acme", Product: "shop", Account: customer, Region: region, Trust: trust,
		Namespace: "shop", ServiceAccount: "shop-refresher", Pull: repository(),
	}
}

// accounts is a recorder whose account has the cluster's OIDC provider.
func accounts(preview bool, audiences ...any) *recorder.Recorder {
	return &recorder.Recorder{Preview: preview, Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
		lookUp: func(in resource.PropertyMap) (resource.PropertyMap, error) {
			arn := in["arn"].StringValue()
			return resource.NewPropertyMapFromMap(map[string]any{"id": arn, "arn": arn, "clientIdLists": audiences, "url": issuer, "thumbprintLists": []any{}}), nil
		},
	}}
}

func role(t *testing.T, args *aws.ServiceAccountRoleArgs, preview bool) *recorder.Recorder {
	t.Helper()
	r := accounts(preview, "sts.amazonaws.com")
	if trust, ok := args.Trust.(aws.IRSA); ok && trust.Existing != nil {
		delete(r.Functions, lookUp) // an account without any
	}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		_, err := aws.NewServiceAccountRole(ctx, "one", args)
		return err
	}))
	return r
}

func TestIRSATrustsOneServiceAccountOfOneCluster(t *testing.T) {
	for _, trust := range []aws.IRSA{
		{Issuer: issuer},
		{Issuer: issuer, Existing: &no},
		{ProviderARN: "arn:aws:iam::222233334444:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A"},
	} {
		for _, preview := range []bool{false, true} {
			assert.Equal(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",`+
				`"Principal":{"Federated":"arn:aws:iam::222233334444:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A"},`+
				`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{`+
				`"oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A:aud":"sts.amazonaws.com",`+
				`"oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A:sub":"system:serviceaccount:shop:shop-refresher"}}}]}`,
				role(t, roleArguments(trust), preview).Named("one-role").Text("assumeRolePolicy"))
		}
	}
}

func TestPodIdentityTrustsOneServiceAccountOfOneCluster(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := role(t, roleArguments(aws.PodIdentity{ClusterARN: cluster}), preview)
		assert.Equal(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},`+
			`"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{`+
			`"aws:RequestTag/eks-cluster-arn":"arn:aws:eks:eu-central-1:222233334444:cluster/apps",`+
			`"aws:RequestTag/kubernetes-namespace":"shop","aws:RequestTag/kubernetes-service-account":"shop-refresher",`+
			`"aws:SourceAccount":"222233334444"}}}]}`, r.Named("one-role").Text("assumeRolePolicy"))
		association := r.Named("one-association")
		assert.Equal(t, "apps", association.Text("clusterName"))
		assert.Equal(t, "shop", association.Text("namespace"))
		assert.Equal(t, "shop-refresher", association.Text("serviceAccount"))
		if !preview {
			assert.Equal(t, "arn:aws:iam::222233334444:role/acme--shop-pull", association.Text("roleArn"))
		}
		assert.Empty(t, r.Of("OpenIdConnectProvider"))
	}
}

func TestTheRoleMayReadTheOneRepository(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := role(t, roleArguments(aws.IRSA{Issuer: issuer}), preview)
		require.Len(t, r.Of("Policy"), 1)
		managed := r.Named("one-role-policy")
		assert.Equal(t, "acme--shop-pull", managed.Text("name"))
		assert.Equal(t, `{"Version":"2012-10-17","Statement":[`+
			`{"Sid":"Token","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},`+
			`{"Sid":"Pull","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],`+
			`"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/acme/shop"}]}`, managed.Text("policy"))
		attachment := r.Named("one-role-policy-attachment")
		assert.Equal(t, "acme--shop-pull", attachment.Text("role"))
		if !preview {
			assert.Equal(t, "arn:aws:iam::222233334444:policy/acme--shop-pull", attachment.Text("policyArn"))
		}
	}
}

func TestARoleIsMadeAsItsSettingsSay(t *testing.T) {
	args := roleArguments(aws.PodIdentity{ClusterARN: cluster})
	args.Role = aws.Role{
		Name: "ShopPull", Path: "/vendors/shop/", MaxSessionSeconds: 7200, Inline: true,
		PermissionsBoundary: "arn:aws:iam::" + customer + ":policy/boundary",
	}
	args.Tags = map[string]string{"team": "platform"}
	r := role(t, args, false)
	made := r.Named("one-role")
	assert.Equal(t, "ShopPull", made.Text("name"))
	assert.Equal(t, "/vendors/shop/", made.Text("path"))
	assert.InDelta(t, 7200, made.Value("maxSessionDuration").NumberValue(), 0)
	assert.Equal(t, args.Role.PermissionsBoundary, made.Text("permissionsBoundary"))
	assert.Equal(t, "platform", made.Text("tags.team"))
	assert.Equal(t, "arn:aws:iam::222233334444:role/vendors/shop/ShopPull", args.RoleARN(), "the path is a part of it")
	assert.Equal(t, args.RoleARN(), r.Named("one-association").Text("roleArn"))
	assert.Empty(t, r.Of("Policy"))
	assert.Equal(t, "ShopPull", r.Named("one-role-policy").Text("name"))
	assert.Contains(t, r.Named("one-role-policy").Text("policy"), "repository/acme/shop")
}

func TestAWorkloadHasARoleOfItsOwn(t *testing.T) {
	args := roleArguments(aws.PodIdentity{ClusterARN: cluster})
	args.Pull, args.ServiceAccount = nil, "shop"
	args.Policies = []aws.Policy{{Name: "files", Document: `{ "Version": "2012-10-17", "Statement": [] }`}}
	r := role(t, args, false)
	assert.Equal(t, "acme--shop-product", r.Named("one-role").Text("name"))
	require.Len(t, r.Of("Policy"), 1, "nothing of ECR")
	assert.Equal(t, "acme--shop-product-files", r.Named("one-role-policy-files").Text("name"))
	assert.Equal(t, `{"Version":"2012-10-17","Statement":[]}`, r.Named("one-role-policy-files").Text("policy"))
}

func TestTheOIDCProviderIsCreatedWithTheAudienceOfEKS(t *testing.T) {
	r := accounts(false) // an account without any
	delete(r.Functions, lookUp)
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		_, err := aws.NewServiceAccountRole(ctx, "one", roleArguments(aws.IRSA{Issuer: issuer, Existing: &no}))
		return err
	}))
	provider := r.Named("one-provider")
	assert.True(t, provider.RPC.GetRetainOnDelete(), "other roles may trust it too")
	assert.Equal(t, issuer, provider.Text("url"))
	assert.Equal(t, "sts.amazonaws.com", provider.Text("clientIdLists[0]"))
	assert.Contains(t, strings.Join(r.Named("one-role").RPC.GetDependencies(), " "), "OpenIdConnectProvider::one-provider")
}

func TestAnOIDCProviderThatDoesNotFitIsRefusedBeforeAnythingIsRegistered(t *testing.T) {
	for name, c := range map[string]struct {
		recorder *recorder.Recorder
		want     string
	}{
		"another audience": {accounts(false, "vault"), `accepts the audiences ["vault"]: want sts.amazonaws.com among them; add it with ` +
			"`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:aws:iam::222233334444:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A --client-id sts.amazonaws.com`"},
		"no provider": {&recorder.Recorder{Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
			lookUp: func(resource.PropertyMap) (resource.PropertyMap, error) { return nil, fmt.Errorf("NoSuchEntity") },
		}}, "NoSuchEntity"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.recorder.Run(func(ctx *pulumi.Context) error {
				_, err := aws.NewServiceAccountRole(ctx, "one", roleArguments(aws.IRSA{Issuer: issuer}))
				return err
			})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, `aws.ServiceAccountRole: trust.existing true: OIDC provider "arn:aws:iam::222233334444:oidc-provider/`)
			assert.Empty(t, c.recorder.All())
		})
	}
}

// The look-up runs before the component exists, and still with the account that
// the component was given.
func TestTheLookUpUsesTheProviderOfTheComponent(t *testing.T) {
	for name, options := range map[string]func(*pulumiaws.Provider) pulumi.ResourceOption{
		"in a list": func(p *pulumiaws.Provider) pulumi.ResourceOption { return pulumi.Providers(p) },
		"alone":     func(p *pulumiaws.Provider) pulumi.ResourceOption { return pulumi.Provider(p) },
	} {
		t.Run(name, func(t *testing.T) {
			r := &calls{Recorder: accounts(false, "sts.amazonaws.com")}
			require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
				provider, err := pulumiaws.NewProvider(ctx, "customer", &pulumiaws.ProviderArgs{Region: pulumi.String(region)})
				if err != nil {
					return err
				}
				_, err = aws.NewServiceAccountRole(ctx, "one", roleArguments(aws.IRSA{Issuer: issuer}), options(provider))
				return err
			}, pulumi.WithMocks("waybill", "test", r)))
			require.Len(t, r.providers, 2, "one for the OIDC provider, one for the role")
			for _, provider := range r.providers {
				assert.Contains(t, provider, "::customer::")
			}
		})
	}
}

// calls notes with which provider each function is called.
type calls struct {
	*recorder.Recorder
	providers []string
}

func (c *calls) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	c.providers = append(c.providers, args.Provider)
	return c.Recorder.Call(args)
}

func TestBadRolesAreNamed(t *testing.T) {
	trust := func(trust aws.Trust) func(*aws.ServiceAccountRoleArgs) {
		return func(a *aws.ServiceAccountRoleArgs) { a.Trust = trust }
	}
	policies := func(policies ...aws.Policy) func(*aws.ServiceAccountRoleArgs) {
		return func(a *aws.ServiceAccountRoleArgs) { a.Policies = policies }
	}
	document := func(characters int) string {
		frame := `{"Statement":""}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("a", characters-len(frame))+`"`, 1)
	}
	for name, c := range map[string]struct {
		change func(*aws.ServiceAccountRoleArgs)
		want   string
	}{
		"a bad slug":             {func(a *aws.ServiceAccountRoleArgs) { a.Customer = "Acme" }, `customer "Acme": want 3 to 40`},
		"an unquoted account":    {func(a *aws.ServiceAccountRoleArgs) { a.Account, a.Trust = "22223333444", aws.IRSA{Issuer: issuer} }, `account "22223333444": want the role's AWS account, 12 digits`},
		"no Region":              {func(a *aws.ServiceAccountRoleArgs) { a.Region = "" }, `region "": want an AWS Region`},
		"a wildcard namespace":   {func(a *aws.ServiceAccountRoleArgs) { a.Namespace = "*" }, `namespace "*": want a Kubernetes name`},
		"no ServiceAccount":      {func(a *aws.ServiceAccountRoleArgs) { a.ServiceAccount = "" }, `serviceAccount "": want a Kubernetes name`},
		"no trust":               {trust(nil), "trust is missing: want IRSA or PodIdentity"},
		"no issuer":              {trust(aws.IRSA{}), `trust.issuer "": want the cluster's OIDC issuer, or the provider's ARN`},
		"issuer and provider":    {trust(aws.IRSA{Issuer: issuer, ProviderARN: "arn:x"}), `trust.providerArn "arn:x": want it or issuer`},
		"an http issuer":         {trust(aws.IRSA{Issuer: "http:" + strings.TrimPrefix(issuer, "https:")}), "want an https issuer URL"},
		"an issuer with a port":  {trust(aws.IRSA{Issuer: "https://issuer.example:8443/x"}), "want one without a port, which IAM does not take"},
		"a long issuer":          {trust(aws.IRSA{Issuer: "https://issuer.example/" + strings.Repeat("i", 240)}), "trust.issuer has 263 characters: want at most 255"},
		"an existing to create":  {trust(aws.IRSA{ProviderARN: "arn:aws:iam::" + customer + ":oidc-provider/issuer.example", Existing: &no}), "want the issuer instead, to make its provider"},
		"an existing to protect": {trust(aws.IRSA{Issuer: issuer, Protect: &no}), "trust.protect false: want it with existing false only"},
		"a long environment":     {func(a *aws.ServiceAccountRoleArgs) { a.Environment = "production-eu-1" }, `environment "production-eu-1": want 2 to 12`},
		"another's provider":     {trust(aws.IRSA{ProviderARN: "arn:aws:iam::999900001111:oidc-provider/issuer.example"}), "want the ARN of an OIDC provider of the role's account, arn:aws:iam::222233334444:oidc-provider/ISSUER"},
		"a provider's port":      {trust(aws.IRSA{ProviderARN: "arn:aws:iam::" + customer + ":oidc-provider/issuer.example:8443"}), "want the ARN of an OIDC provider of the role's account"},
		"a wildcard provider":    {trust(aws.IRSA{ProviderARN: "arn:aws:iam::" + customer + ":oidc-provider/*"}), "want the ARN of an OIDC provider of the role's account"},
		"a cluster's name":       {trust(aws.PodIdentity{ClusterARN: "apps"}), `trust.clusterArn "apps": want the ARN of an EKS cluster of the role's account and Region, arn:aws:eks:eu-central-1:222233334444:cluster/NAME`},
		"a cluster elsewhere":    {trust(aws.PodIdentity{ClusterARN: strings.Replace(cluster, region, "eu-west-1", 1)}), "want the ARN of an EKS cluster of the role's account and Region"},
		"another's cluster":      {trust(aws.PodIdentity{ClusterARN: strings.Replace(cluster, customer, "999900001111", 1)}), "want the ARN of an EKS cluster of the role's account and Region"},
		"every cluster":          {trust(aws.PodIdentity{ClusterARN: strings.Replace(cluster, "apps", "*", 1)}), "want the ARN of an EKS cluster of the role's account and Region"},
		"nothing to do":          {func(a *aws.ServiceAccountRoleArgs) { a.Pull = nil }, "policies and pull are missing"},
		"a wildcard repository":  {func(a *aws.ServiceAccountRoleArgs) { a.Pull.Name = "acme/*" }, `repository.name "acme/*": want a repository name`},
		"a repository in China":  {func(a *aws.ServiceAccountRoleArgs) { a.Pull.Region = "cn-north-1" }, `repository.region "cn-north-1": is of partition aws-cn: want one of aws, where the role is`},
		"a long role name":       {func(a *aws.ServiceAccountRoleArgs) { a.Role.Name = strings.Repeat("r", 65) }, "has 65 characters: want a role name of at most 64"},
		"a path without a slash": {func(a *aws.ServiceAccountRoleArgs) { a.Role.Path = "/vendors" }, `role.path "/vendors": want one like /division/team/`},
		"a long path":            {func(a *aws.ServiceAccountRoleArgs) { a.Role.Path = "/" + strings.Repeat("p", 511) + "/" }, "at most 512 characters"},
		"another's boundary":     {func(a *aws.ServiceAccountRoleArgs) { a.Role.PermissionsBoundary = "arn:aws:iam::999900001111:policy/x" }, "want a policy's ARN, arn:aws:iam::222233334444:policy/NAME"},
		"a role as boundary":     {func(a *aws.ServiceAccountRoleArgs) { a.Role.PermissionsBoundary = reader }, "want a policy's ARN"},
		"a day's session":        {func(a *aws.ServiceAccountRoleArgs) { a.Role.MaxSessionSeconds = 86400 }, "role.maxSessionSeconds 86400: want 3600 to 43200"},
		"no policy":              {policies(aws.Policy{Name: "files", Document: "allow"}), "role.policies[0].document is no policy: want a JSON object with a Statement"},
		"a policy without name":  {policies(aws.Policy{Document: document(20)}), `role.policies[0].name "": want a name that tells`},
		"a long policy name":     {policies(aws.Policy{Name: strings.Repeat("n", 119), Document: document(20)}), "want a policy name of at most 128"},
		"a repeated policy":      {policies(aws.Policy{Name: "a", Document: document(20)}, aws.Policy{Name: "a", Document: document(20)}), `role.policies[1].name "a": repeats policies[0]`},
		"a long policy":          {policies(aws.Policy{Name: "a", Document: document(6145)}), "role.policies[0].document has 6145 characters: want a managed policy of at most 6144"},
		"too long in all": {func(a *aws.ServiceAccountRoleArgs) {
			a.Role.Inline = true
			a.Policies = []aws.Policy{{Name: "a", Document: document(5000)}, {Name: "b", Document: document(5000)}}
		}, "want a role's inline policies of at most 10240"},
		"eleven policies": {func(a *aws.ServiceAccountRoleArgs) {
			for i := range 10 {
				a.Policies = append(a.Policies, aws.Policy{Name: fmt.Sprint(i), Document: document(20)})
			}
		}, "role.policies 10 given: want at most 10 managed policies of a role"},
	} {
		t.Run(name, func(t *testing.T) {
			args := roleArguments(aws.IRSA{Issuer: issuer})
			c.change(args)
			err := args.Validate()
			require.ErrorContains(t, err, c.want)
			assert.Len(t, strings.Split(err.Error(), "\n"), 1, "one problem is one line: %s", err)
		})
	}
}

func TestABoundaryOfAmazonsOwnIsAccepted(t *testing.T) {
	args := roleArguments(aws.IRSA{Issuer: issuer})
	args.Role.PermissionsBoundary = "arn:aws:iam::aws:policy/PowerUserAccess"
	assert.NoError(t, args.Validate())
}

// Every customer, namespace and account that is accepted makes documents and
// names that AWS accepts.
func TestAcceptedSubjectsFitTheirDocuments(t *testing.T) {
	label := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		args := roleArguments(aws.IRSA{Issuer: "https://" + rapid.StringMatching(`([a-z]([a-z0-9-]{0,20}[a-z])?\.){1,2}com(/[A-Za-z0-9]{0,180})?`).Draw(t, "issuer")})
		if rapid.Bool().Draw(t, "pod identity") {
			args.Trust = aws.PodIdentity{ClusterARN: "arn:aws:eks:" + region + ":" + customer + ":cluster/" + rapid.StringMatching(`[0-9A-Za-z][0-9A-Za-z_-]{0,99}`).Draw(t, "cluster")}
		}
		args.Customer = rapid.StringMatching(`[a-z]([a-z0-9]|-[a-z0-9]){1,19}`).Filter(func(s string) bool { return naming.CheckSlug(s) == nil }).Draw(t, "customer")
		args.Namespace, args.ServiceAccount = label.Draw(t, "namespace"), label.Draw(t, "account")
		require.NoError(t, args.Validate())
		require.Equal(t, "arn:aws:iam::222233334444:role/"+naming.IAMRole.Derive(args.Customer, "shop", "-pull"), args.RoleARN())
		grant := grantArguments()
		grant.RoleARNs = []string{args.RoleARN()}
		require.NoError(t, grant.Validate(), "the vendor accepts what the customer's side makes")
	})
}

func TestARoleThatWaitsTrustsAndMayDoNothing(t *testing.T) {
	args := roleArguments(aws.IRSA{Issuer: issuer})
	known := args.RoleARN()
	args.Pull, args.Waiting = nil, true
	assert.Equal(t, known, args.RoleARN(), "it keeps its name")
	r := role(t, args, false)
	assert.NotEmpty(t, r.Named("one-role").Text("assumeRolePolicy"))
	assert.Empty(t, r.Of("Policy"))
	assert.Empty(t, r.Of("RolePolicyAttachment"))

	args.Pull = repository()
	require.ErrorContains(t, args.Validate(), "waiting and pull are both given")
}

func TestAnEnvironmentEndsTheNameOfItsRole(t *testing.T) {
	args := roleArguments(aws.IRSA{Issuer: issuer})
	args.Environment = "prod"
	assert.True(t, strings.HasSuffix(args.RoleARN(), "/acme--shop-pull--prod"), args.RoleARN())
}

func TestRoleNamesFitAndDiffer(t *testing.T) {
	assert.Equal(t, "app_prod_web", aws.RoleName("app_prod_web"))
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringMatching(`[a-z_-]{1,120}`).Draw(t, "a"), rapid.StringMatching(`[a-z_-]{1,120}`).Draw(t, "b")
		assert.LessOrEqual(t, len(aws.RoleName(a)), 64)
		assert.Equal(t, a == b, aws.RoleName(a) == aws.RoleName(b))
	})
}

// A role of the vendor's trusts a cluster that is nobody's account's: its issuer names
// no Region of the role's, and roles of one cluster share its provider.
func TestARoleTrustsAClusterOutsideItsAccount(t *testing.T) {
	const aks = "https://westeurope.oic.prod-aks.azure.com/3f2b9d54/0b6f3c1d/"
	r := role(t, roleArguments(aws.IRSA{Issuer: aks, Foreign: true, Existing: &no}), false)
	assert.Equal(t, aks, r.Named("one-provider").Text("url"))
	trust := r.Named("one-role").Text("assumeRolePolicy")
	assert.Contains(t, trust, `oidc-provider/westeurope.oic.prod-aks.azure.com/3f2b9d54/0b6f3c1d/"`)
	assert.Contains(t, trust, `"westeurope.oic.prod-aks.azure.com/3f2b9d54/0b6f3c1d/:sub":"system:serviceaccount:shop:shop-refresher"`)

	elsewhere := aws.IRSA{Issuer: strings.Replace(issuer, region, "us-west-2", 1)}
	require.ErrorContains(t, roleArguments(elsewhere).Validate(), "is of a cluster in us-west-2")
	elsewhere.Foreign = true
	require.NoError(t, roleArguments(elsewhere).Validate())

	shared := accounts(false)
	shared.Functions[lookUp] = func(resource.PropertyMap) (resource.PropertyMap, error) {
		assert.Fail(t, "the other role's look-up is enough")
		return nil, nil
	}
	require.NoError(t, shared.Run(newRole(roleArguments(aws.IRSA{Issuer: aks, Foreign: true, Existing: &no, Shared: true}))))
	assert.Empty(t, shared.Of("OpenIdConnectProvider"))
	assert.Equal(t, trust, shared.Named("one-role").Text("assumeRolePolicy"))
}

func TestAnIssuerIsCheckedWithoutARole(t *testing.T) {
	require.NoError(t, aws.IRSA{Issuer: "https://oidc.acme.example/apps"}.CheckIssuer())
	for issuer, want := range map[string]string{
		"https://kubernetes.default.svc":     "no cloud can reach it",
		"https://oidc.acme.example:8443/a":   "want one without a port",
		"https://oidc.acme.example/a?b":      "want an https issuer URL",
		"https://a.example/openid/v1/jwks":   "is a document of an issuer",
		"http://oidc.acme.example/plaintext": "want an https issuer URL",
	} {
		require.ErrorContains(t, aws.IRSA{Issuer: issuer}.CheckIssuer(), want, issuer)
	}
}

// Suspending takes what gives the role its rights, and leaves the rest as it is.
func TestASuspendedRoleMayDoNothing(t *testing.T) {
	for inline, right := range map[bool]string{false: "RolePolicyAttachment", true: "RolePolicy"} {
		args := roleArguments(aws.IRSA{Issuer: issuer})
		args.Role.Inline = inline
		before := role(t, args, false)
		args.Suspended = true
		after := role(t, args, false)
		assert.Len(t, before.Of(right), 1)
		assert.Empty(t, after.Of(right))
		assert.Len(t, after.All(), len(before.All())-1, "nothing else goes")
		assert.Equal(t, before.Named("one-role").Inputs, after.Named("one-role").Inputs)
	}
}
