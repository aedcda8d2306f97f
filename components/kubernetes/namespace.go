package kubernetes

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
)

// enforceLabel makes Pod Security admission refuse pods of its namespace.
const (
	enforceLabel = "pod-security.kubernetes.io/enforce"
	restricted   = "restricted"
)

// ExistingNamespace is a namespace that was there before and enforces Pod
// Security "restricted", or whose administrator waived that.
type ExistingNamespace struct {
	name string
	// resource is the read-only resource that found it.
	resource pulumi.Resource
}

// Name is the namespace's name.
func (n *ExistingNamespace) Name() string { return n.name }

// FindNamespace reads a namespace and waits for the answer. One that does not
// enforce "restricted" is refused, with the command that makes it, unless
// waived. Nothing is registered: the namespace is read, never managed.
func FindNamespace(ctx *pulumi.Context, name string, waived bool, opts ...pulumi.ResourceOption) (*ExistingNamespace, error) {
	found, err := corev1.GetNamespace(ctx, name+"-namespace", pulumi.ID(name), nil, opts...)
	if err != nil {
		return nil, fmt.Errorf("kubernetes.namespace %q: %w", name, err)
	}
	labels, err := internals.UnsafeAwaitOutput(ctx.Context(), found.Metadata.Labels())
	if err != nil {
		return nil, fmt.Errorf("kubernetes.namespace %q: %w", name, err)
	}
	// A preview against a cluster that cannot be asked leaves the labels
	// unknown; the update asks again.
	if enforced, _ := labels.Value.(map[string]string); labels.Known && !waived && enforced[enforceLabel] != restricted {
		return nil, fmt.Errorf("kubernetes.namespace %q: %s is %q, want %q: run `kubectl label namespace %s %s=%s`, or waive it with waivePodSecurity: true",
			name, enforceLabel, enforced[enforceLabel], restricted, name, enforceLabel, restricted)
	}
	return &ExistingNamespace{name: name, resource: found}, nil
}

// newNamespace registers a namespace that enforces "restricted".
func newNamespace(ctx *pulumi.Context, resourceName, name string, labels map[string]string, parent pulumi.Resource) (*corev1.Namespace, error) {
	for _, mode := range []string{enforceLabel, "pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit"} {
		labels[mode] = restricted
	}
	return corev1.NewNamespace(ctx, resourceName, &corev1.NamespaceArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name), Labels: pulumi.ToStringMap(labels)},
	}, pulumi.Parent(parent))
}
