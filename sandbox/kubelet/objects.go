package kubelet

import (
	"fmt"
	"net/netip"
	"sync"

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

// addresses gives every pod an address of its own. They are made up, of a range
// that clusters like to use, and reach nothing.
type addresses struct {
	mu    sync.Mutex
	taken map[netip.Addr]bool
}

func newAddresses() *addresses { return &addresses{taken: map[netip.Addr]bool{}} }

// take is the address that is wanted, where a pod has one already, or the
// lowest that is free.
func (a *addresses) take(wanted string) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	address, err := netip.ParseAddr(wanted)
	if err != nil {
		for address = netip.AddrFrom4([4]byte{10, 244, 0, 2}); a.taken[address]; {
			address = address.Next()
		}
	}
	a.taken[address] = true
	return address
}

func (a *addresses) giveBack(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.taken, address)
}
