package stacks

import (
	"errors"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/kubernetes"
)

// clusterSide is what runs in the cluster of one environment: the pull secret
// with its refresher, where no node pulls by itself, and the product.
type clusterSide struct {
	environment
	s *settings
	// pull is nil where nodes pull.
	pull      *kubernetes.PullSecretArgs
	workloads []*kubernetes.WorkloadArgs // in the order of s.workloadsOf

	provider pulumi.ProviderResource
	existing *kubernetes.ExistingNamespace
}

// granted is what the vendor's half gives one environment.
type granted struct {
	// source is where the refresher's token comes from; nil where nodes pull.
	source kubernetes.TokenSource
	// registry is the host that the refresher's token is for.
	registry pulumi.StringInput
	// after is what the chain needs; its values run the first refresh again.
	after pulumi.Array
	// resources is what pods wait for where nodes pull.
	resources []pulumi.Resource
	// image gives the reference of an image by its path in the repository.
	image func(path string) pulumi.StringOutput
}

// newClusterSide plans an environment; what comes from elsewhere is pending. The
// source decides what is checked.
func newClusterSide(s *settings, e environment, source kubernetes.TokenSource) *clusterSide {
	pending := pulumi.String("pending")
	c := &clusterSide{environment: e, s: s}
	if source != nil {
		c.pull = pullSecretArgs(s, e)
		c.pull.Source, c.pull.Registry = source, pending
	}
	for _, w := range s.workloadsOf(e) {
		args := workloadArgs(s, e, w)
		args.Namespace, args.Image = pending, pending
		if source != nil {
			args.PullSecret = pending
		}
		c.workloads = append(c.workloads, args)
	}
	return c
}

func (c *clusterSide) validate() error {
	var problems []error
	if c.pull != nil {
		problems = append(problems, c.pull.Validate())
	}
	for _, w := range c.workloads {
		problems = append(problems, w.Validate())
	}
	return errors.Join(problems...)
}

// lookUp registers the cluster's provider and finds the namespace where it is
// there already.
func (c *clusterSide) lookUp(ctx *pulumi.Context) (err error) {
	if c.provider, err = newKubernetesProvider(ctx, c.s, c.environment); err != nil {
		return err
	}
	c.existing, err = findNamespace(ctx, c.Kubernetes.Namespace, c.provider)
	return err
}

// register registers the environment and gives its outputs. A nil grant means
// that the stack waits for it: the pull secret stays empty, and nothing runs
// that would need it. Without a refresher the namespace is all there is then.
func (c *clusterSide) register(ctx *pulumi.Context, grant *granted, identities map[string]cloudIdentity) (pulumi.Map, error) {
	shown := pulumi.Map{}
	if c.named() {
		shown["context"] = pulumi.String(c.Kubernetes.Context)
	}
	var after []pulumi.Resource
	var namespace pulumi.StringInput
	var pull *kubernetes.PullSecret
	if c.pull == nil {
		made, err := kubernetes.NewNamespace(ctx, "namespace"+c.suffix(), &kubernetes.NamespaceArgs{
			Customer: c.s.Slug, Product: c.s.Product.Name, Name: c.Kubernetes.Namespace.Name, Existing: c.existing,
		}, pulumi.Providers(c.provider))
		if err != nil {
			return nil, err
		}
		namespace = made.Name
		if grant != nil {
			after = grant.resources
		}
	} else {
		c.pull.Existing = c.existing
		if c.pull.Waiting = grant == nil; grant != nil {
			c.pull.Source, c.pull.Registry, c.pull.After = grant.source, grant.registry, grant.after
		}
		var err error
		if pull, err = kubernetes.NewPullSecret(ctx, "pull"+c.suffix(), c.pull, pulumi.Providers(c.provider)); err != nil {
			return nil, err
		}
		namespace, after = pull.Namespace, []pulumi.Resource{pull.FirstRefresh}
		shown["pullSecret"] = pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName)
		if grant != nil && c.s.kind() != kindAmazon {
			shown["credentialConfig"] = pull.CredentialConfig
		}
	}
	if grant == nil {
		return shown, nil
	}
	for i, w := range c.s.workloadsOf(c.environment) {
		args := c.workloads[i]
		own := identities[trustName(c.s.Product, c.environment, w)]
		args.Namespace, args.After, args.Identity = namespace, append(slices.Clone(after), own.ready...), own.identity
		args.Image = grant.image(c.product.reference(c.s.imagePath(w)))
		if pull != nil {
			args.PullSecret = pull.SecretName
			if i == 0 { // one image is enough to try a token on
				args.ImageConfigMap, args.ImageResource = pull.ImageConfigMap, "workload"+c.suffix()+"-image"
			}
		}
		workload, err := kubernetes.NewWorkload(ctx, w.resourceName(c.environment), args, pulumi.Providers(c.provider))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			shown["image"], shown["service"] = args.Image, workload.Service
		}
		if w.Component != "" {
			services, _ := shown["services"].(pulumi.Map)
			if services == nil {
				services = pulumi.Map{}
				shown["services"] = services
			}
			services[w.Component] = workload.Service
		}
	}
	return shown, nil
}

// exportEnvironments exports what each environment shows: as the stack's own
// outputs where there is only the default one.
func exportEnvironments(ctx *pulumi.Context, sides []*clusterSide, shown []pulumi.Map) {
	environments := pulumi.Map{}
	for i, side := range sides {
		if side.named() {
			environments[side.Name] = shown[i]
			continue
		}
		for name, value := range shown[i] {
			ctx.Export(name, value)
		}
	}
	if len(environments) > 0 {
		ctx.Export("environments", environments)
	}
}
