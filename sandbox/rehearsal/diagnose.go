package rehearsal

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Diagnose tells how far the refresher came when it last ran since the given
// time, from its own lines; nothing where it did not run. It needs no outputs:
// an update that failed has none.
func Diagnose(ctx context.Context, since time.Time, config *rest.Config, logs func(namespace, pod, container string) ([]byte, error)) ([]Hop, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	var last *corev1.Pod
	for i, pod := range pods.Items {
		// Kubernetes counts in whole seconds.
		if pod.CreationTimestamp.Time.Before(since.Truncate(time.Second)) {
			continue
		}
		if isRefresher(pod.Spec) && (last == nil || pod.CreationTimestamp.After(last.CreationTimestamp.Time)) {
			last = &pods.Items[i]
		}
	}
	if last == nil {
		return nil, nil
	}
	log, err := logs(last.Namespace, last.Name, last.Spec.Containers[0].Name)
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	return refresherHops(log), nil
}

func isRefresher(pod corev1.PodSpec) bool {
	for _, variable := range pod.Containers[0].Env {
		if variable.Name == "WAYBILL_SECRET" {
			return true
		}
	}
	return false
}
