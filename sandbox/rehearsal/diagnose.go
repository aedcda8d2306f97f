package rehearsal

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
)

// Diagnose tells how far the refresher came when it last ran since the given
// time on any of the clusters, from its own lines; where several ran, how far one
// that failed. Nothing where none ran. It needs no outputs: an update that failed
// has none.
func Diagnose(ctx context.Context, since time.Time, running []*controlplane.Cluster) ([]Hop, error) {
	clusters, err := openClusters(running)
	if err != nil {
		return nil, err
	}
	var last []Hop
	for _, c := range clusters {
		runs, err := c.lastRuns(ctx, since)
		if err != nil {
			return nil, err
		}
		for _, namespace := range slices.Sorted(maps.Keys(runs)) {
			log, err := c.log(ctx, runs[namespace])
			if err != nil {
				return nil, err
			}
			hops := refresherHops(log)
			if slices.ContainsFunc(hops, func(hop Hop) bool { return !hop.OK }) {
				return hops, nil
			}
			last = hops
		}
	}
	return last, nil
}

// lastRuns are the refreshers' pods since the given time, the last one of each
// namespace.
func (c *cluster) lastRuns(ctx context.Context, since time.Time) (map[string]corev1.Pod, error) {
	pods, err := c.admin.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	runs := map[string]corev1.Pod{}
	for _, pod := range pods.Items {
		// Kubernetes counts in whole seconds.
		if pod.CreationTimestamp.Time.Before(since.Truncate(time.Second)) || !isRefresher(pod.Spec) {
			continue
		}
		if other, ran := runs[pod.Namespace]; !ran || pod.CreationTimestamp.After(other.CreationTimestamp.Time) {
			runs[pod.Namespace] = pod
		}
	}
	return runs, nil
}

func isRefresher(pod corev1.PodSpec) bool {
	for _, variable := range pod.Containers[0].Env {
		if variable.Name == "WAYBILL_SECRET" {
			return true
		}
	}
	return false
}
