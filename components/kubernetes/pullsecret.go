package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
)

const (
	refresherComponent = "refresher"
	// maxName leaves room for "-first-refresh" and Pulumi's nine characters in
	// the name of a Job, at most 63.
	maxName = 40
	// DefaultSecretName is the pull secret's name unless another is given.
	DefaultSecretName = "ar-pull-secret"
)

// PullSecret is a pull secret with the refresher that keeps it fresh.
type PullSecret struct {
	pulumi.ResourceState

	// SecretName is the pull secret's name, Namespace that of its namespace:
	// what a workload refers to.
	SecretName pulumi.StringOutput `pulumi:"secretName"`
	Namespace  pulumi.StringOutput `pulumi:"namespace"`
	// ImageConfigMap is the name of the ConfigMap whose key "image" says which
	// image a new token is tried on; the Workload writes it, so that a new tag
	// changes the workload and nothing of the pull secret's.
	ImageConfigMap pulumi.StringOutput `pulumi:"imageConfigMap"`

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
	// ProtectNamespace keeps an update from deleting a namespace that was made,
	// with all that came to live in it; default: true. Not with Existing.
	ProtectNamespace *bool
	// Name of the pull secret; empty means DefaultSecretName.
	Name string
	// ServiceAccount is the refresher's own, never the product's; empty means
	// PRODUCT-refresher.
	ServiceAccount string
	// Source is where the token comes from. Required.
	Source TokenSource
	// Registry is the host of the vendor's registry, such as
	// europe-west1-docker.pkg.dev: the refresher shows a credential to no other,
	// whatever image it is told to try. Required unless Waiting.
	Registry pulumi.StringInput
	// Waiting is true while the vendor has not granted anything: everything is
	// made but what would ask for a token, so that the secret stays empty.
	Waiting bool
	// Refresher is the program in the CronJob.
	Refresher Refresher
	// After are values of what the chain needs before the first refresh: the
	// identity with its credentials, the provider, the bindings. The first
	// refresh waits for them, and runs again when one of them changes.
	After pulumi.Array
	// EgressPorts are the TCP ports that the refresher may reach besides DNS;
	// empty means 443. Add the API server's where it is another.
	EgressPorts []int
}

func (args *PullSecretArgs) secretName() string { return cmp.Or(args.Name, DefaultSecretName) }

