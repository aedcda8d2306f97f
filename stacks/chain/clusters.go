package chain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/components/subject"
	"waybill.example/waybill/stacks/config"
)

// What the customer's half reads where the product runs in clusters, and what it
// reads besides where a refresher keeps a pull secret fresh.
var (
	onClusters = config.Reads{
		Needs: []string{"environments.*.cluster.context"},
		Uses: append(workloadKeys(
			append(slices.Clone(podKeys), "replicas", "autoscaled", "servicePort", "liveness", "readiness", "command", "args", "env",
				"writable", "maxUnavailable", "spreadOver", "selector")...),
			"product.port", "product.tag", "product.digest", "product.healthPath", "product.configPath", "environments.*.cluster.id",
			"environments.*.namespace...", "environments.*.product...", "environments.*.replicas", "environments.*.proxy...", "labels...",
			"workloads.*.component", "workloads.*.port", "workloads.*.healthPath", "workloads.*.environments..."),
	}
	withRefresher = config.Reads{
		Needs: []string{"refresher.image"},
		Uses:  []string{"refresher...", "pullSecretOnly", "environments.*.pullSecret", "environments.*.pullSecretAlsoIn...", "environments.*.egressPorts...", "environments.*.networkPolicy"},
	}
	// podKeys are what a cluster asks of pods.
	podKeys = []string{
		"labels", "annotations", "nodeSelector", "tolerations", "priorityClass", "pullSecrets", "user", "group", "platformIds", "resources",
	}
)

// workloadKeys are keys of the one workload, and of each of several.
func workloadKeys(keys ...string) []string {
	var all []string
	for _, key := range keys {
		all = append(all, "workload."+key+"...", "workloads.*."+key+"...")
	}
	return all
}

// pull is how a chain's refreshers, or its nodes, come to read the registry.
type pull interface {
	check(problems *config.Problems)
	validate(e *config.Environment, problems *config.Problems)
	// puller is who pulls in an environment, as far as it is known before anything
	// is registered.
	puller(e *config.Environment) puller
	// identify registers who pulls in an environment.
	identify(ctx *pulumi.Context, e *config.Environment) (puller, error)
	// source is where an environment's refresher gets its token; what a grant says
	// is left out of it while there is none. Nil where nodes pull by themselves.
	source(e *config.Environment, who puller, g *grant) kubernetes.TokenSource
	// image is the path of a component's image below the registry's host.
	image(g *grant, w config.Component) pulumi.StringInput
}

// cloud is the cloud under the customer's clusters.
type cloud interface {
	check(problems *config.Problems)
	validate(problems *config.Problems)
	// connect registers the explicit provider.
	connect(ctx *pulumi.Context) error
	// find looks a cluster's issuer up where it is needed and not configured.
	find(ctx *pulumi.Context, e *config.Environment) error
	// issuer is a cluster's, configured or found; empty before it is found.
	issuer(e *config.Environment) string
	// identities registers what workloads become that have an identity of their
	// own, by the names of their trusts.
	identities(ctx *pulumi.Context) (map[string]cloudIdentity, error)
}

// issuers are those that were looked up, by environment.
type issuers map[string]string

// issuer is a cluster's, configured or looked up; empty before it is.
func (i issuers) issuer(e *config.Environment) string {
	return cmp.Or(e.Cluster.Issuer, i[e.Name])
}

// cloudIdentity is what one workload becomes.
type cloudIdentity struct {
	// identity is nil where no annotation is needed.
	identity kubernetes.Identity
	// ready is waited for before the workload starts.
	ready []pulumi.Resource
}

// clusters is the customer's half of every chain on Kubernetes: in each environment
// the pull secret with its refresher, where no node pulls by itself, and the product.
type clusters struct {
	s      *config.Settings
	cloud  cloud
	pull   pull
	places []*place
}

// place is one environment's cluster and namespace.
type place struct {
	*config.Environment
	provider pulumi.ProviderResource
	// existing is the namespace where it is somebody else's.
	existing *kubernetes.ExistingNamespace
	who      puller
}

func newClusters(s *config.Settings, cloud cloud, pull pull) *clusters {
	c := &clusters{s: s, cloud: cloud, pull: pull}
	for _, e := range s.Sorted() {
		c.places = append(c.places, &place{Environment: e})
	}
	return c
}

// refresherOf is an environment's refresher as its tokens name it.
func refresherOf(s *config.Settings, e *config.Environment) subject.ServiceAccount {
	return subject.ServiceAccount{Namespace: e.Namespace.Name, Name: kubernetes.RefresherServiceAccount(s.Product.Name)}
}

