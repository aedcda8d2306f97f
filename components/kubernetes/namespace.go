package kubernetes

import (
	"errors"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
	"waybill.example/waybill/components/internal/optional"
)

// enforceLabel makes Pod Security admission refuse pods of its namespace.
const (
	enforceLabel = "pod-security.kubernetes.io/enforce"
	restricted   = "restricted"
)

// ExistingNamespace is a namespace that was there before and enforces Pod
// Security "restricted", or whose administrator waived that.
type ExistingNamespace struct{ name string }

// Name is the namespace's name.
func (n *ExistingNamespace) Name() string { return n.name }

// FindNamespace reads a namespace and waits for the answer; resource is the name of
// what is read in the stack, since namespaces of two clusters may be called the same.
// One that does not enforce "restricted" is refused, with the command that makes it,
// unless waived. Nothing is registered: the namespace is read, never managed.
func FindNamespace(ctx *pulumi.Context, resource, name string, waived bool, opts ...pulumi.ResourceOption) (*ExistingNamespace, error) {
	p := check.Of("kubernetes.Namespace")
	found, known, err := readNamespace(ctx, resource, name, opts)
	if err != nil {
		p.Add("name", "%q: %s", name, err)
	} else if enforced := found.Labels; known && !waived && enforced[enforceLabel] != restricted {
		p.Add("name", "%q: %s is %q, want %q: run `kubectl label namespace %s %s=%s`, or waive it with waivePodSecurity: true",
			name, enforceLabel, enforced[enforceLabel], restricted, name, enforceLabel, restricted)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return &ExistingNamespace{name: name}, nil
}

// KnownNamespace is an existing namespace that is not read: its cluster may be out of
// reach.
func KnownNamespace(name string) *ExistingNamespace { return &ExistingNamespace{name: name} }

// readNamespace reads a namespace's metadata. It is not known in a preview against a
// cluster that cannot be asked; the update asks again.
func readNamespace(ctx *pulumi.Context, resource, name string, opts []pulumi.ResourceOption) (found metav1.ObjectMeta, known bool, err error) {
	namespace, err := corev1.GetNamespace(ctx, resource, pulumi.ID(name), nil, opts...)
	if err != nil {
		return found, false, err
	}
	metadata, err := internals.UnsafeAwaitOutput(ctx.Context(), namespace.Metadata)
	if err != nil || !metadata.Known {
		return found, false, err
	}
	found, _ = metadata.Value.(metav1.ObjectMeta)
	return found, true, nil
}

// CheckCluster refuses another cluster than the one whose namespace kube-system has
// the UID id: the state would speak of objects that are not there, and an update that
// changes nothing would report nothing. It wants the right to get that namespace;
// resource is the name of what is read in the stack.
func CheckCluster(ctx *pulumi.Context, resource, id string, opts ...pulumi.ResourceOption) error {
	p := check.Of("kubernetes.Cluster")
	found, known, err := readNamespace(ctx, resource, "kube-system", opts)
	switch {
	case err != nil:
		p.Add("id", "%q: want the right to get the namespace kube-system, whose UID it is: %s", id, err)
	case known && optional.Or(found.Uid, "") != id:
		p.Add("id", "%q: the context reaches another cluster, %s: want another context or, where the cluster was replaced, that ID and "+
			"`pulumi up --refresh -s %s`, which forgets what is not there and deploys it anew", id, optional.Or(found.Uid, ""), ctx.Stack())
	}
	return p.Err()
}

// Namespace is the product's namespace where no pull secret brings one.
type Namespace struct {
	pulumi.ResourceState

	Name pulumi.StringOutput `pulumi:"name"`
}

// NamespaceArgs says which namespace.
type NamespaceArgs struct {
	// Customer is the customer's slug and Product the product's name: they
	// label it. Required.
	Customer, Product string
	// Name to create, or the name of Existing. Required.
	Name string
	// Existing is the namespace that FindNamespace found; nil makes one that
	// enforces Pod Security "restricted".
	Existing *ExistingNamespace
	// Protect keeps a namespace that was made in the cluster, with all that came to
	// live in it, once the stack lets go of it; default: true. Not with Existing.
	Protect *bool
	// ObjectLabels are labels of every object beside waybill's own.
	ObjectLabels map[string]string
	// Children are options of the component's children, by their names without
	// the component's: "namespace".
	Children map[string]child.Options
}

// childNamespace is the child of a Namespace, and of a PullSecret, that makes
// one: kubernetes:core/v1:Namespace.
const childNamespace = "namespace"

func (args *NamespaceArgs) children() []string {
	if args.Existing != nil {
		return nil
	}
	return []string{childNamespace}
}

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *NamespaceArgs) Validate(later ...string) error {
	p := check.Of("kubernetes.Namespace", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	p.Error("name", naming.Label.Check(args.Name))
	if args.Existing != nil && args.Existing.name != args.Name {
		p.Add("existing", "%q: want the namespace that name names, %q", args.Existing.name, args.Name)
	}
	family.Check(p, args.children(), args.Children)
	checkProtect(p, "protect", args.Protect, args.Existing)
	checkOwnLabels(p, "objectLabels", args.ObjectLabels)
	return p.Err()
}

// checkProtect refuses protection of what is not waybill's.
func checkProtect(p *check.Problems, key string, protect *bool, existing *ExistingNamespace) {
	if protect != nil && existing != nil {
		p.Add(key, "%t: want none of an existing namespace, which is never deleted", *protect)
	}
}

// NewNamespace registers the namespace.
func NewNamespace(ctx *pulumi.Context, name string, args *NamespaceArgs, opts ...pulumi.ResourceOption) (*Namespace, error) {
	if args == nil {
		return nil, errors.New("kubernetes.Namespace: want arguments")
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	component := &Namespace{}
	inputs := pulumi.Map{"name": pulumi.String(args.Name)}
	if err := ctx.RegisterComponentResourceV2("waybill:kubernetes:Namespace", name, inputs, component, opts...); err != nil {
		return nil, err
	}
	owner := labels.Owner{Customer: args.Customer, Product: args.Product, Labels: args.ObjectLabels}
	var err error
	if component.Name, err = namespaceOf(ctx, family.Of(name, component, args.children(), args.Children), args.Name, args.Existing, args.Protect, owner); err != nil {
		return nil, err
	}
	return component, ctx.RegisterResourceOutputs(component, pulumi.Map{"name": component.Name})
}

// namespaceOf gives an existing namespace's name, or registers one that
// enforces "restricted".
func namespaceOf(ctx *pulumi.Context, children *family.Family, name string, existing *ExistingNamespace, protect *bool, owner labels.Owner) (pulumi.StringOutput, error) {
	if existing != nil {
		return pulumi.String(existing.name).ToStringOutput(), nil
	}
	own := owner.Kubernetes("")
	delete(own, "app.kubernetes.io/component") // the namespace is everybody's
	for _, mode := range []string{enforceLabel, "pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit"} {
		own[mode] = restricted
	}
	created, err := corev1.NewNamespace(ctx, children.Name(childNamespace), &corev1.NamespaceArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name), Labels: pulumi.ToStringMap(own)},
	}, children.Options(childNamespace, pulumi.RetainOnDelete(optional.Or(protect, true)))...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	return created.Metadata.Name().Elem(), nil
}
