package rehearsal

import (
	"context"
	"crypto/rsa"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/keyutil"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
)

// cluster is a cluster of the world, as its administrator has it.
type cluster struct {
	*controlplane.Cluster
	admin kubernetes.Interface
}

func openClusters(running []*controlplane.Cluster) (all []*cluster, err error) {
	for _, c := range running {
		admin, err := kubernetes.NewForConfig(c.RESTConfig())
		if err != nil {
			return nil, err
		}
		all = append(all, &cluster{c, admin})
	}
	return all, nil
}

// accountToken asks the cluster for a ServiceAccount's token, as a kubelet
// does; an empty audience is the API server's.
func (c *cluster) accountToken(ctx context.Context, namespace, account, audience string) (string, error) {
	request := &authenticationv1.TokenRequest{}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	answer, err := c.admin.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("rehearsal: token of %s/%s: %w", namespace, account, err)
	}
	return answer.Status.Token, nil
}

// log reads what a pod's first container wrote.
func (c *cluster) log(ctx context.Context, pod corev1.Pod) ([]byte, error) {
	options := &corev1.PodLogOptions{Container: pod.Spec.Containers[0].Name}
	return c.admin.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(ctx)
}

// signingKey is the cluster's own: whoever has it can be every ServiceAccount.
func (c *cluster) signingKey() (*rsa.PrivateKey, error) {
	key, err := keyutil.PrivateKeyFromFile(c.SigningKeyFile())
	if err != nil {
		return nil, err
	}
	signing, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("rehearsal: %s holds no RSA key", c.SigningKeyFile())
	}
	return signing, nil
}
