package provider_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

// playKubelet binds the selected pods of shop to a node, gives them a status
// once, and removes those that are being deleted, until the test ends.
func playKubelet(t *testing.T, selector string, status corev1.PodStatus) {
	t.Helper()
	const node = "node"
	_, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	// An error below means that the pod changed meanwhile: the next tick sees it.
	tend := func(pod *corev1.Pod) {
		pods := client.CoreV1().Pods(pod.Namespace)
		switch {
		case pod.DeletionTimestamp != nil:
			_ = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		case pod.Spec.NodeName == "":
			_ = pods.Bind(ctx, &corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace},
				Target:     corev1.ObjectReference{Kind: "Node", Name: node},
			}, metav1.CreateOptions{})
		case pod.Status.PodIP == "":
			pod.Status = *status.DeepCopy()
			pod.Status.PodIP, pod.Status.PodIPs = "10.1.0.7", []corev1.PodIP{{IP: "10.1.0.7"}}
			_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		}
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			pods, err := client.CoreV1().Pods("shop").List(ctx, metav1.ListOptions{LabelSelector: selector})
			if err != nil {
				continue
			}
			for i := range pods.Items {
				tend(&pods.Items[i])
			}
		}
	}()
}

var running = corev1.PodStatus{
	Phase: corev1.PodRunning,
	Conditions: []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionTrue},
		{Type: corev1.ContainersReady, Status: corev1.ConditionTrue},
	},
}

func ended(phase corev1.PodPhase, code int32, message string) corev1.PodStatus {
	return corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "main", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", Message: message}},
	}}}
}

func awaitedJob(name string, annotations object) object {
	return object{
		"metadata": object{"name": name, "namespace": "shop", "annotations": annotations},
		"spec":     object{"backoffLimit": 0, "template": podTemplate("registry.example/job:1", object{"app": name})},
	}
}

func TestAJobIsWaitedForUntilItCompletes(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	playKubelet(t, "app=completes", ended(corev1.PodSucceeded, 0, ""))
	created := e.mustCreate("batch/v1:Job", "completes", awaitedJob("completes", nil))
	assert.Contains(t, created.text("status.conditions"), "Complete")
	assert.Empty(t, e.messages())
	_, err := e.refresh(created)
	require.NoError(t, err)
}

func TestAFailedJobIsReportedAtOnceWithItsPodsWords(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	playKubelet(t, "app=fails", ended(corev1.PodFailed, 3, "hop sts: invalid_target"))
	began := time.Now()
	created, err := e.create("batch/v1:Job", "fails", awaitedJob("fails", nil))
	require.Less(t, time.Since(began), timeoutSeconds*time.Second, "it does not wait for the timeout")
	var initError *plugin.InitError
	require.True(t, errors.As(err, &initError), "the engine keeps the object and tries again: %v", err)
	for _, part := range []string{
		"Job shop/fails: ", "BackoffLimitExceeded: Job has reached the specified backoff limit",
		"container main: exit code 3", "hop sts: invalid_target", "kubectl logs -n shop job/fails",
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.Equal(t, resource.ID("shop/fails"), created.id)
	assert.NotEmpty(t, created.text("metadata.uid"), "the outputs are kept too")

	_, err = e.refresh(created)
	require.ErrorContains(t, err, "BackoffLimitExceeded", "a refresh reports it again")
}

func TestWaitingEndsWithTheTimeoutAndSaysWhy(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	playKubelet(t, "app=unpullable", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "ImagePullBackOff", Message: `Back-off pulling image "registry.example/web:1": 403 Forbidden`,
		}},
	}}})
	s := state{urn: urnOf("apps/v1:Deployment", "unpullable")}
	inputs := e.mustCheck(s, properties(deployment("unpullable", "registry.example/web:1")))
	_, err := e.provider.Create(t.Context(), plugin.CreateRequest{URN: s.urn, Properties: inputs, Timeout: 2})
	for _, part := range []string{
		"Deployment shop/unpullable: did not become available: timed out after 2s", "MinimumReplicasUnavailable", "ImagePullBackOff", "403 Forbidden",
	} {
		assert.ErrorContains(t, err, part)
	}
}

