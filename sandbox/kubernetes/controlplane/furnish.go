package controlplane

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox/world"
)

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
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("namespace %s: %w", namespace.Name, err)
		}
	}
	return nil
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
