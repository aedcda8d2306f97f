package kubelet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// change changes what the status says and has it published.
func (w *worker) change(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	select {
	case w.dirty <- struct{}{}:
	default: // It is to be published already.
	}
}

// publish writes the status whenever it has changed, the last time when the
// worker is over. Changes that follow closely are written as one.
func (w *worker) publish(over <-chan struct{}) {
	for last := false; !last; {
		select {
		case <-w.dirty:
		case <-over:
			last = true
			select {
			case <-w.dirty:
			default:
				return
			}
		}
		for !w.write() && pause(w.hard, time.Second) == nil {
			continue
		}
	}
}

// write is false when it is worth trying again.
func (w *worker) write() bool {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": w.pod.UID}, // of this pod, not of a later one of its name
		"status":   w.status(),
	})
	if err == nil {
		_, err = w.k.client.CoreV1().Pods(w.pod.Namespace).Patch(w.k.ctx, w.pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true
	}
	if w.k.ctx.Err() == nil {
		w.k.config.Progress(fmt.Sprintf("pod %s/%s: write the status: %v", w.pod.Namespace, w.pod.Name, err))
	}
	return false
}

// status is what the API server is told.
func (w *worker) status() corev1.PodStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	if phase := w.currentPhase(); phase == corev1.PodSucceeded || phase == corev1.PodFailed {
		w.phase = phase
	}
	w.setConditions()
	status := corev1.PodStatus{
		Phase:      w.currentPhase(),
		Conditions: slices.Clone(w.conditions),
		HostIP:     hostAddress, HostIPs: []corev1.HostIP{{IP: hostAddress}},
		PodIP: w.address, PodIPs: []corev1.PodIP{{IP: w.address}},
		StartTime: &w.started,
	}
	for _, c := range w.containers {
		status.ContainerStatuses = append(status.ContainerStatuses, *c.status.DeepCopy())
	}
	return status
}

// currentPhase follows the rules of
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase:
// no container is started again.
func (w *worker) currentPhase() corev1.PodPhase {
	if w.phase != "" {
		return w.phase
	}
	var waiting, running, failed bool
	for _, c := range w.containers {
		switch state := c.status.State; {
		case state.Running != nil:
			running = true
		case state.Terminated == nil:
			waiting = true
		case state.Terminated.ExitCode != 0:
			failed = true
		}
	}
	switch {
	case waiting:
		return corev1.PodPending
	case running:
		return corev1.PodRunning
	case failed:
		return corev1.PodFailed
	default:
		return corev1.PodSucceeded
	}
}

func (w *worker) setConditions() {
	phase := w.currentPhase()
	unready := []string{}
	for _, c := range w.containers {
		c.status.Ready = c.status.State.Running != nil
		started := c.status.Ready
		c.status.Started = &started
		if !c.status.Ready {
			unready = append(unready, c.spec.Name)
		}
	}
	var reason, message string
	switch {
	case phase == corev1.PodSucceeded:
		reason = "PodCompleted"
	case phase == corev1.PodFailed:
		reason = "PodFailed"
	case len(unready) > 0:
		reason, message = "ContainersNotReady", fmt.Sprintf("containers with unready status: [%s]", strings.Join(unready, " "))
	}
	ready := reason == ""
	w.setCondition(corev1.ContainersReady, ready, reason, message)
	w.setCondition(corev1.PodReady, ready, reason, message)
	w.setCondition(corev1.PodReadyToStartContainers, phase == corev1.PodPending || phase == corev1.PodRunning, "", "")
	if phase != corev1.PodSucceeded {
		reason = ""
	}
	w.setCondition(corev1.PodInitialized, true, reason, "")
}

func (w *worker) setCondition(kind corev1.PodConditionType, holds bool, reason, message string) {
	condition := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
	if holds {
		condition.Status = corev1.ConditionTrue
	}
	i := slices.IndexFunc(w.conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	if i < 0 {
		w.conditions = append(w.conditions, condition)
		return
	}
	if w.conditions[i].Status == condition.Status {
		condition.LastTransitionTime = w.conditions[i].LastTransitionTime
	}
	w.conditions[i] = condition
}