func (args *PullSecretArgs) serviceAccountName() string {
	return cmp.Or(args.ServiceAccount, RefresherServiceAccount(args.Product))
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
	p.Error("name", naming.CronJob.Check(args.secretName()+"-refresh"))
	p.Error("serviceAccount", naming.Label.Check(args.serviceAccountName()))
	for _, port := range args.EgressPorts {
		p.Range("egressPorts", port, 1, 65535)
	}
	if args.Source == nil {
		p.Add("source", "is missing: want a token source")
		return p.Err()
	}
	if args.Registry == nil && !args.Waiting {
		p.Add("registry", "is missing: want the host of the vendor's registry")
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
		"schedule":  pulumi.String(args.Refresher.schedule(args.Source)),
	}
	if err := ctx.RegisterComponentResourceV2("waybill:kubernetes:PullSecret", name, inputs, component, opts...); err != nil {
		return nil, err
	}
	b := &pullSecretBuilder{
		ctx: ctx, name: name, args: args, component: component,
		owner: labels.Owner{Customer: args.Customer, Product: args.Product},
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	outputs := pulumi.Map{
		"secretName":     component.SecretName,
		"namespace":      component.Namespace,
		"imageConfigMap": component.ImageConfigMap,
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
	name      string
	args      *PullSecretArgs
	owner     labels.Owner
	component *PullSecret
	namespace pulumi.StringOutput
}

func (b *pullSecretBuilder) build() error {
	namespace, err := namespaceOf(b.ctx, b.name, b.args.Namespace, b.args.Existing, b.args.ProtectNamespace, b.owner, b.component)
	if err != nil {
		return err
	}
	b.namespace = namespace
	secret, err := b.buildSecret()
	if err != nil {
		return err
	}
	rights, err := b.buildRights()
	if err != nil {
		return err
	}
	policy, err := newRefresherPolicy(b)
	if err != nil {
		return err
	}

	b.component.Namespace = b.namespace
	b.component.SecretName = secret.Metadata.Name().Elem()
	b.component.ImageConfigMap = pulumi.Sprintf("%s-image", b.component.SecretName)
	if b.args.Waiting {
		return nil
	}
	return b.buildRefresher(secret, append([]pulumi.Resource{secret, policy}, rights...))
}

// buildRefresher registers what walks the chain; needs are what it needs in the
// cluster.
func (b *pullSecretBuilder) buildRefresher(secret *corev1.Secret, needs []pulumi.Resource) error {
	config, err := b.buildConfig()
	if err != nil {
		return err
	}
	labels := pulumi.ToStringMap(b.owner.Kubernetes(refresherComponent))
	trigger := append(pulumi.Array{secret.Metadata.Uid()}, b.args.After...)
	var configName pulumi.StringInput
	if config != nil {
		configName = config.Metadata.Name().Elem()
		needs = append(needs, config)
		trigger = append(trigger, config.Metadata.Uid())
	}
	pod := refresherPod(b.args, configName, b.component.ImageConfigMap, labels)
	if err := b.buildCronJob(pod, needs); err != nil {
		return err
	}
	return b.buildFirstRefresh(pod, needs, trigger)
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

// buildSecret creates the secret empty. From then on its data belongs to the
// refresher: Pulumi leaves it alone.
func (b *pullSecretBuilder) buildSecret() (*corev1.Secret, error) {
	return corev1.NewSecret(b.ctx, b.name+"-secret", &corev1.SecretArgs{
		Metadata:   b.metadata(b.args.secretName()),
		Type:       pulumi.String("kubernetes.io/dockerconfigjson"),
		StringData: pulumi.StringMap{".dockerconfigjson": pulumi.String(`{"auths":{}}`)},
	}, pulumi.Parent(b.component), pulumi.IgnoreChanges([]string{"data", "stringData"}),
		// A replacement that an operator asks for would meet its own name.
		pulumi.DeleteBeforeReplace(true))
}

// buildConfig registers the credential configuration as an immutable ConfigMap
// under a name of Pulumi's choice; nil where the chain has none.
func (b *pullSecretBuilder) buildConfig() (*corev1.ConfigMap, error) {
	configuration := b.args.Source.configuration()
	if configuration == nil {
		return nil, nil
	}
	return corev1.NewConfigMap(b.ctx, b.name+"-config", &corev1.ConfigMapArgs{
		Metadata:  b.metadata(""),
		Data:      pulumi.StringMap{configKey: configuration},
		Immutable: pulumi.Bool(true),
	}, pulumi.Parent(b.component))
}

// buildRights lets the refresher patch the one secret, and do nothing else.
func (b *pullSecretBuilder) buildRights() ([]pulumi.Resource, error) {
	accountName := b.args.serviceAccountName()
	account, err := corev1.NewServiceAccount(b.ctx, b.name+"-account", &corev1.ServiceAccountArgs{
		Metadata:                     b.metadata(accountName),
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, pulumi.Parent(b.component))
	if err != nil {
		return nil, err
	}
	role, err := rbacv1.NewRole(b.ctx, b.name+"-role", &rbacv1.RoleArgs{
		Metadata: b.metadata(accountName),
		Rules: rbacv1.PolicyRuleArray{&rbacv1.PolicyRuleArgs{
			ApiGroups:     pulumi.ToStringArray([]string{""}),
			Resources:     pulumi.ToStringArray([]string{"secrets"}),
			ResourceNames: pulumi.ToStringArray([]string{b.args.secretName()}),
			Verbs:         pulumi.ToStringArray([]string{"patch"}),
		}},
	}, pulumi.Parent(b.component))
	if err != nil {
		return nil, err
	}
	binding, err := rbacv1.NewRoleBinding(b.ctx, b.name+"-binding", &rbacv1.RoleBindingArgs{
		Metadata: b.metadata(accountName),
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String("rbac.authorization.k8s.io"),
			Kind:     pulumi.String("Role"),
			Name:     role.Metadata.Name().Elem(),
		},
		Subjects: rbacv1.SubjectArray{&rbacv1.SubjectArgs{
			Kind:      pulumi.String("ServiceAccount"),
			Name:      account.Metadata.Name().Elem(),
			Namespace: b.namespace.ToStringPtrOutput(),
		}},
	}, pulumi.Parent(b.component))
	if err != nil {
		return nil, err
	}
	return []pulumi.Resource{account, binding}, nil
}

func (b *pullSecretBuilder) buildCronJob(pod *corev1.PodTemplateSpecArgs, needs []pulumi.Resource) error {
	r := b.args.Refresher
	_, err := batchv1.NewCronJob(b.ctx, b.name+"-refresh", &batchv1.CronJobArgs{
		Metadata: b.metadata(b.args.secretName() + "-refresh"),
		Spec: &batchv1.CronJobSpecArgs{
			Schedule:                pulumi.String(r.schedule(b.args.Source)),
			ConcurrencyPolicy:       pulumi.String("Forbid"),
			StartingDeadlineSeconds: seconds(r.every(b.args.Source) / 2),
			// The last success and a few failures are enough to see what happened.
			SuccessfulJobsHistoryLimit: pulumi.Int(1),
			FailedJobsHistoryLimit:     pulumi.Int(3),
			JobTemplate: &batchv1.JobTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(b.owner.Kubernetes(refresherComponent))},
				Spec:     r.jobSpec(pod),
			},
		},
	}, pulumi.Parent(b.component), pulumi.DependsOn(needs))
	return err
}

// buildFirstRefresh registers the Job that fills the secret before the
// workload starts. Its name is Pulumi's choice, since a replacement under a
// fixed name answers AlreadyExists; it stays after it is done, since a deleted
// one would run again with the next update (docs/facts.md §6).
func (b *pullSecretBuilder) buildFirstRefresh(pod *corev1.PodTemplateSpecArgs, needs []pulumi.Resource, trigger pulumi.Array) error {
	r := b.args.Refresher
	await := timeout(r.jobDeadline() + time.Minute)
	job, err := batchv1.NewJob(b.ctx, b.name+"-first-refresh", &batchv1.JobArgs{
		Metadata: b.metadata(""),
		Spec:     r.jobSpec(pod),
	}, pulumi.Parent(b.component), pulumi.DependsOn(needs),
		// What triggers a replacement is waited for as well.
		pulumi.ReplacementTrigger(trigger),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: await, Update: await}))
	if err != nil {
		return err
	}
	b.component.FirstRefresh = job
	return nil
}
