package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// byHand is the field manager of `kubectl apply`.
const byHand = "kubectl-client-side-apply"

// apply creates the objects that somebody applied by hand, and keeps which were
// made.
func (c *Cluster) apply(ctx context.Context, api discovery.DiscoveryInterface) error {
	if len(c.config.Objects) == 0 {
		return nil
	}
	made, err := state.OpenStore[map[string]bool](c.files.applied)
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(api)
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client, err := dynamic.NewForConfig(c.RESTConfig())
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	for i, text := range c.config.Objects {
		object := &unstructured.Unstructured{}
		if err := json.Unmarshal(text, &object.Object); err != nil {
			return fmt.Errorf("objects[%d]: %w", i, err)
		}
		name := nameOf(object)
		if made.Read()[name] {
			continue
		}
		if err := create(ctx, client, mapper, object); err != nil {
			return fmt.Errorf("objects[%d] %s: %w", i, name, err)
		}
		err := made.Update(func(names *map[string]bool) error {
			(*names)[name] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func nameOf(object *unstructured.Unstructured) string {
	return strings.Join([]string{object.GetAPIVersion(), object.GetKind(), object.GetNamespace(), object.GetName()}, "/")
}

func create(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Create(ctx, object, metav1.CreateOptions{FieldManager: byHand, FieldValidation: metav1.FieldValidationStrict})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// issuerDiscovery is the API server's own ClusterRole for the discovery
// document and the keys. Clouds publish both; here anonymous callers may read
// them from the API server itself (docs/building.md).
const issuerDiscovery = "system:service-account-issuer-discovery"

// furnish creates what is there before anything is deployed.
func furnish(ctx context.Context, client kubernetes.Interface, namespaces []world.Namespace) error {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: issuerDiscovery + ":anonymous"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: issuerDiscovery},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
	}
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cluster role binding %s: %w", binding.Name, err)
	}
	for _, namespace := range namespaces {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace.Name, Labels: namespace.Labels}}
		_, err := client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) { // a run that was killed may have left it without a label
			err = relabel(ctx, client, namespace)
		}
		if err != nil {
			return fmt.Errorf("namespace %s: %w", namespace.Name, err)
		}
	}
	return nil
}

// relabel gives a namespace that is there the labels that the world says.
func relabel(ctx context.Context, client kubernetes.Interface, namespace world.Namespace) error {
	change, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": namespace.Labels}})
	if err == nil {
		_, err = client.CoreV1().Namespaces().Patch(ctx, namespace.Name, types.MergePatchType, change, metav1.PatchOptions{})
	}
	return err
}

// haveDefaultServiceAccounts is nil when the namespace default and the given
// ones have the ServiceAccount without which no pod is admitted. A namespace
// that is being deleted gets none.
func haveDefaultServiceAccounts(ctx context.Context, client kubernetes.Interface, namespaces []world.Namespace) error {
	names := []string{metav1.NamespaceDefault}
	for _, namespace := range namespaces {
		names = append(names, namespace.Name)
	}
	for _, name := range names {
		namespace, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		if namespace.DeletionTimestamp != nil {
			continue
		}
		if _, err := client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return fmt.Errorf("service account %s/default: %w", name, err)
		}
	}
	return nil
}
