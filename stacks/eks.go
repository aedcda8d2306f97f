package stacks

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
)

// eks composes the chain of a customer on EKS:
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
	if err := e.lookUp(ctx); err != nil {
		return err
	}
	grant, err := registerECRGrant(ctx, s, e.grant, e.vendor)
	if err != nil {
		return err
	}
	if s.customers() {
		if err := e.registerClusters(ctx, grant); err != nil {
			return err
		}
	}
	return exportWaiting(ctx, s)
}

// eksChain is the customer's environments and the vendor's grant on their way
// into components.
type eksChain struct {
	s *settings
	// grant is nil on the customer's side.
	grant        *aws.ImageGrantArgs
	environments []*eksEnvironment

	vendor, customer pulumi.ProviderResource
}

// eksEnvironment is one environment's part of the customer's side.
type eksEnvironment struct {
	environment
	// role is nil where the node pulls.
	role    *aws.ServiceAccountRoleArgs
	cluster *clusterSide
	// workloads are the roles of workloads with an identity of their own.
	workloads []eksWorkload
}

type eksWorkload struct {
	trust workloadTrust
	role  *aws.ServiceAccountRoleArgs
}

func newEKS(s *settings) *eksChain {
	c := &eksChain{s: s, grant: ecrGrantArgs(s)}
	if !s.customers() {
		return c
	}
	trusts := s.workloadTrusts()
	for _, e := range s.environments() {
		env := &eksEnvironment{environment: e}
		var source kubernetes.TokenSource
		if !s.nodesPull() {
			env.role = pullRoleArgs(s, e)
			source = eksSource(s, pulumi.String("pending"))
		}
		env.cluster = newClusterSide(s, e, source)
		for _, t := range trusts {
			if t.environment.Name == e.Name {
				env.workloads = append(env.workloads, eksWorkload{t, workloadRoleArgs(s, t)})
			}
		}
		c.environments = append(c.environments, env)
	}
	return c
}

// pullRoleArgs are those of the role that an environment's refresher becomes.
// Its ARN is known before it exists, so that neither side waits for the other.
func pullRoleArgs(s *settings, e environment) *aws.ServiceAccountRoleArgs {
	args := &aws.ServiceAccountRoleArgs{
		Customer: s.Slug, Product: s.Product.Name, Environment: e.ownName(),
		Account: s.AWS.Customer.Account, Region: s.AWS.Customer.Region,
		Trust:          eksTrust(s, e, e.Cluster.Issuer),
		Namespace:      e.Kubernetes.Namespace.Name,
		ServiceAccount: kubernetes.RefresherServiceAccount(s.Product.Name),
		Role:           aws.Role(s.EKS.Role),
	}
	if args.Role.Name != "" {
		args.Role.Name += e.suffix()
	}
	repository, known := s.vendorRepository()
	if args.Waiting = !known; known {
		args.Pull = &repository
	}
	return args
}

// workloadRoleArgs are those of the role that a workload becomes.
func workloadRoleArgs(s *settings, t workloadTrust) *aws.ServiceAccountRoleArgs {
	return &aws.ServiceAccountRoleArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: s.AWS.Customer.Account, Region: s.AWS.Customer.Region,
		Trust:          eksTrust(s, t.environment, t.environment.Cluster.Issuer),
		Namespace:      t.environment.Kubernetes.Namespace.Name,
		ServiceAccount: t.account(s.Product),
		Policies:       policiesOf(t.workload.Workload),
		Role: aws.Role{
			Name: aws.RoleName(s.Slug + "_" + t.name), Path: s.EKS.Role.Path,
			PermissionsBoundary: s.EKS.Role.PermissionsBoundary, MaxSessionSeconds: s.EKS.Role.MaxSessionSeconds, Inline: s.EKS.Role.Inline,
		},
	}
}