func (c *clusters) check(problems *config.Problems) {
	s := c.s
	c.checkProduct(problems)
	seen := map[string]string{}
	for _, e := range s.Sorted() {
		if e.Namespace.WaivePodSecurity && !e.Namespace.Existing {
			problems.Add(e.Key("namespace.waivePodSecurity"), "true: want it for an existing namespace only; a created one enforces it")
		}
		if e.Namespace.Existing && e.Namespace.Protect != nil {
			problems.Add(e.Key("namespace.protect"), "and existing: want no protection of somebody else's namespace")
		}
		for _, namespace := range append([]string{e.Namespace.Name}, e.PullSecretAlsoIn...) {
			at := e.Cluster.Context + " " + namespace
			if first, taken := seen[at]; taken && first != e.Name && e.Cluster.Context != "" {
				problems.Add("environments."+e.Name, "has the context %s and namespace %s of environments.%s", e.Cluster.Context, namespace, first)
			}
			seen[at] = e.Name
		}
		if len(s.WorkloadsIn(e)) == 0 && !s.PullSecretOnly {
			problems.Add("environments."+e.Name, "runs no workload: want one at least, on whose image a token is tried")
		}
	}
	c.checkWorkloads(problems)
	c.cloud.check(problems)
	c.pull.check(problems)
}

// checkProduct wants what is needed of the product that runs, and nothing of one that
// is somebody else's to run.
func (c *clusters) checkProduct(problems *config.Problems) {
	s := c.s
	for i := range s.Refresher.Images {
		s.ExactlyOne(problems, fmt.Sprintf("refresher.images[%d]", i), "tag", "digest")
	}
	if !s.PullSecretOnly {
		s.Need(problems, "product.port")
		s.ExactlyOne(problems, "product", "tag", "digest")
		return
	}
	unread := []string{"workload", "workloads", "product.port", "product.healthPath", "product.configPath"}
	if len(s.Refresher.Images) > 0 {
		unread = append(unread, "product.tag", "product.digest")
	} else {
		s.ExactlyOne(problems, "product", "tag", "digest")
	}
	for _, e := range s.Sorted() {
		unread = append(unread, e.Key("replicas"), e.Key("proxy.product"))
		if len(s.Refresher.Images) > 0 {
			unread = append(unread, e.Key("product"))
		}
	}
	for _, key := range unread {
		if s.Given[key] {
			problems.Refuse(key, "and pullSecretOnly, with which nothing reads it: want one of them")
		}
	}
}

func (c *clusters) checkWorkloads(problems *config.Problems) {
	names := map[string]string{}
	for _, w := range c.s.Workloads {
		for _, e := range c.s.Sorted() {
			if !w.RunsIn(e) {
				continue
			}
			name := workloadName(e, w)
			if other, taken := names[name]; taken {
				problems.Add(w.Key+".component", "%q: with the environment it makes the same names as %s", w.Component, other)
			}
			names[name] = w.Key
		}
	}
}

// workloadName is the name of a component's Workload in the stack.
func workloadName(e *config.Environment, w config.Component) string {
	name := "workload" + e.Suffix()
	if w.Component != "" {
		name += "-" + w.Component
	}
	return name
}

func (c *clusters) pullers() pullers {
	all := pullers{}
	for _, p := range c.places {
		all[p.Name] = c.pull.puller(p.Environment)
	}
	return all
}

func (c *clusters) validate(problems *config.Problems) {
	c.cloud.validate(problems)
	for _, p := range c.places {
		c.pull.validate(p.Environment, problems)
		if args := c.pullSecretArgs(p, nil); args.Source != nil {
			args.Waiting = false // what is known of the source is checked
			problems.Component(args.Validate(fromTheGrant...), c.pullSecretKeys(p))
		}
		for _, w := range c.s.WorkloadsIn(p.Environment) {
			problems.Component(c.workloadArgs(p, w).Validate("namespace", "image"), c.workloadKeys(p, w))
		}
	}
}

// fromTheGrant are arguments of a pull secret that the vendor's half or an identity
// gives.
var fromTheGrant = []string{
	"registry", "images", "source.projectNumber", "source.pool", "source.provider", "source.serviceAccount", "source.clientId", "source.roleArn",
}