func TestAPodThatIsDeniedIsTheReasonThatADeploymentIsNot(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	inputs := deployment("denied", "registry.example/web:1")
	inputs["metadata"] = object{"name": "denied", "namespace": "strict", "annotations": object{"pulumi.com/timeoutSeconds": "3"}}
	inputs["spec"].(object)["template"].(object)["spec"] = object{"containers": []any{object{"name": "main", "image": "registry.example/web:1"}}}
	s := state{urn: urnOf("apps/v1:Deployment", "denied")}
	checked := e.mustCheck(s, properties(inputs))
	_, err := e.provider.Create(t.Context(), plugin.CreateRequest{URN: s.urn, Properties: checked})
	require.ErrorContains(t, err, "timed out after 3s")
	require.ErrorContains(t, err, `FailedCreate: pods "denied-`)
	require.ErrorContains(t, err, `violates PodSecurity "restricted:latest"`)
}

func TestADeploymentAndItsServiceAreWaitedFor(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	playKubelet(t, "app=available", running)
	created := e.mustCreate("apps/v1:Deployment", "available", deployment("available", "registry.example/web:1"))
	updated := e.mustUpdate(created, deployment("available", "registry.example/web:2"))
	assert.Contains(t, updated.text("status.conditions"), "NewReplicaSetAvailable")
	live, err := client.AppsV1().Deployments("shop").Get(t.Context(), "available", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, live.Generation, live.Status.ObservedGeneration, "the new version was waited for")

	e.mustCreate("core/v1:Service", "available", object{
		"metadata": object{"name": "available", "namespace": "shop"},
		"spec":     object{"selector": object{"app": "available"}, "ports": []any{object{"port": 80}}},
	})
	s := state{urn: urnOf("core/v1:Service", "nobody")}
	inputs := e.mustCheck(s, properties(object{
		"metadata": object{"name": "nobody", "namespace": "shop"},
		"spec":     object{"selector": object{"app": "nobody"}, "ports": []any{object{"port": 80}}},
	}))
	_, err = e.provider.Create(t.Context(), plugin.CreateRequest{URN: s.urn, Properties: inputs, Timeout: 1})
	require.ErrorContains(t, err, "Service shop/nobody: did not have endpoints: timed out after 1s: no pod with the labels app=nobody is ready")
}

func TestSkipAwaitDoesNotWaitAndSaysNothing(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	e.mustCreate("batch/v1:Job", "skipped", awaitedJob("skipped", object{"pulumi.com/skipAwait": "true"}))
	assert.Empty(t, e.messages())
}

func TestKindsThatAreNotWaitedForAreSaidSo(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	e.mustCreate("apps/v1:StatefulSet", "stateful", object{
		"metadata": object{"name": "stateful", "namespace": "shop"},
		"spec": object{
			"serviceName": "stateful", "replicas": 0, "selector": object{"matchLabels": object{"app": "stateful"}},
			"template": object{"metadata": object{"labels": object{"app": "stateful"}}, "spec": object{
				"containers": []any{object{"name": "main", "image": "registry.example/web:1"}},
			}},
		},
	})
	assert.Equal(t, []string{"created; the sandbox does not wait for a StatefulSet, as the real provider does"}, e.messages())
}

func TestCancellingEndsTheWait(t *testing.T) {
	e := open(t, provider.Options{Await: true}, nil)
	failed := make(chan error, 1)
	s := state{urn: urnOf("batch/v1:Job", "cancelled")}
	inputs := e.mustCheck(s, properties(awaitedJob("cancelled", nil)))
	go func() {
		_, err := e.provider.Create(t.Context(), plugin.CreateRequest{URN: s.urn, Properties: inputs, Timeout: timeoutSeconds})
		failed <- err
	}()
	require.Eventually(t, func() bool {
		_, err := client.BatchV1().Jobs("shop").Get(t.Context(), "cancelled", metav1.GetOptions{})
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, e.provider.SignalCancellation(t.Context()))
	select {
	case err := <-failed:
		require.ErrorContains(t, err, "the operation was cancelled")
	case <-time.After(10 * time.Second):
		require.Fail(t, "the wait did not end")
	}
}

func TestADeletionThatCannotEndNamesWhatHoldsIt(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	held := e.mustCreate("core/v1:ConfigMap", "held", object{"metadata": object{"name": "held", "namespace": "shop", "finalizers": []any{"example.com/hold"}}})
	_, err := e.provider.Delete(t.Context(), plugin.DeleteRequest{URN: held.urn, ID: held.id, Inputs: held.inputs, Outputs: held.outputs, Timeout: 1})
	require.ErrorContains(t, err, "ConfigMap shop/held: deletion has not ended: timed out after 1s")
	require.ErrorContains(t, err, "example.com/hold")

	_, err = client.CoreV1().ConfigMaps("shop").Patch(t.Context(), "held", "application/merge-patch+json",
		[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.NoError(t, e.delete(held))
}
