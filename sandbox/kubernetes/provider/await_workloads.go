package provider

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// eventLimit is how many warning events a message carries.
const eventLimit = 5

// checkJob: a Job is ready when it is complete and fails at once when it has
// failed. The reasons name its condition and what its pods ended with.
func checkJob(ctx context.Context, s *session, live *unstructured.Unstructured) (verdict, error) {
	var job batchv1.Job
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &job); err != nil {
		return verdict{}, err
	}
	var result verdict
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return verdict{ready: true}, nil
		case batchv1.JobFailed:
			result.failed = true
			result.reasons = append(result.reasons, fmt.Sprintf("%s: %s", condition.Reason, condition.Message))
		}
	}
	pods, names, err := s.podProblems(ctx, job.Namespace, labels.Set{batchv1.JobNameLabel: job.Name}.String())
	if err != nil {
		return verdict{}, err
	}
	result.reasons = append(result.reasons, pods...)
	events, err := s.warningEvents(ctx, job.Namespace, append(names, job.Name))
	if err != nil {
		return verdict{}, err
	}
	result.reasons = append(result.reasons, events...)
	if len(result.reasons) == 0 {
		result.reasons = append(result.reasons, fmt.Sprintf("%d of its pods are active, %d succeeded, %d failed",
			job.Status.Active, job.Status.Succeeded, job.Status.Failed))
	}
	result.reasons = append(result.reasons, fmt.Sprintf("see kubectl logs -n %s job/%s", job.Namespace, job.Name))
	return result, nil
}

// jobIsComplete is false for a Job that failed, still runs or cannot be read.
func (s *session) jobIsComplete(ctx context.Context, namespace, name string) bool {
	job, err := s.typed.BatchV1().Jobs(namespace).Get(ctx, name, metav1.GetOptions{})
	return err == nil && slices.ContainsFunc(job.Status.Conditions, func(condition batchv1.JobCondition) bool {
		return condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue
	})
}

// checkDeployment: a Deployment is ready when its controller has seen this
// generation, its newest ReplicaSet is available and so is the Deployment. It
// never fails before the timeout, not even past its progress deadline: v4.30
// goes on waiting, because a pull may still succeed.
func checkDeployment(ctx context.Context, s *session, live *unstructured.Unstructured) (verdict, error) {
	var deployment appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &deployment); err != nil {
		return verdict{}, err
	}
	var result verdict
	var available, rolledOut bool
	for _, condition := range deployment.Status.Conditions {
		holds := condition.Status == corev1.ConditionTrue
		switch {
		case condition.Type == appsv1.DeploymentAvailable && holds:
			available = true
		case condition.Type == appsv1.DeploymentProgressing && holds:
			rolledOut = condition.Reason == "NewReplicaSetAvailable"
		case condition.Type == appsv1.DeploymentReplicaFailure && !holds:
			// Its absence and its end mean the same.
		default:
			result.reasons = append(result.reasons, fmt.Sprintf("%s: %s", condition.Reason, condition.Message))
		}
	}
	seen := deployment.Status.ObservedGeneration >= deployment.Generation
	if seen && available && rolledOut {
		return verdict{ready: true}, nil
	}
	if !seen {
		result.reasons = append(result.reasons, "the deployment controller has not seen this version yet")
	}
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return verdict{}, err
	}
	pods, names, err := s.podProblems(ctx, deployment.Namespace, selector.String())
	if err != nil {
		return verdict{}, err
	}
	events, err := s.warningEvents(ctx, deployment.Namespace, append(names, deployment.Name))
	if err != nil {
		return verdict{}, err
	}
	result.reasons = append(result.reasons, append(pods, events...)...)
	if len(result.reasons) == 0 {
		result.reasons = append(result.reasons, fmt.Sprintf("%d of its %d pods are available",
			deployment.Status.AvailableReplicas, deployment.Status.Replicas))
	}
	return result, nil
}

// checkService: a Service with a selector is ready when one of its endpoints
// is; without one, or without an address of its own, at once. A load balancer
// is not waited for: the sandbox has none.
func checkService(ctx context.Context, s *session, live *unstructured.Unstructured) (verdict, error) {
	var service corev1.Service
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &service); err != nil {
		return verdict{}, err
	}
	if len(service.Spec.Selector) == 0 || service.Spec.ClusterIP == corev1.ClusterIPNone || service.Spec.Type == corev1.ServiceTypeExternalName {
		return verdict{ready: true}, nil
	}
	published, err := s.typed.DiscoveryV1().EndpointSlices(service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{discoveryv1.LabelServiceName: service.Name}.String(),
	})
	if err != nil {
		return verdict{}, err
	}
	for _, slice := range published.Items {
		for _, endpoint := range slice.Endpoints {
			// An absent condition means ready.
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return verdict{ready: true}, nil
			}
		}
	}
	return verdict{reasons: []string{fmt.Sprintf("no pod with the labels %s is ready", labels.Set(service.Spec.Selector))}}, nil
}

// podProblems says what is wrong with the selected pods, and their names.
func (s *session) podProblems(ctx context.Context, namespace, selector string) (problems, names []string, err error) {
	pods, err := s.typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, nil, err
	}
	for _, pod := range pods.Items {
		names = append(names, pod.Name)
		report := func(format string, args ...any) {
			problems = append(problems, "pod "+pod.Name+": "+fmt.Sprintf(format, args...))
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
				report("%s: %s", condition.Reason, condition.Message)
			}
		}
		for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			state := container.State
			switch {
			case state.Waiting != nil && state.Waiting.Reason != "ContainerCreating" && state.Waiting.Reason != "PodInitializing":
				report("container %s: %s: %s", container.Name, state.Waiting.Reason, state.Waiting.Message)
			case state.Terminated != nil && state.Terminated.ExitCode != 0:
				report("container %s: exit code %d: %s %s", container.Name, state.Terminated.ExitCode, state.Terminated.Reason, state.Terminated.Message)
			}
		}
	}
	return problems, names, nil
}

// warningEvents returns the newest warning events about the named objects.
func (s *session) warningEvents(ctx context.Context, namespace string, names []string) ([]string, error) {
	events, err := s.typed.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=" + corev1.EventTypeWarning})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(events.Items, func(a, b corev1.Event) int { return b.LastTimestamp.Compare(a.LastTimestamp.Time) })
	var messages []string
	for _, event := range events.Items {
		message := fmt.Sprintf("%s: %s", event.Reason, event.Message)
		if slices.Contains(names, event.InvolvedObject.Name) && !slices.Contains(messages, message) && len(messages) < eventLimit {
			messages = append(messages, message)
		}
	}
	return messages, nil
}