// lookUp finds the namespaces, then the issuers: while the cloud is asked, a
// provider that cannot be configured has the time to say so.
func (c *clusters) lookUp(ctx *pulumi.Context) (err error) {
	if err := c.cloud.connect(ctx); err != nil {
		return err
	}
	for _, p := range c.places {
		if p.provider, err = newKubernetesProvider(ctx, c.s, p.Environment); err != nil {
			return err
		}
		if err := c.readCluster(ctx, p); err != nil {
			return err
		}
		if err := c.cloud.find(ctx, p.Environment); err != nil {
			return err
		}
	}
	return nil
}

// readCluster reads what has to be in an environment's cluster. A suspension reads
// nothing: it has to work where the cluster is out of reach.
func (c *clusters) readCluster(ctx *pulumi.Context, p *place) (err error) {
	if c.s.Suspended {
		if p.Namespace.Existing {
			p.existing = kubernetes.KnownNamespace(p.Namespace.Name)
		}
		return nil
	}
	if id := p.Cluster.ID; id != "" {
		if err := kubernetes.CheckCluster(ctx, "cluster"+p.Suffix(), id, pulumi.Provider(p.provider)); err != nil {
			return config.Named(err, config.Keys{"id": p.Key("cluster.id")})
		}
	}
	if p.Namespace.Existing {
		p.existing, err = kubernetes.FindNamespace(ctx, p.Namespace.Name+"-namespace"+p.Suffix(), p.Namespace.Name,
			p.Namespace.WaivePodSecurity, pulumi.Provider(p.provider))
		if err != nil {
			return config.Named(err, c.namespaceKeys(p))
		}
	}
	for _, namespace := range p.PullSecretAlsoIn {
		// None of the refresher's pods run there.
		if _, err := kubernetes.FindNamespace(ctx, namespace+"-namespace"+p.Suffix(), namespace, true, pulumi.Provider(p.provider)); err != nil {
			return config.Named(err, config.Keys{"name": p.Key("pullSecretAlsoIn")})
		}
	}
	return nil
}

func (c *clusters) identify(ctx *pulumi.Context) (pullers, error) {
	all := pullers{}
	for _, p := range c.places {
		who, err := c.pull.identify(ctx, p.Environment)
		if err != nil {
			return nil, err
		}
		p.who, all[p.Name] = who, who
	}
	return all, nil
}

// deploy registers what runs in each environment and exports what it shows: as the
// stack's own outputs for the default one.
func (c *clusters) deploy(ctx *pulumi.Context, g *grant) error {
	identities, err := c.cloud.identities(ctx)
	if err != nil {
		return err
	}
	environments := pulumi.Map{}
	for _, p := range c.places {
		shown, err := c.register(ctx, p, g.in(p.Environment), identities)
		if err != nil {
			return err
		}
		if p.Own() != "" {
			shown["context"] = pulumi.String(p.Cluster.Context)
			environments[p.Name] = shown
			continue
		}
		for name, value := range shown {
			ctx.Export(name, value)
		}
	}
	if len(environments) > 0 {
		ctx.Export("environments", environments)
	}
	return nil
}

// register registers an environment and gives its outputs. Without a grant the pull
// secret stays empty, and nothing runs that would need it; without a refresher the
// namespace is all there is then.
func (c *clusters) register(ctx *pulumi.Context, p *place, g *grant, identities map[string]cloudIdentity) (pulumi.Map, error) {
	shown := pulumi.Map{}
	pull, namespace, after, err := c.registerPull(ctx, p, g, shown)
	if err != nil || g == nil {
		return shown, err
	}
	services := pulumi.Map{}
	images := c.images(p, g)
	for i, w := range c.s.WorkloadsIn(p.Environment) {
		args := c.workloadArgs(p, w)
		own := identities[trustName(c.s, p.Environment, w)]
		args.Namespace, args.After, args.Identity = namespace, append(slices.Clone(after), own.ready...), own.identity
		args.Image = images[i]
		if pull != nil {
			args.PullSecret = pull.SecretName
		}
		workload, err := kubernetes.NewWorkload(ctx, workloadName(p.Environment, w), args, pulumi.Providers(p.provider))
		if err != nil {
			return nil, config.Named(err, c.workloadKeys(p, w))
		}
		if i == 0 {
			shown["image"], shown["service"] = args.Image, workload.Service
		}
		if w.Component != "" {
			services[w.Component] = workload.Service
			shown["services"] = services
		}
	}
	return shown, nil
}

