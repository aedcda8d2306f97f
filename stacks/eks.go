package stacks

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
)

// eks composes both sides for a customer on EKS:
//
//	refresher's ServiceAccount token → IAM role (IRSA or Pod Identity)
//	    → vendor's ECR → pull secret → the product's pods
//
// or, with eks.pull nodeRole, where the vendor accepts that every pod of a node
// may pull:
//
//	node's role → vendor's ECR → the product's pods
func eks(ctx *pulumi.Context, s *settings) error {
	e := newEKS(s)
	if err := e.validate(); err != nil {
		return refusal(ctx, err)
	}
	vendor, err := newAWSProvider(ctx, "aws-vendor", s.AWS.Vendor.AWSSite)
	if err != nil {
		return err
	}
	customer, err := newAWSProvider(ctx, "aws-customer", s.AWS.Customer)
	if err != nil {
		return err
	}
	cluster, err := newKubernetesProvider(ctx, s)
	if err != nil {
		return err
	}
	if err := e.lookUp(ctx, customer); err != nil {
		return err
	}
	existing, err := findNamespace(ctx, s.Kubernetes.Namespace, cluster)
	if err != nil {
		return err
	}

	grant, err := aws.NewImageGrant(ctx, "ecr", e.grant, pulumi.Providers(vendor))
	if err != nil {
		return err
	}
	image := pulumi.Sprintf("%s/%s", grant.RegistryHost, s.Product.reference(e.grant.Reference().Name))
	e.workload.Image = image
	reader := pulumi.String(e.grant.RoleARNs[0]).ToStringOutput()
	if e.pull == nil {
		namespace, err := kubernetes.NewNamespace(ctx, "namespace", &kubernetes.NamespaceArgs{
			Customer: s.Slug, Product: s.Product.Name, Name: s.Kubernetes.Namespace.Name, Existing: existing,
		}, pulumi.Providers(cluster))
		if err != nil {
			return err
		}
		e.workload.Namespace = namespace.Name
		e.workload.After = []pulumi.Resource{grant}
	} else {
		role, err := aws.NewServiceAccountRole(ctx, "role", e.role, pulumi.Providers(customer))
		if err != nil {
			return err
		}
		reader = role.RoleARN
		e.pull.Existing = existing
		e.pull.Source = e.source(role.RoleARN)
		e.pull.After = pulumi.Array{role.Ready, grant.Ready}
		pull, err := kubernetes.NewPullSecret(ctx, "pull", e.pull, pulumi.Providers(cluster))
		if err != nil {
			return err
		}
		e.workload.Namespace, e.workload.PullSecret = pull.Namespace, pull.SecretName
		e.workload.ImageConfigMap = pull.ImageConfigMap
		e.workload.After = []pulumi.Resource{pull.FirstRefresh}
		ctx.Export("pullSecret", pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName))
	}
	workload, err := kubernetes.NewWorkload(ctx, "workload", e.workload, pulumi.Providers(cluster))
	if err != nil {
		return err
	}
	exportAWS(ctx, s, grant, reader)
	ctx.Export("image", image)
	ctx.Export("service", workload.Service)
	return nil
}

// exportAWS exports the access request and the access grant of both platforms
// on AWS.
func exportAWS(ctx *pulumi.Context, s *settings, grant *aws.ImageGrant, role pulumi.StringOutput) {
	ctx.Export("accessRequest", pulumi.Map{
		"customer": pulumi.String(s.Slug),
		"platform": pulumi.String(s.Platform),
		"account":  pulumi.String(s.AWS.Customer.Account),
		"region":   pulumi.String(s.AWS.Customer.Region),
		"roleArn":  role,
	})
	ctx.Export("accessGrant", pulumi.Map{
		"customer":   pulumi.String(s.Slug),
		"platform":   pulumi.String(s.Platform),
		"account":    pulumi.String(s.AWS.Vendor.Account),
		"region":     pulumi.String(s.AWS.Vendor.Region),
		"registry":   grant.RegistryHost,
		"repository": grant.Repository,
	})
}

