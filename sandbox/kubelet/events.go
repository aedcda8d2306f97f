package kubelet

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// events records events as a node's components do: in the background, with
// repetitions counted.
type events struct {
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
}

func newEvents(client kubernetes.Interface, node string) *events {
	// A logger that says nothing: that an event's namespace is gone is no news.
	broadcaster := record.NewBroadcaster(record.WithContext(klog.NewContext(context.Background(), klog.Logger{})))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &events{
		broadcaster: broadcaster,
		recorder:    broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: node}),
	}
}

// stop drops what has not been recorded yet.
func (e *events) stop() { e.broadcaster.Shutdown() }

// pod records an event of the pod.
func (e *events) pod(pod *corev1.Pod, kind, reason, format string, arguments ...any) {
	e.container(pod, "", kind, reason, format, arguments...)
}

// container records an event of one of the pod's containers.
func (e *events) container(pod *corev1.Pod, field, kind, reason, format string, arguments ...any) {
	e.recorder.Eventf(&corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod",
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		ResourceVersion: pod.ResourceVersion, FieldPath: field,
	}, kind, reason, format, arguments...)
}