// registerPull registers the pull secret, or the namespace alone where nodes pull,
// and gives what a workload refers to and waits for.
func (c *clusters) registerPull(ctx *pulumi.Context, p *place, g *grant, shown pulumi.Map) (
	pull *kubernetes.PullSecret, namespace pulumi.StringInput, after []pulumi.Resource, err error,
) {
	args := c.pullSecretArgs(p, g)
	if args.Source == nil {
		made, err := kubernetes.NewNamespace(ctx, "namespace"+p.Suffix(), &kubernetes.NamespaceArgs{
			Customer: c.s.Slug, Product: c.s.Product.Name, Name: p.Namespace.Name, Existing: p.existing, Protect: p.Namespace.Protect,
			ObjectLabels: c.s.Labels,
		}, pulumi.Providers(p.provider))
		if err != nil {
			return nil, nil, nil, config.Named(err, c.namespaceKeys(p))
		}
		if g != nil {
			after = g.resources
		}
		return nil, made.Name, after, nil
	}
	if pull, err = kubernetes.NewPullSecret(ctx, "pull"+p.Suffix(), args, pulumi.Providers(p.provider)); err != nil {
		return nil, nil, nil, config.Named(err, c.pullSecretKeys(p))
	}
	shown["pullSecret"] = pulumi.Sprintf("%s/%s", pull.Namespace, pull.SecretName)
	if pull.CredentialConfig != (pulumi.StringOutput{}) {
		shown["credentialConfig"] = pull.CredentialConfig
	}
	return pull, pull.Namespace, []pulumi.Resource{pull.FirstRefresh}, nil
}

// images are the full references of the components of an environment, in their
// order.
func (c *clusters) images(p *place, g *grant) pulumi.StringArray {
	var all pulumi.StringArray
	for _, w := range c.s.WorkloadsIn(p.Environment) {
		all = append(all, c.reference(g, w, p.Product))
	}
	return all
}

// tried are the full references of what a new token is tried on.
func (c *clusters) tried(p *place, g *grant) pulumi.StringArray {
	images := c.s.Refresher.Images
	if len(images) == 0 && c.s.PullSecretOnly {
		images = []config.TriedImage{{Image: c.s.Product.Image, Release: p.Product}}
	}
	if len(images) == 0 {
		return c.images(p, g)
	}
	var all pulumi.StringArray
	for _, tried := range images {
		all = append(all, c.reference(g, config.Component{Image: tried.Image}, tried.Release))
	}
	return all
}

// reference is an image's full one.
func (c *clusters) reference(g *grant, w config.Component, release config.Release) pulumi.StringOutput {
	return pulumi.All(g.registry, c.pull.image(g, w)).ApplyT(func(v []any) string {
		return image.Reference{Host: v[0].(string), Path: v[1].(string), Tag: release.Tag, Digest: release.Digest}.String()
	}).(pulumi.StringOutput)
}

// pullSecretArgs are an environment's pull secret's arguments; its source is nil
// where nodes pull.
func (c *clusters) pullSecretArgs(p *place, g *grant) *kubernetes.PullSecretArgs {
	r := c.s.Refresher
	args := &kubernetes.PullSecretArgs{
		Customer: c.s.Slug, Product: c.s.Product.Name,
		Namespace:        p.Namespace.Name,
		Existing:         p.existing,
		ProtectNamespace: p.Namespace.Protect,
		Name:             p.PullSecret,
		AlsoIn:           p.PullSecretAlsoIn,
		Source:           c.pull.source(p.Environment, p.who, g),
		Waiting:          g == nil,
		Refresher: kubernetes.Refresher{
			Image:    r.Image,
			Every:    duration(r.Every),
			Deadline: duration(r.Deadline),
			Retries:  r.Retries,
			Probes:   r.Probes,
			Pod:      pod(r.Pod),
		},
		Proxy:           proxy(p.Proxy),
		EgressPorts:     p.EgressPorts,
		NoNetworkPolicy: p.NetworkPolicy != nil && !*p.NetworkPolicy,
		ObjectLabels:    c.s.Labels,
	}
	if r.Propagation != "" {
		propagation := duration(r.Propagation)
		args.Refresher.Propagation = &propagation
	}
	if g != nil {
		args.Registry, args.Images = g.registry, c.tried(p, g)
		args.After = append(slices.Clone(p.who.ready), g.ready[p.Name]...)
	}
	return args
}