func eksTrust(s *settings, e environment, issuer string) aws.Trust {
	if s.EKS.Trust == podIdentity {
		return aws.PodIdentity{ClusterARN: clusterARN(s.AWS.Customer, e.Cluster.Name)}
	}
	if issuer == "" { // looked up later
		issuer = "https://looked.up/id/PENDING"
	}
	existing := !s.EKS.CreateProvider
	return aws.IRSA{Issuer: issuer, Existing: &existing}
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

func eksSource(s *settings, role pulumi.StringInput) kubernetes.TokenSource {
	ecrRole := kubernetes.ECRRole{RoleARN: role, Region: s.AWS.Customer.Region}
	if s.EKS.Trust == podIdentity {
		return kubernetes.PodIdentitySource{ECRRole: ecrRole}
	}
	return kubernetes.IRSASource{ECRRole: ecrRole}
}

func (c *eksChain) validate() error {
	var problems []error
	if c.grant != nil {
		problems = append(problems, c.grant.Validate())
	}
	for _, e := range c.environments {
		if e.role != nil {
			problems = append(problems, e.role.Validate())
		}
		problems = append(problems, e.cluster.validate())
		for _, w := range e.workloads {
			problems = append(problems, w.role.Validate())
		}
	}
	return errors.Join(problems...)
}

// lookUp registers the providers and finds what exists already: the issuers of
// clusters that are named, where IRSA needs them, and the namespaces.
func (c *eksChain) lookUp(ctx *pulumi.Context) (err error) {
	s := c.s
	if s.vendors() {
		if c.vendor, err = newAWSProvider(ctx, "aws-vendor", s.AWS.Vendor.AWSSite); err != nil {
			return err
		}
	}
	if !s.customers() {
		return nil
	}
	if c.customer, err = newAWSProvider(ctx, "aws-customer", s.AWS.Customer); err != nil {
		return err
	}
	for _, e := range c.environments {
		if err := e.cluster.lookUp(ctx); err != nil {
			return err
		}
		needed := e.role != nil || len(e.workloads) > 0
		if !needed || s.EKS.Trust != irsaTrust || e.Cluster.Name == "" {
			continue
		}
		issuer, err := eksIssuer(ctx, e.Cluster.Name, c.customer)
		if err != nil {
			return err
		}
		if e.role != nil {
			e.role.Trust = eksTrust(s, e.environment, issuer)
		}
		for _, w := range e.workloads {
			w.role.Trust = eksTrust(s, e.environment, issuer)
		}
	}
	return nil
}

// eksIssuer asks EKS for a cluster's OIDC issuer. The function is called by its
// token: docs/facts.md §6 has the cost of its SDK.
func eksIssuer(ctx *pulumi.Context, name string, provider pulumi.ProviderResource) (string, error) {
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
		return "", fmt.Errorf("eks.cluster.name %q: %w", name, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].OIDCs) == 0 {
		return "", fmt.Errorf("eks.cluster.name %q: has no OIDC issuer", name)
	}
	return found.Identities[0].OIDCs[0].Issuer, nil
}

// registerClusters registers the customer's half: the roles, and what runs in
// the clusters.
func (c *eksChain) registerClusters(ctx *pulumi.Context, grant *ecrGrant) error {
	s := c.s
	sides, shown, trusts := []*clusterSide{}, []pulumi.Map{}, pulumi.Map{}
	for _, e := range c.environments {
		granted := grant.granted()
		if e.role != nil {
			role, err := aws.NewServiceAccountRole(ctx, "role"+e.suffix(), e.role, pulumi.Providers(c.customer))
			if err != nil {
				return err
			}
			if granted != nil {
				granted.source = eksSource(s, role.RoleARN)
				granted.after = append(pulumi.Array{role.Ready}, granted.after...)
			}
		}
		identities := map[string]cloudIdentity{}
		for _, w := range e.workloads {
			role, err := aws.NewServiceAccountRole(ctx, "role-"+w.trust.name, w.role, pulumi.Providers(c.customer))
			if err != nil {
				return err
			}
			own := cloudIdentity{ready: []pulumi.Resource{role}}
			if s.EKS.Trust == irsaTrust {
				own.identity = kubernetes.IRSAIdentity{RoleARN: role.RoleARN}
			}
			identities[w.trust.name] = own
			trusts[w.trust.name] = pulumi.Map{"roleArn": role.RoleARN, "subject": pulumi.String(w.trust.claim(s.Product))}
		}
		outputs, err := e.cluster.register(ctx, granted, identities)
		if err != nil {
			return err
		}
		sides, shown = append(sides, e.cluster), append(shown, outputs)
	}
	if len(trusts) > 0 {
		ctx.Export(workloadTrustsName, trusts)
	}
	exportEnvironments(ctx, sides, shown)
	return nil
}
