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
)

// awsChain is what the programs share: the providers, the vendor's side, and
// the product's image.
type awsChain struct {
	ctx          *pulumi.Context
	platform     string
	customer     pulumi.ProviderResource
	grant        *aws.ImageGrant
	image        pulumi.StringOutput
	asked        pulumi.Array
	environments pulumi.Map
	trusts       pulumi.Map
	// ready are what the components' roles need, by trust.
	ready map[string][]pulumi.Resource
}

// newAWSChain grants the roles of each environment the right to read.
func newAWSChain(ctx *pulumi.Context, platform string, sites []Site, readers []string) (*awsChain, error) {
	c := &awsChain{ctx: ctx, platform: platform, environments: pulumi.Map{}, trusts: pulumi.Map{}, ready: map[string][]pulumi.Resource{}}
	vendor, err := awsProvider(ctx, "vendor", AWSVendor)
	if err != nil {
		return nil, err
	}
	if c.customer, err = awsProvider(ctx, "customer", AWSCustomer); err != nil {
		return nil, err
	}
	if c.grant, err = aws.NewImageGrant(ctx, "grant", &aws.ImageGrantArgs{
		Customer: slug, Product: product, Account: AWSVendor, Region: AWSRegion,
		Repository:      aws.Repository{Protect: &no},
		CustomerAccount: AWSCustomer, RoleARNs: readers,
	}, pulumi.Providers(vendor)); err != nil {
		return nil, err
	}
	for i, site := range sites {
		c.asked = append(c.asked, pulumi.Map{
			"name": pulumi.String(site.Environment), "roleArns": pulumi.ToStringArray(readers[i : i+1]),
		})
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
func (c *awsChain) export() {
	request := document("accessRequest", c.platform)
	request["account"], request["region"] = pulumi.String(AWSCustomer), pulumi.String(AWSRegion)
	request["environments"] = c.asked
	c.ctx.Export("accessRequest", request)
	grant := document("accessGrant", c.platform)
	grant["account"], grant["region"] = pulumi.String(AWSVendor), pulumi.String(AWSRegion)
	grant["registry"], grant["repository"] = c.grant.RegistryHost, c.grant.Repository
	c.ctx.Export("accessGrant", grant)
	c.ctx.Export("workloadTrusts", c.trusts)
	c.ctx.Export("environments", c.environments)
}

// EKSWithIRSA lets refreshers pull by IAM roles that trust their clusters'
// issuers. The account must have the clusters' OIDC providers already.
func EKSWithIRSA(sites ...Site) pulumi.RunFunc {
	return eksWithRefreshers(sites,
		func(site Site) aws.Trust { return aws.IRSA{Issuer: site.Issuer} },
		func(role kubernetes.ECRRole) kubernetes.TokenSource { return kubernetes.IRSASource{ECRRole: role} })
}

// EKSWithPodIdentity lets refreshers pull by IAM roles that trust EKS Pod
// Identity.
func EKSWithPodIdentity(sites ...Site) pulumi.RunFunc {
	return eksWithRefreshers(sites,
		func(site Site) aws.Trust {
			return aws.PodIdentity{ClusterARN: "arn:aws:eks:" + AWSRegion + ":" + AWSCustomer + ":cluster/" + site.Context}
		},
		func(role kubernetes.ECRRole) kubernetes.TokenSource {
			return kubernetes.PodIdentitySource{ECRRole: role}
		})
}

// eksWithRefreshers takes how a cluster's ServiceAccounts become roles.
func eksWithRefreshers(sites []Site, trust func(site Site) aws.Trust, source func(kubernetes.ECRRole) kubernetes.TokenSource) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		var roles []*aws.ServiceAccountRoleArgs
		var readers []string
		for _, site := range sites {
			args := &aws.ServiceAccountRoleArgs{
				Customer: slug, Product: product, Environment: site.Environment, Account: AWSCustomer, Region: AWSRegion, Trust: trust(site),
				Namespace: site.Namespace, ServiceAccount: kubernetes.RefresherServiceAccount(product),
				Pull: &aws.RepositoryRef{Account: AWSVendor, Region: AWSRegion, Name: repository},
				Role: aws.Role{Path: "/images/"},
			}
			roles, readers = append(roles, args), append(readers, args.RoleARN())
		}
		c, err := newAWSChain(ctx, "eks", sites, readers)
		if err != nil {
			return err
		}
		for i, site := range sites {
			role, err := aws.NewServiceAccountRole(ctx, "role-"+site.Environment, roles[i], pulumi.Providers(c.customer))
			if err != nil {
				return err
			}
			for _, component := range site.Workloads {
				if err := c.trust(site, component, trust(site)); err != nil {
					return err
				}
			}
			if err := c.refresh(site, role, source(kubernetes.ECRRole{RoleARN: role.RoleARN, Region: AWSRegion})); err != nil {
				return err
			}
		}
		c.export()
		return nil
	}
}

