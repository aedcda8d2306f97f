package kubelet

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// configMap reads a ConfigMap of the pod's namespace; nil where it is optional
// and missing.
func (w *worker) configMap(name string, optional *bool) (*corev1.ConfigMap, error) {
	found, err := w.k.client.CoreV1().ConfigMaps(w.pod.Namespace).Get(w.ctx, name, metav1.GetOptions{})
	return settled(found, err, "configmap", name, optional)
}

// secret reads a Secret of the pod's namespace; nil where it is optional and
// missing.
func (w *worker) secret(name string, optional *bool) (*corev1.Secret, error) {
	found, err := w.k.client.CoreV1().Secrets(w.pod.Namespace).Get(w.ctx, name, metav1.GetOptions{})
	return settled(found, err, "secret", name, optional)
}

// settled says what is missing in the kubelet's words.
func settled[T any](found *T, err error, kind, name string, optional *bool) (*T, error) {
	switch {
	case apierrors.IsNotFound(err) && ptr.Deref(optional, false):
		return nil, nil
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("%s %q not found", kind, name)
	case err != nil:
		return nil, err
	default:
		return found, nil
	}
}
