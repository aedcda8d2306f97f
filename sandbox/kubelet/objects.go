package kubelet

import (
	"crypto/sha256"
	"fmt"
	"net/netip"

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

// podAddress is made up, of ranges that clusters like to use, and reaches nothing:
// half of 10.0.0.0/8, so that hardly two pods have the same.
func podAddress(pod *corev1.Pod) string {
	sum := sha256.Sum256([]byte(pod.UID))
	return netip.AddrFrom4([4]byte{10, sum[0] | 0x80, sum[1], sum[2]}).String()
}