// pod is what the cluster asks of pods.
func pod(from config.Pod) kubernetes.Pod {
	to := kubernetes.Pod{
		Labels: from.Labels, Annotations: from.Annotations, NodeSelector: from.NodeSelector, PriorityClass: from.PriorityClass,
		PullSecrets: from.PullSecrets, User: from.User, Group: from.Group, PlatformIDs: from.PlatformIDs,
		Resources: kubernetes.Resources(from.Resources),
	}
	for _, t := range from.Tolerations {
		to.Tolerations = append(to.Tolerations, kubernetes.Toleration(t))
	}
	return to
}

// proxy is the way from a cluster to the internet; nil for a direct one.
func proxy(from *config.Proxy) *kubernetes.Proxy {
	if from == nil {
		return nil
	}
	return &kubernetes.Proxy{
		HTTPS: from.HTTPS, No: from.No, Authority: from.Authority,
		AuthorityConfigMap: from.AuthorityConfigMap.Name, AuthorityKey: from.AuthorityConfigMap.Key,
	}
}

// duration is a duration of the schema's form; 0 for none.
func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}

func (c *clusters) namespaceKeys(p *place) config.Keys {
	return config.Keys{
		"customer": "slug", "product": "product.name", "name": p.Key("namespace.name"), "existing": p.Key("namespace.existing"),
		"protect": p.Key("namespace.protect"),
	}
}

func (c *clusters) pullSecretKeys(p *place) config.Keys {
	return config.Keys{
		"customer": "slug", "product": "product.name", "namespace": p.Key("namespace.name"), "existing": p.Key("namespace.existing"),
		"protectNamespace": p.Key("namespace.protect"), "name": p.Key("pullSecret"), "alsoIn": p.Key("pullSecretAlsoIn"),
		"serviceAccount": "product.name", "refresher": "refresher", "egressPorts": p.Key("egressPorts"),
		"proxy": p.Key("proxy"), "proxy.authorityConfigMap": p.Key("proxy.authorityConfigMap"), "images": "product", "objectLabels": "labels",
		"source": "environments." + p.Name, "source.tenantId": "azure.tenantId", "source.scope": "azure.token.scope",
		"source.region": "aws.customer.region", "registry": "exchange.grant",
	}
}

// workloadArgs are a workload's arguments but for what the pull secret gives.
func (c *clusters) workloadArgs(p *place, w config.Component) *kubernetes.WorkloadArgs {
	args := &kubernetes.WorkloadArgs{
		Customer: c.s.Slug, Product: c.s.Product.Name, Component: w.Component,
		Port:           w.Port,
		ServicePort:    w.ServicePort,
		Replicas:       w.Replicas,
		Autoscaled:     w.Autoscaled,
		Pod:            pod(w.Pod),
		ObjectLabels:   c.s.Labels,
		Liveness:       probe(w.HealthPath, w.Liveness),
		Readiness:      probe(w.HealthPath, w.Readiness),
		Command:        w.Command,
		Arguments:      w.Args,
		Env:            w.Env,
		Config:         c.s.ProductConfig,
		ConfigPath:     c.s.Product.ConfigPath,
		MaxUnavailable: w.MaxUnavailable,
		SpreadOver:     w.SpreadOver,
		Selector:       w.Selector,
	}
	if p.Replicas != nil {
		args.Replicas = p.Replicas
	}
	if p.Proxy != nil && p.Proxy.Product {
		args.Proxy = proxy(p.Proxy)
	}
	for _, mount := range w.Writable {
		args.Writable = append(args.Writable, kubernetes.WritableMount(mount))
	}
	return args
}

func probe(path string, p config.Probe) kubernetes.Probe {
	return kubernetes.Probe{
		Path: path, InitialDelay: p.InitialDelay, Period: p.Period, Timeout: p.Timeout, Failures: p.Failures,
	}
}

func (c *clusters) workloadKeys(p *place, w config.Component) config.Keys {
	key := w.Key + "."
	keys := config.Keys{
		"customer": "slug", "product": "product.name", "config": "waybill:productConfig", "configPath": "product.configPath",
		"port": "product.port", "liveness.path": "product.healthPath", "readiness.path": "product.healthPath",
		"arguments": key + "args", "component": key + "component", "objectLabels": "labels", "proxy": p.Key("proxy"),
	}
	if w.Component != "" {
		keys["port"] = key + "port"
	}
	for _, same := range append(slices.Clone(podKeys),
		"servicePort", "replicas", "liveness", "readiness", "command", "env", "maxUnavailable", "spreadOver", "selector", "identity", "writable") {
		keys[same] = key + same
	}
	return keys
}
