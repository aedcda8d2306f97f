package kubernetes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	policyv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/policy/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
)

const (
	productComponent = "product"
	// portName is how the Service and the probes call the product's port.
	portName = "http"
	// progressSeconds is how long a rollout may stand still before Kubernetes
	// calls it failed.
	progressSeconds = 600
)

// Workload runs the product: a Deployment and what belongs to it.
type Workload struct {
	pulumi.ResourceState

	// Service is the address inside the cluster: NAME.NAMESPACE.svc:PORT.
	Service pulumi.StringOutput `pulumi:"service"`
}

// WorkloadArgs says what runs. Product, Namespace, Image and Port
// are required; everything else has a default.
type WorkloadArgs struct {
	// Customer is the customer's slug and Product the product's name: they name
	// and label every object.
	Customer, Product string
	// Component is the part of the product that runs, where it has several: its
	// objects are called PRODUCT-COMPONENT, at most 63 characters. Empty means
	// the whole product.
	Component string
	// Namespace and PullSecret are what the PullSecret component gives; a nil
	// PullSecret leaves the pull to the node's own credentials.
	Namespace  pulumi.StringInput
	PullSecret pulumi.StringInput
	// ImageConfigMap is the PullSecret component's: the workload writes there
	// which image a new token is tried on. Nil writes nothing.
	ImageConfigMap pulumi.StringInput
	// ImageResource is that ConfigMap's name in the stack, which stays the same
	// where another component comes to write it; empty means NAME-image.
	ImageResource string
	// Image is the product's full reference.
	Image pulumi.StringInput
	// After is waited for before the first pod starts: the first refresh.
	After []pulumi.Resource
	// Port that the container listens on, 1024 to 65535: without privileges it
	// cannot listen below.
	Port int
	// ServicePort is the Service's; 0 means 80.
	ServicePort int
	// Replicas, 1 to 1000; nil means 2.
	Replicas *int
	// Resources of the container; empty means the guides': 250m and 512Mi
	// requested, 1 CPU and 2Gi at most.
	Resources Resources
	// Liveness and Readiness are HTTP probes; a Path that is empty means none.
	Liveness, Readiness Probe
	// Command and Arguments replace the image's own; Env adds variables.
	Command, Arguments []string
	Env                map[string]string
	// Config is the product's configuration file, a secret, mounted at
	// ConfigPath. Both or neither.
	Config     pulumi.StringInput
	ConfigPath string
	// Writable are the paths that the product may write: each is an empty
	// directory, for everything else is read-only.
	Writable []WritableMount
	// User that the product runs as; 0 means 65532. Root is not allowed.
	User int
	// MaxUnavailable is how many pods a voluntary disruption may take at once,
	// a number or a percentage; empty means 1, "none" means no budget.
	MaxUnavailable string
	// SpreadOver are the topology keys to spread the pods over; nil means
	// zones and nodes.
	SpreadOver []string
	// Identity is the product's own cloud identity, if it has one; it is never
	// the refresher's.
	Identity Identity
	// Selector replaces the labels by which the Deployment knows its pods. A
	// selector cannot be changed, so that a Deployment that was made by hand
	// keeps its own when it is taken over. Empty means waybill's.
	Selector map[string]string
}

// WorkloadServiceAccount is the name of the ServiceAccount of a product's
// component, empty for the whole product: the one source of the subject that
// clouds trust.
func WorkloadServiceAccount(product, component string) string {
	if component == "" {
		return product
	}
	return product + "-" + component
}

// objectName is the name of every object but those that Pulumi names.
func (args *WorkloadArgs) objectName() string {
	return WorkloadServiceAccount(args.Product, args.Component)
}

// role is the component of the recommended labels.
func (args *WorkloadArgs) role() string {
	if args.Component == "" {
		return productComponent
	}
	return args.Component
}

// Probe asks the product over HTTP whether it is well. Durations are seconds;
// 0 means the default: for liveness a delay of 30 and a period of 10, for
// readiness 10 and 5, for both a timeout of 1 and 3 failures.
type Probe struct {
	Path                                    string
	InitialDelay, Period, Timeout, Failures int
}

