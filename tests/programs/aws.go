package programs

import (
	"time"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	pulumikubernetes "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
)

// What the programs on AWS deploy to: the accounts, the cluster and the network
// of a world that a test writes.
const (
	AWSVendor    = "111122223333"
	AWSCustomer  = "444455556666"
	AWSRegion    = "eu-central-1"
	AWSCluster   = "orchard"
	AWSNamespace = "press"
	AWSIssuer    = "https://oidc.eks." + AWSRegion + ".amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
	AWSNodeRole  = "arn:aws:iam::" + AWSCustomer + ":role/eks/orchard-nodes"
	AWSSubnet    = "subnet-0123456789abcdef0"
	AWSGroup     = "sg-0123456789abcdef0"
	AWSRefresher = "registry.waybill.example/waybill/refresher:0.1.0"
	AWSTag       = "1.0"

	awsSlug    = "orchard"
	awsProduct = "press"
)

// awsChain is what the programs share: the providers, the vendor's side, and
// the product's image.
type awsChain struct {
	ctx              *pulumi.Context
	customer         pulumi.ProviderResource
	grant            *aws.ImageGrant
	image            pulumi.StringOutput
	platform, reader string
}

// newAWSChain grants one role the right to read.
func newAWSChain(ctx *pulumi.Context, platform, reader string) (*awsChain, error) {
	c := &awsChain{ctx: ctx, platform: platform, reader: reader}
	vendor, err := awsProvider(ctx, "vendor", AWSVendor)
	if err != nil {
		return nil, err
	}
	if c.customer, err = awsProvider(ctx, "customer", AWSCustomer); err != nil {
		return nil, err
	}
	if c.grant, err = aws.NewImageGrant(ctx, "grant", &aws.ImageGrantArgs{
		Customer: awsSlug, Product: awsProduct, Account: AWSVendor, Region: AWSRegion,
		Repository:      aws.Repository{Unprotected: true},
		CustomerAccount: AWSCustomer, RoleARNs: []string{reader},
	}, pulumi.Providers(vendor)); err != nil {
		return nil, err
	}
	c.image = pulumi.Sprintf("%s/%s:%s", c.grant.RegistryHost, c.grant.Repository, AWSTag)
	return c, nil
}

func awsProvider(ctx *pulumi.Context, name, account string) (*pulumiaws.Provider, error) {
	return pulumiaws.NewProvider(ctx, name, &pulumiaws.ProviderArgs{
		Region: pulumi.String(AWSRegion), AllowedAccountIds: pulumi.ToStringArray([]string{account}),
	})
}

// export says what a rehearsal needs to know.
func (c *awsChain) export(service pulumi.StringInput) {
	c.ctx.Export("accessRequest", pulumi.Map{
		"customer": pulumi.String(awsSlug), "platform": pulumi.String(c.platform), "account": pulumi.String(AWSCustomer),
		"region": pulumi.String(AWSRegion), "roleArn": pulumi.String(c.reader),
	})
	c.ctx.Export("accessGrant", pulumi.Map{
		"customer": pulumi.String(awsSlug), "platform": pulumi.String(c.platform), "account": pulumi.String(AWSVendor),
		"region": pulumi.String(AWSRegion), "registry": c.grant.RegistryHost, "repository": c.grant.Repository,
	})
	c.ctx.Export("image", c.image)
	c.ctx.Export("service", service)
}

func awsClusterProvider(ctx *pulumi.Context) (*pulumikubernetes.Provider, error) {
	return pulumikubernetes.NewProvider(ctx, "cluster", &pulumikubernetes.ProviderArgs{Context: pulumi.String(AWSCluster)})
}

// EKSWithIRSA lets a refresher pull by an IAM role that trusts the cluster's
// issuer.
func EKSWithIRSA(ctx *pulumi.Context) error {
	return eksWithRefresher(ctx, aws.IRSA{Issuer: AWSIssuer, CreateProvider: true},
		func(role kubernetes.ECRRole) kubernetes.TokenSource { return kubernetes.IRSASource{ECRRole: role} })
}