// refresh runs the refresher and the product of an environment.
func (c *awsChain) refresh(site Site, role *aws.ServiceAccountRole, source kubernetes.TokenSource) error {
	cluster, err := pulumikubernetes.NewProvider(c.ctx, "cluster-"+site.Environment, &pulumikubernetes.ProviderArgs{Context: pulumi.String(site.Context)})
	if err != nil {
		return err
	}
	impatient := time.Second
	pull, err := kubernetes.NewPullSecret(c.ctx, "pull-"+site.Environment, &kubernetes.PullSecretArgs{
		Customer: slug, Product: product, Namespace: site.Namespace, ProtectNamespace: &no, Source: source, Registry: c.grant.RegistryHost,
		Images:    pulumi.StringArray{c.image},
		Refresher: kubernetes.Refresher{Image: AWSRefresher, Propagation: &impatient},
		After:     pulumi.Array{c.grant.Ready, role.Ready},
	}, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	var service pulumi.StringInput
	for _, component := range append([]string{""}, site.Workloads...) {
		args := &kubernetes.WorkloadArgs{
			Customer: slug, Product: product, Component: component, Namespace: pull.Namespace, PullSecret: pull.SecretName,
			Image: c.image, After: append([]pulumi.Resource{pull.FirstRefresh}, c.ready[site.trust(component)]...), Port: 8080,
		}
		name := "workload-" + site.Environment
		if component != "" {
			name += "-" + component
		}
		workload, err := kubernetes.NewWorkload(c.ctx, name, args, pulumi.Providers(cluster))
		if err != nil {
			return err
		}
		if component == "" {
			service = workload.Service
		}
	}
	c.environments[site.Environment] = pulumi.Map{
		"context": pulumi.String(site.Context), "image": c.image, "service": service,
		"pullSecret": pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName),
	}
	return nil
}

// trust makes the role of a component.
func (c *awsChain) trust(site Site, component string, trust aws.Trust) error {
	account := kubernetes.WorkloadServiceAccount(product, component)
	role, err := aws.NewServiceAccountRole(c.ctx, "role-"+site.Environment+"-"+component, &aws.ServiceAccountRoleArgs{
		Customer: slug, Product: product, Account: AWSCustomer, Region: AWSRegion, Trust: trust,
		Namespace: site.Namespace, ServiceAccount: account,
		Role: aws.Role{Name: product + "-" + site.Environment + "-" + component},
		Policies: []aws.Policy{{Name: "queue", Document: `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", ` +
			`"Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:` + AWSRegion + `:` + AWSCustomer + `:queue"}]}`}},
	}, pulumi.Providers(c.customer))
	if err != nil {
		return err
	}
	c.ready[site.trust(component)] = role.WaitFor
	c.trusts[site.trust(component)] = pulumi.Map{
		"roleArn": role.RoleARN, "subject": pulumi.String("system:serviceaccount:" + site.Namespace + ":" + account),
	}
	return nil
}

// ECS lets the tasks' execution role pull.
func ECS(ctx *pulumi.Context) error { return ecs(ctx, false) }

// FirstECS is ECS before an update of it has succeeded.
func FirstECS(ctx *pulumi.Context) error { return ecs(ctx, true) }

func ecs(ctx *pulumi.Context, first bool) error {
	args := &aws.ServiceArgs{
		Customer: slug, Product: product, Account: AWSCustomer, Region: AWSRegion,
		Cluster: pulumi.String(AWSCluster), Tag: AWSTag, Port: 8080,
		Repository: aws.RepositoryRef{Account: AWSVendor, Region: AWSRegion, Name: repository},
		Network: aws.Network{
			Subnets: pulumi.ToStringArray([]string{AWSSubnet}), SecurityGroups: pulumi.ToStringArray([]string{AWSGroup}),
		},
		First: first,
	}
	c, err := newAWSChain(ctx, "ecs", nil, []string{args.ExecutionRoleARN()})
	if err != nil {
		return err
	}
	args.After = []pulumi.Resource{c.grant}
	_, err = aws.NewService(ctx, "service", args, pulumi.Providers(c.customer))
	return err
}

// IRSARole is the role that a cluster's refresher becomes, alone; makes says whether
// it makes the account's OIDC provider for the cluster, or uses the one that is there.
func IRSARole(makes bool) pulumi.RunFunc {
	existing := !makes
	trust := aws.IRSA{Issuer: AWSIssuer, Existing: &existing}
	return func(ctx *pulumi.Context) error {
		customer, err := awsProvider(ctx, "customer", AWSCustomer)
		if err != nil {
			return err
		}
		_, err = aws.NewServiceAccountRole(ctx, "role", &aws.ServiceAccountRoleArgs{
			Customer: slug, Product: product, Account: AWSCustomer, Region: AWSRegion, Trust: trust,
			Namespace: AWSNamespace, ServiceAccount: kubernetes.RefresherServiceAccount(product),
			Pull: &aws.RepositoryRef{Account: AWSVendor, Region: AWSRegion, Name: repository},
		}, pulumi.Providers(customer))
		return err
	}
}