// eksArgs are the arguments of the components; role and pull are nil where the
// node pulls.
type eksArgs struct {
	s        *settings
	grant    *aws.ImageGrantArgs
	role     *aws.ServiceAccountRoleArgs
	pull     *kubernetes.PullSecretArgs
	workload *kubernetes.WorkloadArgs
}

func newEKS(s *settings) *eksArgs {
	pending := pulumi.String("pending")
	e := &eksArgs{s: s, grant: ecrGrantArgs(s), workload: workloadArgs(s)}
	e.workload.Namespace, e.workload.Image = pending, pending
	if s.EKS.Pull == nodeRoleMode {
		e.grant.RoleARNs = s.EKS.NodeRoles
		return e
	}
	repository := e.grant.Reference()
	e.role = &aws.ServiceAccountRoleArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: s.AWS.Customer.Account, Region: s.AWS.Customer.Region,
		Trust:          e.trust(s.EKS.Cluster.Issuer),
		Namespace:      s.Kubernetes.Namespace.Name,
		ServiceAccount: kubernetes.RefresherServiceAccount(s.Product.Name),
		Pull:           &repository,
		Role:           aws.Role(s.EKS.Role),
	}
	// The role's ARN is known before the role exists, so that neither side
	// waits for the other.
	e.grant.RoleARNs = []string{e.role.RoleARN()}
	e.pull = pullSecretArgs(s)
	e.pull.Source = e.source(pending)
	e.workload.PullSecret = pending
	return e
}

func (e *eksArgs) trust(issuer string) aws.Trust {
	site := e.s.AWS.Customer
	if e.s.EKS.Trust == podIdentity {
		return aws.PodIdentity{ClusterARN: clusterARN(site, e.s.EKS.Cluster.Name)}
	}
	if issuer == "" { // looked up later
		issuer = "https://looked.up/id/PENDING"
	}
	return aws.IRSA{Issuer: issuer, CreateProvider: e.s.EKS.CreateProvider}
}

// clusterARN is empty for a Region that no partition knows, which the
// component refuses.
func clusterARN(site AWSSite, name string) string {
	partition, err := aws.PartitionOf(site.Region)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", partition.Name, site.Region, site.Account, name)
}

func (e *eksArgs) source(role pulumi.StringInput) kubernetes.TokenSource {
	ecrRole := kubernetes.ECRRole{RoleARN: role, Region: e.s.AWS.Customer.Region}
	if e.s.EKS.Trust == podIdentity {
		return kubernetes.PodIdentitySource{ECRRole: ecrRole}
	}
	return kubernetes.IRSASource{ECRRole: ecrRole}
}

func (e *eksArgs) validate() error {
	problems := []error{e.grant.Validate(), e.workload.Validate()}
	if e.pull != nil {
		problems = append(problems, e.role.Validate(), e.pull.Validate())
	}
	return errors.Join(problems...)
}

// lookUp finds the issuer of a cluster that is named, where IRSA needs it. The
// function is called by its token: docs/facts.md §6 has the cost of its SDK.
func (e *eksArgs) lookUp(ctx *pulumi.Context, provider pulumi.ProviderResource) error {
	name := e.s.EKS.Cluster.Name
	if e.role == nil || e.s.EKS.Trust != irsaTrust || name == "" {
		return nil
	}
	var found struct {
		Identities []struct {
			OIDCs []struct {
				Issuer string `pulumi:"issuer"`
			} `pulumi:"oidcs"`
		} `pulumi:"identities"`
	}
	args := struct {
		Name string `pulumi:"name"`
	}{name}
	if err := ctx.Invoke("aws:eks/getCluster:getCluster", &args, &found, pulumi.Provider(provider)); err != nil {
		return fmt.Errorf("eks.cluster.name %q: %w", name, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].OIDCs) == 0 {
		return fmt.Errorf("eks.cluster.name %q: has no OIDC issuer", name)
	}
	e.role.Trust = e.trust(found.Identities[0].OIDCs[0].Issuer)
	return nil
}
