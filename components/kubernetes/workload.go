package kubernetes

import (
	"cmp"
	"errors"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/optional"
)

const (
	productComponent = "product"
	// portName is how the Service and the probes call the product's port.
	portName = "http"
	// progressSeconds is how long a rollout may stand still before Kubernetes
	// calls it failed.
	progressSeconds = 600
	// noBudget is the MaxUnavailable that makes no disruption budget.
	noBudget = "none"
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
	// Autoscaled leaves the number of replicas to an autoscaler: a HorizontalPodAutoscaler,
	// KEDA. No Replicas beside it.
	Autoscaled bool
	// Pod is how the cluster wants its pods; without Resources the guides': 250m
	// and 512Mi requested, 1 CPU and 2Gi at most.
	Pod Pod
	// Proxy is the product's way to the internet; nil leaves it alone.
	Proxy *Proxy
	// Liveness and Readiness ask Path over HTTP; without a Path they open the port.
	// A Liveness that says nothing is none.
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
	// ObjectLabels are labels of every object beside waybill's own.
	ObjectLabels map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "deployment", "service".
	Children map[string]child.Options
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
func (args *WorkloadArgs) role() string { return cmp.Or(args.Component, productComponent) }

func (args *WorkloadArgs) replicas() int { return optional.Or(args.Replicas, 2) }

func (args *WorkloadArgs) servicePort() int { return cmp.Or(args.ServicePort, 80) }

func (args *WorkloadArgs) spreadOver() []string {
	if args.SpreadOver == nil {
		return []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
	}
	return args.SpreadOver
}

// Children of a Workload, besides childAccount and childConfig.
const (
	childDeployment = "deployment" // kubernetes:apps/v1:Deployment
	childReplicas   = "replicas"   // kubernetes:apps/v1:DeploymentPatch
	childBudget     = "budget"     // kubernetes:policy/v1:PodDisruptionBudget
	childService    = "service"    // kubernetes:core/v1:Service
)

func (args *WorkloadArgs) children() []string {
	children := []string{childAccount, childDeployment, childService}
	if !args.Autoscaled {
		children = append(children, childReplicas)
	}
	if args.Config != nil {
		children = append(children, childConfig)
	}
	if args.MaxUnavailable != noBudget {
		children = append(children, childBudget)
	}
	return append(children, args.Proxy.children()...)
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
	inputs := pulumi.Map{"image": args.Image, "namespace": args.Namespace}
	if err := ctx.RegisterComponentResourceV2("waybill:kubernetes:Workload", name, inputs, component, opts...); err != nil {
		return nil, err
	}
	b := &workloadBuilder{
		ctx: ctx, args: args, component: component,
		owner:    labels.Owner{Customer: args.Customer, Product: args.Product, Labels: args.ObjectLabels},
		children: family.Of(name, component, args.children(), args.Children),
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{"service": component.Service})
}

// workloadBuilder holds what the children share.
type workloadBuilder struct {
	ctx       *pulumi.Context
	args      *WorkloadArgs
	owner     labels.Owner
	children  *family.Family
	component *Workload
}

func (b *workloadBuilder) build() error {
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
	if err := b.buildReplicas(deployment); err != nil {
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

// buildAccount registers the product's own ServiceAccount. No token of it is
// mounted; a webhook adds one where the product has a cloud identity.
func (b *workloadBuilder) buildAccount() (*corev1.ServiceAccount, error) {
	metadata := b.metadata(pulumi.String(b.args.objectName()))
	if b.args.Identity != nil {
		metadata.Annotations = b.args.Identity.annotations()
	}
	return corev1.NewServiceAccount(b.ctx, b.children.Name(childAccount), &corev1.ServiceAccountArgs{
		Metadata:                     metadata,
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, b.children.Options(childAccount)...)
}
