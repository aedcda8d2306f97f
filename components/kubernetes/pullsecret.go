package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/externalaccount"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
)

const (
	refresherComponent = "refresher"
	// maxName leaves room for "-first-refresh" and Pulumi's nine characters in
	// the name of a Job, at most 63.
	maxName = 40
	// secretInOwnNamespace is the pull secret's name where nobody else's can be.
	secretInOwnNamespace = "ar-pull-secret"
)

// PullSecret is a pull secret with the refresher that keeps it fresh.
type PullSecret struct {
	pulumi.ResourceState

	// SecretName is the pull secret's name, Namespace that of its namespace:
	// what a workload refers to.
	SecretName pulumi.StringOutput `pulumi:"secretName"`
	Namespace  pulumi.StringOutput `pulumi:"namespace"`
	// CredentialConfig is the configuration file that the refresher checks, as
	// JSON. A chain that has none, and a component that waits, have no value.
	CredentialConfig pulumi.StringOutput `pulumi:"credentialConfig"`

	// FirstRefresh is the Job to depend on: once it is complete, the secret opens
	// the registry. Nil while the component waits.
	FirstRefresh pulumi.Resource
}

// PullSecretArgs says where the secret lives and what fills it.
type PullSecretArgs struct {
	// Customer is the customer's slug and Product the product's name: they label
	// every object. Required.
	Customer, Product string
	// Namespace to create, or the name of Existing. Required.
	Namespace string
	// Existing is the namespace that FindNamespace found; nil means that
	// Namespace is created and enforces Pod Security "restricted".
	Existing *ExistingNamespace
	// ProtectNamespace keeps a namespace that was made in the cluster, with all that
	// came to live in it, once the stack lets go of it; default: true. Not with
	// Existing.
	ProtectNamespace *bool
	// Name of the pull secret, at most 44 characters; default: ar-pull-secret in a
	// namespace that is made, and PRODUCT-pull-secret in one that exists, where another
	// product may have its own.
	Name string
	// AlsoIn are other namespaces of the cluster, which exist, that get a pull secret of
	// the same name from the same refresher. In each it may patch that secret alone.
	AlsoIn []string
	// ServiceAccount is the refresher's own, never the product's; empty means
	// PRODUCT-refresher.
	ServiceAccount string
	// Source is where the token comes from. Required.
	Source TokenSource
	// Registry is the host of the vendor's registry, such as
	// europe-west1-docker.pkg.dev: the refresher shows a credential to no other,
	// whatever image it is told to try. Required unless Waiting.
	Registry pulumi.StringInput
	// Images are the references of the images that a new token is tried on before it
	// replaces a good one: those that the secret is to pull, of Registry. Required
	// unless Waiting. Other images change the ConfigMap that lists them and nothing
	// else: the first refresh does not run again.
	Images pulumi.StringArrayInput
	// Waiting is true while the vendor has not granted anything: everything is
	// made but what would ask for a token, so that the secret stays empty.
	Waiting bool
	// Refresher is the program in the CronJob.
	Refresher Refresher
	// After are values of what the chain needs before the first refresh: the
	// identity with its credentials, the provider, the bindings. The first
	// refresh waits for them, and runs again when one of them changes.
	After pulumi.Array
	// Proxy is the refresher's way to the internet; nil means a direct one.
	Proxy *Proxy
	// EgressPorts are the TCP ports that the refresher may reach besides DNS and
	// Proxy; empty means 443 and 6443. Add the API server's where it is another.
	EgressPorts []int
	// NoNetworkPolicy leaves the refresher's network policy out. Not with
	// EgressPorts.
	NoNetworkPolicy bool
	// ObjectLabels are labels of every object beside waybill's own.
	ObjectLabels map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "secret", "refresh", "first-refresh".
	Children map[string]child.Options
}

func (args *PullSecretArgs) secretName() string {
	name := secretInOwnNamespace
	if args.Existing != nil {
		name = naming.PullSecret.Derive(args.Product, "", "-pull-secret")
	}
	return cmp.Or(args.Name, name)
}

func (args *PullSecretArgs) serviceAccountName() string {
	return cmp.Or(args.ServiceAccount, RefresherServiceAccount(args.Product))
}

