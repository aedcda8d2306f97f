package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"waybill.example/waybill/sandbox/kubelet/internal/rootfs"
)

// errGone is why containers end whose pod is no longer there.
var errGone = errors.New("the pod is gone")

// deleted is why containers end whose pod is being deleted.
type deleted struct{ grace time.Duration }

func (deleted) Error() string { return "the pod is being deleted" }

func deletion(pod *corev1.Pod) error {
	return deleted{time.Duration(ptr.Deref(pod.DeletionGracePeriodSeconds, 0)) * time.Second}
}

// worker runs one pod, from its binding to its removal.
type worker struct {
	k       *Kubelet
	pod     *corev1.Pod // as it was when the worker began; never written
	dir     string      // the pod's volumes, roots and logs
	address string
	proxy   string // HTTPS_PROXY, by which the network knows the pod
	outside string // where the cluster's proxy listens for the pod, if there is one
	forget  func() // ends the pod's way out

	// ctx ends when the containers are to end, hard when they are to end at once.
	ctx, hard   context.Context
	cancel, end context.CancelCauseFunc

	containers []*container

	over, forgotten bool // under k.mu: it has ended; its pod is gone

	mu         sync.Mutex
	phase      corev1.PodPhase // set when nothing more will run
	started    metav1.Time
	conditions []corev1.PodCondition
	dirty      chan struct{} // the status is to be published

	// volumes are the contents of the pod's volumes, by name, without those of
	// emptyDirs. They are there before a container runs.
	volumes map[string]volume
}

func newWorker(k *Kubelet, pod *corev1.Pod) *worker {
	w := &worker{
		k:          k,
		pod:        pod,
		dir:        filepath.Join(k.config.Dir, "pods", string(pod.UID)),
		address:    cmp.Or(pod.Status.PodIP, podAddress(pod)),
		started:    ptr.Deref(pod.Status.StartTime, metav1.Now()),
		conditions: pod.Status.DeepCopy().Conditions,
		dirty:      make(chan struct{}, 1),
	}
	w.proxy, w.forget = k.config.Network.ProxyFor(string(pod.UID), func(ctx context.Context, host string) error {
		return k.config.Policies.Host(ctx, pod, host)
	})
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		w.phase = pod.Status.Phase
	}
	var kill context.CancelCauseFunc
	w.hard, kill = context.WithCancelCause(k.ctx)
	w.ctx, w.cancel = context.WithCancelCause(w.hard)
	w.end = func(cause error) {
		if errors.Is(cause, errGone) {
			kill(cause)
		}
		w.cancel(cause)
	}
	for i := range pod.Spec.Containers {
		w.containers = append(w.containers, newContainer(w, &pod.Spec.Containers[i]))
	}
	return w
}

// run runs the containers and stays until the pod is removed or the kubelet
// stops.
func (w *worker) run() {
	defer w.k.dismiss(w)
	published := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(published)
		w.publish(over)
	}()
	if w.phase == "" {
		w.change(func() {})
		w.runContainers()
	}
	<-w.ctx.Done()
	w.forget()
	close(over)
	<-published
	w.remove()
}

func (w *worker) runContainers() {
	if problems := unsupported(w.pod); len(problems) > 0 {
		w.refuse(problems)
		return
	}
	if err := w.reachProxy(); err != nil {
		w.refuse([]error{err})
		return
	}
	if w.wantsVolumes() && w.mountVolumes() != nil {
		return
	}
	var running sync.WaitGroup
	for _, c := range w.containers {
		running.Go(func() {
			_ = c.run() // The status has its end; an error is that of ctx.
		})
	}
	running.Wait()
}

// unsupportedReason is why a pod waits that asks for what the sandbox does not do.
const unsupportedReason = "UnsupportedBySandbox"

// refuse leaves the pod pending and says why wherever somebody may look.
func (w *worker) refuse(problems []error) {
	message := errors.Join(problems...).Error()
	w.change(func() {
		for _, c := range w.containers {
			c.status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: unsupportedReason, Message: message}}
		}
	})
	w.k.events.pod(w.pod, corev1.EventTypeWarning, unsupportedReason, "%s", message)
	w.k.config.Progress(fmt.Sprintf("pod %s/%s stays pending: %s", w.pod.Namespace, w.pod.Name, message))
}

// wantsVolumes is false for a pod that only goes on.
func (w *worker) wantsVolumes() bool {
	return slices.ContainsFunc(w.containers, func(c *container) bool { return !c.standsFor() && c.status.State.Terminated == nil })
}

// insist tries until it succeeds or the pod ends, which is the error, and tells of each
// failure.
func (w *worker) insist(try func() error, tell func(error)) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if stopped := context.Cause(w.ctx); stopped != nil {
			return stopped
		}
		tell(err)
		if err := pause(w.ctx, retryInterval); err != nil {
			return err
		}
	}
}

// grace is how long containers have to end.
func (w *worker) grace() time.Duration {
	var cause deleted
	if errors.As(context.Cause(w.ctx), &cause) {
		return cause.grace
	}
	return 0
}

// remove lets the API server forget a pod that was deleted, and forgets it here;
// when the kubelet stops, it leaves everything to the next one.
func (w *worker) remove() {
	for w.hard.Err() == nil {
		err := w.k.client.CoreV1().Pods(w.pod.Namespace).Delete(w.k.ctx, w.pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To[int64](0),
			Preconditions:      metav1.NewUIDPreconditions(string(w.pod.UID)),
		})
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			break
		}
		_ = pause(w.hard, time.Second) // The loop's condition looks.
	}
	if w.k.ctx.Err() != nil {
		return
	}
	if err := rootfs.RemoveAll(w.dir); err != nil {
		w.k.config.Progress(fmt.Sprintf("pod %s/%s: clean up: %v", w.pod.Namespace, w.pod.Name, err))
	}
}

// prepareDirectories removes what pods left that are gone, and the roots of
// containers that a kubelet before this one ran.
func (k *Kubelet) prepareDirectories(ctx context.Context) error {
	pods, err := k.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + k.config.Node})
	if err != nil {
		return fmt.Errorf("list the pods: %w", err)
	}
	live := map[string]bool{}
	for _, pod := range pods.Items {
		live[string(pod.UID)] = true
	}
	dir := filepath.Join(k.config.Dir, "pods")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		stale := filepath.Join(dir, entry.Name())
		if live[entry.Name()] {
			stale = filepath.Join(stale, "roots")
		}
		if err := rootfs.RemoveAll(stale); err != nil {
			return err
		}
	}
	return nil
}