// EKSWithPodIdentity lets a refresher pull by an IAM role that trusts EKS Pod
// Identity.
func EKSWithPodIdentity(ctx *pulumi.Context) error {
	return eksWithRefresher(ctx, aws.PodIdentity{ClusterARN: "arn:aws:eks:" + AWSRegion + ":" + AWSCustomer + ":cluster/" + AWSCluster},
		func(role kubernetes.ECRRole) kubernetes.TokenSource {
			return kubernetes.PodIdentitySource{ECRRole: role}
		})
}

func eksWithRefresher(ctx *pulumi.Context, trust aws.Trust, source func(kubernetes.ECRRole) kubernetes.TokenSource) error {
	args := &aws.ServiceAccountRoleArgs{
		Customer: awsSlug, Product: awsProduct, Account: AWSCustomer, Region: AWSRegion, Trust: trust,
		Namespace: AWSNamespace, ServiceAccount: kubernetes.RefresherServiceAccount(awsProduct),
		Pull: &aws.RepositoryRef{Account: AWSVendor, Region: AWSRegion, Name: awsSlug},
		Role: aws.Role{Path: "/images/"},
	}
	c, err := newAWSChain(ctx, "eks", args.RoleARN())
	if err != nil {
		return err
	}
	cluster, err := awsClusterProvider(ctx)
	if err != nil {
		return err
	}
	role, err := aws.NewServiceAccountRole(ctx, "role", args, pulumi.Providers(c.customer))
	if err != nil {
		return err
	}
	impatient := time.Duration(0)
	pull, err := kubernetes.NewPullSecret(ctx, "pull", &kubernetes.PullSecretArgs{
		Customer: awsSlug, Product: awsProduct, Namespace: AWSNamespace,
		Source:    source(kubernetes.ECRRole{RoleARN: role.RoleARN, Region: AWSRegion}),
		Refresher: kubernetes.Refresher{Image: AWSRefresher, Propagation: &impatient},
		After:     pulumi.Array{c.grant.Ready, role.Ready},
	}, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	workload, err := kubernetes.NewWorkload(ctx, "workload", &kubernetes.WorkloadArgs{
		Customer: awsSlug, Product: awsProduct, Namespace: pull.Namespace, PullSecret: pull.SecretName, ImageConfigMap: pull.ImageConfigMap,
		Image: c.image, After: []pulumi.Resource{pull.FirstRefresh}, Port: 8080,
	}, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	c.export(workload.Service)
	ctx.Export("pullSecret", pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName))
	return nil
}

// EKSWithNodeRole lets the cluster's nodes pull by themselves.
func EKSWithNodeRole(ctx *pulumi.Context) error {
	c, err := newAWSChain(ctx, "eks", AWSNodeRole)
	if err != nil {
		return err
	}
	cluster, err := awsClusterProvider(ctx)
	if err != nil {
		return err
	}
	namespace, err := kubernetes.NewNamespace(ctx, "namespace", &kubernetes.NamespaceArgs{
		Customer: awsSlug, Product: awsProduct, Name: AWSNamespace,
	}, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	workload, err := kubernetes.NewWorkload(ctx, "workload", &kubernetes.WorkloadArgs{
		Customer: awsSlug, Product: awsProduct, Namespace: namespace.Name,
		Image: c.image, After: []pulumi.Resource{c.grant}, Port: 8080,
	}, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	c.export(workload.Service)
	return nil
}

// ECS lets the tasks' execution role pull.
func ECS(ctx *pulumi.Context) error {
	args := &aws.ServiceArgs{
		Customer: awsSlug, Product: awsProduct, Account: AWSCustomer, Region: AWSRegion,
		Cluster: pulumi.String(AWSCluster), Tag: AWSTag, Port: 8080,
		Repository: aws.RepositoryRef{Account: AWSVendor, Region: AWSRegion, Name: awsSlug},
		Network: aws.Network{
			Subnets: pulumi.ToStringArray([]string{AWSSubnet}), SecurityGroups: pulumi.ToStringArray([]string{AWSGroup}),
		},
	}
	c, err := newAWSChain(ctx, "ecs", args.ExecutionRoleARN())
	if err != nil {
		return err
	}
	args.After = []pulumi.Resource{c.grant}
	service, err := aws.NewService(ctx, "service", args, pulumi.Providers(c.customer))
	if err != nil {
		return err
	}
	c.export(service.ServiceARN)
	ctx.Export("logGroup", service.LogGroup)
	return nil
}