// Children of a PullSecret, besides childNamespace.
const (
	childSecret       = "secret"        // kubernetes:core/v1:Secret
	childAccount      = "account"       // kubernetes:core/v1:ServiceAccount, here and of a Workload
	childRole         = "role"          // kubernetes:rbac.authorization.k8s.io/v1:Role
	childBinding      = "binding"       // kubernetes:rbac.authorization.k8s.io/v1:RoleBinding
	childEgress       = "egress"        // kubernetes:networking.k8s.io/v1:NetworkPolicy
	childImages       = "images"        // kubernetes:core/v1:ConfigMap
	childConfig       = "config"        // kubernetes:core/v1:ConfigMap; of a Workload a Secret
	childRefresh      = "refresh"       // kubernetes:batch/v1:CronJob
	childFirstRefresh = "first-refresh" // kubernetes:batch/v1:Job
)

func (args *PullSecretArgs) children() []string {
	children := []string{childSecret, childAccount, childRole, childBinding}
	for _, namespace := range args.AlsoIn {
		children = append(children, childIn(childSecret, namespace), childIn(childRole, namespace), childIn(childBinding, namespace))
	}
	if !args.NoNetworkPolicy {
		children = append(children, childEgress)
	}
	if args.Existing == nil {
		children = append(children, childNamespace)
	}
	if args.Waiting {
		return children
	}
	if _, google := args.Source.(interface {
		render(source externalaccount.Source) pulumi.StringOutput
	}); google {
		children = append(children, childConfig)
	}
	return append(append(children, childImages, childRefresh, childFirstRefresh), args.Proxy.children()...)
}

// childIn is a child's name in one of AlsoIn; an empty namespace is the refresher's own.
func childIn(child, namespace string) string {
	if namespace == "" {
		return child
	}
	return child + "-" + namespace
}

