package kubelet

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
)

// events records events as a node's components do: in the background, with
// repetitions counted.
type events struct {
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
}

func newEvents(client kubernetes.Interface, node string) *events {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(eventSink{client})
	return &events{
		broadcaster: broadcaster,
		recorder:    broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: node}),
	}
}

// stop drops what has not been recorded yet.
func (e *events) stop() { e.broadcaster.Shutdown() }

// pod records an event of the pod.
func (e *events) pod(pod *corev1.Pod, kind, reason, format string, arguments ...any) {
	e.recorder.Event(reference(pod, ""), kind, reason, fmt.Sprintf(format, arguments...))
}

// container records an event of one of the pod's containers.
func (e *events) container(pod *corev1.Pod, field, kind, reason, format string, arguments ...any) {
	e.recorder.Event(reference(pod, field), kind, reason, fmt.Sprintf(format, arguments...))
}

func reference(pod *corev1.Pod, field string) *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod",
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		ResourceVersion: pod.ResourceVersion, FieldPath: field,
	}
}

// eventSink writes events. Those of a namespace on its way out are refused,
// which is no news: the library would log it.
type eventSink struct{ client kubernetes.Interface }

func (s eventSink) Create(event *corev1.Event) (*corev1.Event, error) {
	return settle(event)(s.client.CoreV1().Events("").CreateWithEventNamespaceWithContext(context.Background(), event))
}

func (s eventSink) Update(event *corev1.Event) (*corev1.Event, error) {
	return settle(event)(s.client.CoreV1().Events("").UpdateWithEventNamespaceWithContext(context.Background(), event))
}

func (s eventSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	return settle(event)(s.client.CoreV1().Events("").PatchWithEventNamespaceWithContext(context.Background(), event, data))
}

func settle(event *corev1.Event) func(*corev1.Event, error) (*corev1.Event, error) {
	return func(written *corev1.Event, err error) (*corev1.Event, error) {
		var status apierrors.APIStatus
		if errors.As(err, &status) && (apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) ||
			status.Status().Details != nil && status.Status().Details.Kind == "namespaces" && status.Status().Reason == metav1.StatusReasonNotFound) {
			return event, nil
		}
		return written, err
	}
}