// WritableMount is an empty directory that lives as long as the pod.
type WritableMount struct {
	// Path is absolute.
	Path string
	// Size is the most that it may hold, a quantity; empty means no limit of
	// its own.
	Size string
}

func (args *WorkloadArgs) replicas() int {
	if args.Replicas == nil {
		return 2
	}
	return *args.Replicas
}

func (args *WorkloadArgs) user() int {
	if args.User == 0 {
		return nonRoot
	}
	return args.User
}

func (args *WorkloadArgs) servicePort() int {
	if args.ServicePort == 0 {
		return 80
	}
	return args.ServicePort
}

func (args *WorkloadArgs) spreadOver() []string {
	if args.SpreadOver == nil {
		return []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
	}
	return args.SpreadOver
}

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *WorkloadArgs) Validate(later ...string) error {
	p := check.Of("kubernetes.Workload", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	if args.Component != "" {
		p.Error("component", naming.Label.Check(args.objectName()))
	}
	if args.Component == refresherComponent {
		p.Add("component", "%q: want another name, the refresher's pods have it", args.Component)
	}
	for _, input := range []variable{{"namespace", args.Namespace}, {"image", args.Image}} {
		if input.value == nil {
			p.Add(input.name, "is missing")
		}
	}
	p.Range("port", args.Port, 1024, 65535)
	p.Range("servicePort", args.servicePort(), 1, 65535)
	p.Range("replicas", args.replicas(), 1, 1000)
	p.Range("user", args.user(), 1, 1<<31-1)
	args.Resources.validate(p, "resources")
	args.Liveness.validate(p, "liveness")
	args.Readiness.validate(p, "readiness")
	if (args.Config == nil) != (args.ConfigPath == "") {
		p.Add("config", "and configPath: want both or neither")
	}
	if args.ConfigPath != "" && !absolute(args.ConfigPath) {
		p.Add("configPath", "%q: want an absolute path of a file", args.ConfigPath)
	}
	for i, mount := range args.Writable {
		key := fmt.Sprintf("writable[%d].", i)
		if !absolute(mount.Path) {
			p.Add(key+"path", "%q: want an absolute path of a folder other than /", mount.Path)
		}
		if mount.Size != "" && !quantityPattern.MatchString(mount.Size) {
			p.Add(key+"size", "%q: want a quantity such as 64Mi", mount.Size)
		}
		if slices.ContainsFunc(args.Writable[:i], func(m WritableMount) bool { return m.Path == mount.Path }) {
			p.Add(key+"path", "%q: is there already", mount.Path)
		}
	}
	if m := args.MaxUnavailable; m != "" && m != "none" && !disruptionPattern.MatchString(m) {
		p.Add("maxUnavailable", "%q: want a number, a percentage, or none", m)
	}
	if args.Identity != nil {
		args.Identity.validate(p)
	}
	return p.Err()
}

func absolute(path string) bool {
	return strings.HasPrefix(path, "/") && path != "/" && !strings.HasSuffix(path, "/") && !strings.Contains(path, "..")
}

func (probe Probe) validate(p *check.Problems, key string) {
	if probe.Path == "" {
		return
	}
	if !strings.HasPrefix(probe.Path, "/") {
		p.Add(key+".path", "%q: want a path that starts with /", probe.Path)
	}
	p.Range(key+".initialDelay", probe.InitialDelay, 0, 3600)
	p.Range(key+".period", probe.Period, 0, 3600)
	p.Range(key+".timeout", probe.Timeout, 0, 3600)
	p.Range(key+".failures", probe.Failures, 0, 100)
}

// NewWorkload registers the Deployment and what belongs to it.
func NewWorkload(ctx *pulumi.Context, name string, args *WorkloadArgs, opts ...pulumi.ResourceOption) (*Workload, error) {
	if args == nil {
		return nil, errors.New("kubernetes.Workload: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	component := &Workload{}
	inputs := pulumi.Map{"image": args.Image, "namespace": args.Namespace, "replicas": pulumi.Int(args.replicas())}
	if err := ctx.RegisterComponentResourceV2("waybill:kubernetes:Workload", name, inputs, component, opts...); err != nil {
		return nil, err
	}
	b := &workloadBuilder{
		ctx: ctx, name: name, args: args, component: component,
		owner: labels.Owner{Customer: args.Customer, Product: args.Product},
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{"service": component.Service})
}

// workloadBuilder holds what the children share.
type workloadBuilder struct {
	ctx       *pulumi.Context
	name      string
	args      *WorkloadArgs
	owner     labels.Owner
	component *Workload
}

func (b *workloadBuilder) build() error {
	if err := b.buildTriedImage(); err != nil {
		return err
	}
	account, err := b.buildAccount()
	if err != nil {
		return err
	}
	config, err := b.buildConfig()
	if err != nil {
		return err
	}
	deployment, err := b.buildDeployment(account, config)
	if err != nil {
		return err
	}
	if err := b.buildDisruptionBudget(); err != nil {
		return err
	}
	return b.buildService(deployment)
}

func (b *workloadBuilder) labels() pulumi.StringMap {
	return pulumi.ToStringMap(b.owner.Kubernetes(b.args.role()))
}

// selected are the labels that pick the pods.
func (b *workloadBuilder) selected() map[string]string {
	if len(b.args.Selector) > 0 {
		return b.args.Selector
	}
	return b.owner.Selector(b.args.role())
}

func (b *workloadBuilder) selector() *metav1.LabelSelectorArgs {
	return &metav1.LabelSelectorArgs{MatchLabels: pulumi.ToStringMap(b.selected())}
}

// metadata is that of a child; a nil name is chosen by Pulumi.
func (b *workloadBuilder) metadata(name pulumi.StringPtrInput) *metav1.ObjectMetaArgs {
	return &metav1.ObjectMetaArgs{
		Name:      name,
		Namespace: b.args.Namespace.ToStringOutput().ToStringPtrOutput(),
		Labels:    b.labels(),
	}
}

// buildTriedImage writes which image a new token is tried on. It is updated in
// place: the first refresh reads it and must not run again for a new tag.
func (b *workloadBuilder) buildTriedImage() error {
	if b.args.ImageConfigMap == nil {
		return nil
	}
	resource := b.args.ImageResource
	if resource == "" {
		resource = b.name + "-image"
	}
	_, err := corev1.NewConfigMap(b.ctx, resource, &corev1.ConfigMapArgs{
		Metadata: b.metadata(b.args.ImageConfigMap.ToStringOutput().ToStringPtrOutput()),
		Data:     pulumi.StringMap{imageKey: b.args.Image},
	}, pulumi.Parent(b.component))
	return err
}

// buildAccount registers the product's own ServiceAccount. No token of it is
// mounted; a webhook adds one where the product has a cloud identity.
func (b *workloadBuilder) buildAccount() (*corev1.ServiceAccount, error) {
	metadata := b.metadata(pulumi.String(b.args.objectName()))
	if b.args.Identity != nil {
		metadata.Annotations = b.args.Identity.annotations()
	}
	return corev1.NewServiceAccount(b.ctx, b.name+"-account", &corev1.ServiceAccountArgs{
		Metadata:                     metadata,
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, pulumi.Parent(b.component))
}

const configFileKey = "config"

// buildConfig registers the product's configuration as an immutable Secret
// under a name of Pulumi's choice: new contents make a new Secret, and the new
// name rolls the Deployment.
func (b *workloadBuilder) buildConfig() (*corev1.Secret, error) {
	if b.args.Config == nil {
		return nil, nil
	}
	secret := pulumi.ToSecret(b.args.Config).(pulumi.StringOutput)
	return corev1.NewSecret(b.ctx, b.name+"-config", &corev1.SecretArgs{
		Metadata:   b.metadata(nil),
		Type:       pulumi.String("Opaque"),
		StringData: pulumi.StringMap{configFileKey: secret},
		Immutable:  pulumi.Bool(true),
	}, pulumi.Parent(b.component), pulumi.AdditionalSecretOutputs([]string{"data", "stringData"}))
}

func (b *workloadBuilder) buildDeployment(account *corev1.ServiceAccount, config *corev1.Secret) (*appsv1.Deployment, error) {
	labels := b.owner.Kubernetes(b.args.role())
	maps.Copy(labels, b.selected())
	if b.args.Identity != nil {
		maps.Copy(labels, b.args.Identity.podLabels())
	}
	mounts, volumes := b.volumes(config)
	return appsv1.NewDeployment(b.ctx, b.name+"-deployment", &appsv1.DeploymentArgs{
		Metadata: b.metadata(pulumi.String(b.args.objectName())),
		Spec: &appsv1.DeploymentSpecArgs{
			Replicas:                pulumi.Int(b.args.replicas()),
			Selector:                b.selector(),
			ProgressDeadlineSeconds: pulumi.Int(progressSeconds),
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(labels)},
				Spec: &corev1.PodSpecArgs{
					ServiceAccountName:           account.Metadata.Name(),
					AutomountServiceAccountToken: pulumi.Bool(false),
					EnableServiceLinks:           pulumi.Bool(false),
					ImagePullSecrets:             b.pullSecrets(),
					SecurityContext:              restrictedPod(b.args.user()),
					TopologySpreadConstraints:    b.spread(),
					Containers: corev1.ContainerArray{&corev1.ContainerArgs{
						Name:    pulumi.String(b.args.objectName()),
						Image:   b.args.Image.ToStringOutput().ToStringPtrOutput(),
						Command: pulumi.ToStringArray(b.args.Command),
						Args:    pulumi.ToStringArray(b.args.Arguments),
						Env:     b.environment(),
						Ports: corev1.ContainerPortArray{&corev1.ContainerPortArgs{
							Name: pulumi.String(portName), ContainerPort: pulumi.Int(b.args.Port), Protocol: pulumi.String("TCP"),
						}},
						Resources: b.args.Resources.orElse(Resources{
							Requests: map[string]string{"cpu": "250m", "memory": "512Mi"},
							Limits:   map[string]string{"cpu": "1", "memory": "2Gi"},
						}).args(),
						LivenessProbe:   b.args.Liveness.args(30, 10),
						ReadinessProbe:  b.args.Readiness.args(10, 5),
						SecurityContext: restrictedContainer(),
						VolumeMounts:    mounts,
					}},
					Volumes: volumes,
				},
			},
		},
	}, pulumi.Parent(b.component), pulumi.DependsOn(b.args.After))
}

func (b *workloadBuilder) pullSecrets() corev1.LocalObjectReferenceArray {
	if b.args.PullSecret == nil {
		return nil
	}
	return corev1.LocalObjectReferenceArray{
		&corev1.LocalObjectReferenceArgs{Name: b.args.PullSecret.ToStringOutput().ToStringPtrOutput()},
	}
}

func (b *workloadBuilder) environment() corev1.EnvVarArray {
	environment := corev1.EnvVarArray{}
	for _, name := range slices.Sorted(maps.Keys(b.args.Env)) {
		environment = append(environment, &corev1.EnvVarArgs{Name: pulumi.String(name), Value: pulumi.String(b.args.Env[name])})
	}
	return environment
}

func (b *workloadBuilder) volumes(config *corev1.Secret) (corev1.VolumeMountArray, corev1.VolumeArray) {
	mounts, volumes := corev1.VolumeMountArray{}, corev1.VolumeArray{}
	if config != nil {
		volumes = append(volumes, &corev1.VolumeArgs{
			Name:   pulumi.String("config"),
			Secret: &corev1.SecretVolumeSourceArgs{SecretName: config.Metadata.Name()},
		})
		mounts = append(mounts, &corev1.VolumeMountArgs{
			Name: pulumi.String("config"), MountPath: pulumi.String(b.args.ConfigPath),
			SubPath: pulumi.String(configFileKey), ReadOnly: pulumi.Bool(true),
		})
	}
	for i, writable := range b.args.Writable {
		name := fmt.Sprintf("writable-%d", i)
		directory := &corev1.EmptyDirVolumeSourceArgs{}
		if writable.Size != "" {
			directory.SizeLimit = pulumi.String(writable.Size)
		}
		volumes = append(volumes, &corev1.VolumeArgs{Name: pulumi.String(name), EmptyDir: directory})
		mounts = append(mounts, &corev1.VolumeMountArgs{Name: pulumi.String(name), MountPath: pulumi.String(writable.Path)})
	}
	return mounts, volumes
}

func (b *workloadBuilder) spread() corev1.TopologySpreadConstraintArray {
	constraints := corev1.TopologySpreadConstraintArray{}
	for _, key := range b.args.spreadOver() {
		constraints = append(constraints, &corev1.TopologySpreadConstraintArgs{
			MaxSkew:           pulumi.Int(1),
			TopologyKey:       pulumi.String(key),
			WhenUnsatisfiable: pulumi.String("ScheduleAnyway"),
			LabelSelector:     b.selector(),
		})
	}
	return constraints
}

// args is nil where there is no path; the guides' delay and period are the
// defaults.
func (probe Probe) args(delay, period int) *corev1.ProbeArgs {
	if probe.Path == "" {
		return nil
	}
	orElse := func(value, fallback int) pulumi.Int {
		if value == 0 {
			return pulumi.Int(fallback)
		}
		return pulumi.Int(value)
	}
	return &corev1.ProbeArgs{
		HttpGet:             &corev1.HTTPGetActionArgs{Path: pulumi.String(probe.Path), Port: pulumi.String(portName)},
		InitialDelaySeconds: orElse(probe.InitialDelay, delay),
		PeriodSeconds:       orElse(probe.Period, period),
		TimeoutSeconds:      orElse(probe.Timeout, 1),
		FailureThreshold:    orElse(probe.Failures, 3),
	}
}

func (b *workloadBuilder) buildDisruptionBudget() error {
	limit := b.args.MaxUnavailable
	if limit == "none" {
		return nil
	}
	if limit == "" {
		limit = "1"
	}
	_, err := policyv1.NewPodDisruptionBudget(b.ctx, b.name+"-budget", &policyv1.PodDisruptionBudgetArgs{
		Metadata: b.metadata(pulumi.String(b.args.objectName())),
		Spec: &policyv1.PodDisruptionBudgetSpecArgs{
			MaxUnavailable: numberOrPercentage(limit),
			Selector:       b.selector(),
		},
	}, pulumi.Parent(b.component))
	return err
}

// buildService registers the Service after the Deployment: Pulumi waits for a
// Service until it has endpoints, for ten minutes where the first refresh
// failed and no pod will ever come.
func (b *workloadBuilder) buildService(deployment *appsv1.Deployment) error {
	service, err := corev1.NewService(b.ctx, b.name+"-service", &corev1.ServiceArgs{
		Metadata: b.metadata(pulumi.String(b.args.objectName())),
		Spec: &corev1.ServiceSpecArgs{
			Type:     pulumi.String("ClusterIP"),
			Selector: pulumi.ToStringMap(b.selected()),
			Ports: corev1.ServicePortArray{&corev1.ServicePortArgs{
				Name: pulumi.String(portName), Port: pulumi.Int(b.args.servicePort()),
				TargetPort: pulumi.String(portName), Protocol: pulumi.String("TCP"),
			}},
		},
	}, pulumi.Parent(b.component), pulumi.DependsOn([]pulumi.Resource{deployment}),
		// The API server chose the addresses. A Service that is taken over has them
		// among its inputs, and without them would be replaced.
		pulumi.IgnoreChanges([]string{"spec.clusterIP", "spec.clusterIPs"}))
	if err != nil {
		return err
	}
	b.component.Service = pulumi.Sprintf("%s.%s.svc:%d", service.Metadata.Name().Elem(), b.args.Namespace, b.args.servicePort())
	return nil
}