// RefresherServiceAccount is the name of a product's refresher's
// ServiceAccount: the one source of the subject that other clouds trust.
func RefresherServiceAccount(product string) string { return product + "-refresher" }

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *PullSecretArgs) Validate(later ...string) error {
	p := check.Of("kubernetes.PullSecret", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	p.Error("namespace", naming.Label.Check(args.Namespace))
	if args.Existing != nil && args.Existing.name != args.Namespace {
		p.Add("existing", "%q: want the namespace that namespace names, %q", args.Existing.name, args.Namespace)
	}
	checkProtect(p, "protectNamespace", args.ProtectNamespace, args.Existing)
	p.Error("name", naming.PullSecret.Check(args.secretName()))
	p.Error("serviceAccount", naming.Label.Check(args.serviceAccountName()))
	for i, namespace := range args.AlsoIn {
		p.Error("alsoIn", naming.Label.Check(namespace))
		if namespace == args.Namespace || slices.Contains(args.AlsoIn[:i], namespace) {
			p.Add("alsoIn", "%q: want each namespace once, and not the refresher's own", namespace)
		}
	}
	for _, port := range args.EgressPorts {
		p.Range("egressPorts", port, 1, 65535)
	}
	if args.NoNetworkPolicy && len(args.EgressPorts) > 0 {
		p.Add("egressPorts", "are given and the network policy is left out: want one or the other")
	}
	args.Proxy.validate(p, "proxy.")
	checkOwnLabels(p, "objectLabels", args.ObjectLabels)
	family.Check(p, args.children(), args.Children)
	if args.Source == nil {
		p.Add("source", "is missing: want a token source")
		return p.Err()
	}
	if args.Registry == nil && !args.Waiting {
		p.Add("registry", "is missing: want the host of the vendor's registry")
	}
	if args.Images == nil && !args.Waiting {
		p.Add("images", "are missing: want one at least, on which a new token is tried")
	}
	if !args.Waiting { // what the source needs, the vendor has not said
		args.Source.validate(p)
	}
	args.Refresher.validate(p, args.Source)
	return p.Err()
}

// NewPullSecret registers the namespace, the secret, the refresher and what
// the refresher may do, and the first refresh.
func NewPullSecret(ctx *pulumi.Context, name string, args *PullSecretArgs, opts ...pulumi.ResourceOption) (*PullSecret, error) {
	if args == nil {
		return nil, errors.New("kubernetes.PullSecret: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	if len(name) > maxName {
		return nil, fmt.Errorf("kubernetes.PullSecret: name %q: want at most %d characters, the first refresh's Job is named after it", name, maxName)
	}
	component := &PullSecret{}
	inputs := pulumi.Map{
		"namespace": pulumi.String(args.Namespace),
		"name":      pulumi.String(args.secretName()),
		"schedule":  pulumi.String(args.schedule()),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:kubernetes:PullSecret", name, inputs, component, opts...); err != nil {
		return nil, err
	}
	b := &pullSecretBuilder{
		ctx: ctx, args: args, component: component,
		owner:    labels.Owner{Customer: args.Customer, Product: args.Product, Labels: args.ObjectLabels},
		children: family.Of(name, component, args.children(), args.Children),
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	outputs := pulumi.Map{
		"secretName": component.SecretName,
		"namespace":  component.Namespace,
	}
	if !args.Waiting {
		if configuration := args.Source.configuration(); configuration != nil {
			component.CredentialConfig = configuration.ToStringOutput()
			outputs["credentialConfig"] = component.CredentialConfig
		}
	}
	return component, ctx.RegisterResourceOutputs(component, outputs)
}

// pullSecretBuilder holds what the children share.
type pullSecretBuilder struct {
	ctx       *pulumi.Context
	args      *PullSecretArgs
	owner     labels.Owner
	children  *family.Family
	component *PullSecret
	namespace pulumi.StringOutput
}

func (b *pullSecretBuilder) build() error {
	namespace, err := namespaceOf(b.ctx, b.children, b.args.Namespace, b.args.Existing, b.args.ProtectNamespace, b.owner)
	if err != nil {
		return err
	}
	b.namespace = namespace
	account, err := b.buildAccount()
	if err != nil {
		return err
	}
	needs := []pulumi.Resource{account}
	uids := pulumi.Array{}
	for _, namespace := range append([]string{""}, b.args.AlsoIn...) {
		secret, binding, err := b.buildSecret(namespace, account)
		if err != nil {
			return err
		}
		needs = append(needs, secret, binding)
		uids = append(uids, secret.Metadata.Uid())
	}
	policy, err := newRefresherPolicy(b)
	if err != nil {
		return err
	}

	b.component.Namespace = b.namespace
	// Plain values: a name that is not known while the secret is replaced would
	// replace the workload too.
	b.component.SecretName = pulumi.String(b.args.secretName()).ToStringOutput()
	if b.args.Waiting {
		return nil
	}
	return b.buildRefresher(append(needs, policy...), append(uids, b.args.After...))
}

// buildRefresher registers what walks the chain; needs are what it needs in the
// cluster, and trigger is what runs the first refresh again.
func (b *pullSecretBuilder) buildRefresher(needs []pulumi.Resource, trigger pulumi.Array) error {
	config, err := b.buildConfig()
	if err != nil {
		return err
	}
	images, err := b.buildImages()
	if err != nil {
		return err
	}
	needs = append(needs, images)
	var configName pulumi.StringInput
	if config != nil {
		configName = config.Metadata.Name().Elem()
		needs = append(needs, config)
		trigger = append(trigger, config.Metadata.Uid())
	}
	var volumes corev1.VolumeArray
	var mounts corev1.VolumeMountArray
	if err := mountAuthority(b.ctx, b.args.Proxy, b.children, b.metadata(""), &volumes, &mounts); err != nil {
		return err
	}
	pod := func(run run) *corev1.PodTemplateSpecArgs {
		return b.refresherPod(run, configName, images.Metadata.Name().Elem(), volumes, mounts)
	}
	if err := b.buildCronJob(pod(b.args.Refresher.later()), needs); err != nil {
		return err
	}
	return b.buildFirstRefresh(pod(b.args.Refresher.first()), needs, trigger)
}

// metadataIn is that of a child in one of AlsoIn; an empty namespace is the refresher's
// own.
func (b *pullSecretBuilder) metadataIn(namespace, name string) *metav1.ObjectMetaArgs {
	m := b.metadata(name)
	if namespace != "" {
		m.Namespace = pulumi.String(namespace)
	}
	return m
}

// metadata is that of a child; an empty name is chosen by Pulumi.
func (b *pullSecretBuilder) metadata(name string) *metav1.ObjectMetaArgs {
	m := &metav1.ObjectMetaArgs{
		Namespace: b.namespace.ToStringPtrOutput(),
		Labels:    pulumi.ToStringMap(b.owner.Kubernetes(refresherComponent)),
	}
	if name != "" {
		m.Name = pulumi.String(name)
	}
	return m
}
