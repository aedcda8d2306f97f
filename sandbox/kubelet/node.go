package kubelet

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/retry"
)

// hostAddress is the node's address: its pods' logs are served there, and its
// pods use this machine's network.
const hostAddress = "127.0.0.1"

// registerNode makes the node, or takes over the one that an earlier kubelet
// of this name made. It needs no heartbeat: nobody watches for one, as the
// node-lifecycle controller does not run (docs/building.md).
func (k *Kubelet) registerNode(ctx context.Context) error {
	nodes := k.client.CoreV1().Nodes()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: k.config.Node, Labels: k.labels()}}
	if _, err := nodes.Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live, err := nodes.Get(ctx, k.config.Node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		live.Labels = node.Labels
		// Admission marks a new node as not ready until the controller that does
		// not run here finds it ready.
		live.Spec.Taints = k.config.Taints
		if live, err = nodes.Update(ctx, live, metav1.UpdateOptions{}); err != nil {
			return err
		}
		live.Status = k.nodeStatus()
		_, err = nodes.UpdateStatus(ctx, live, metav1.UpdateOptions{})
		return err
	})
}

// labels are those of every node, and the world's. Its region and zone are a cloud's to
// say, and many clusters have none.
func (k *Kubelet) labels() map[string]string {
	all := map[string]string{
		corev1.LabelHostname:   k.config.Node,
		corev1.LabelOSStable:   "linux",
		corev1.LabelArchStable: runtime.GOARCH,
	}
	maps.Copy(all, k.config.Labels)
	return all
}

func (k *Kubelet) nodeStatus() corev1.NodeStatus {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:  *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourcePods: *resource.NewQuantity(110, resource.DecimalSI),
	}
	now := metav1.NewTime(time.Now())
	return corev1.NodeStatus{
		Capacity:    resources,
		Allocatable: resources,
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			Message:           "the sandbox's kubelet runs pods on this machine",
			LastHeartbeatTime: now, LastTransitionTime: now,
		}},
		// One address only: the API server would prefer a host name to it, and
		// the node's resolves nowhere.
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: hostAddress}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: k.logServer.port}},
		NodeInfo:        corev1.NodeSystemInfo{OperatingSystem: "linux", Architecture: runtime.GOARCH, KubeletVersion: "sandbox", ContainerRuntimeVersion: runtimeName + "://1"},
	}
}

// unfit is why the pod may not run on the node, in a scheduler's words; empty where
// it may (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/,
// https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/).
func (k *Kubelet) unfit(pod *corev1.Pod) string {
	if !labels.SelectorFromSet(pod.Spec.NodeSelector).Matches(labels.Set(k.labels())) {
		return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
	}
	for i := range k.config.Taints {
		taint := &k.config.Taints[i]
		tolerated := slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return t.ToleratesTaint(taint) })
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated {
			return fmt.Sprintf("0/1 nodes are available: 1 node(s) had untolerated taint {%s: %s}.", taint.Key, taint.Value)
		}
	}
	for _, spread := range pod.Spec.TopologySpreadConstraints {
		if _, has := k.labels()[spread.TopologyKey]; !has && spread.WhenUnsatisfiable == corev1.DoNotSchedule {
			return "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label)."
		}
	}
	return ""
}

// leavePending says why no node takes the pod. It is false when that is worth
// saying again.
func (k *Kubelet) leavePending(pod *corev1.Pod, why string) bool {
	said := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: why,
		LastTransitionTime: metav1.Now(),
	}
	if slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == said.Type && c.Message == why }) {
		return true
	}
	changed := pod.DeepCopy()
	changed.Status.Conditions = []corev1.PodCondition{said}
	_, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(k.ctx, changed, metav1.UpdateOptions{})
	switch {
	case err == nil:
		k.events.pod(pod, corev1.EventTypeWarning, "FailedScheduling", "%s", why)
		return true
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // It is gone, or seen anew.
		return true
	default:
		return false
	}
}

// bind assigns the pod to the node, as a scheduler would. It is false when that
// is worth trying again.
func (k *Kubelet) bind(pod *corev1.Pod) bool {
	err := k.client.CoreV1().Pods(pod.Namespace).Bind(k.ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: k.config.Node},
	}, metav1.CreateOptions{})
	switch {
	case err == nil:
		k.events.pod(pod, corev1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, k.config.Node)
		return true
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // It is gone, or bound.
		return true
	default:
		return false
	}
}
