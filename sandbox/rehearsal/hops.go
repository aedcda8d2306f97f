package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// ownLabel marks what a rehearsal makes in the cluster, and deletes.
	ownLabel = "waybill.example/rehearsal"
	// pollTime is how often the cluster is asked how far it is.
	pollTime = 200 * time.Millisecond
	// pullTime is how long a pod may wait for its image.
	pullTime = time.Minute
)

// Walk goes the deployed chain as it is gone in production, and reports each
// hop as it ended; it stops at the first that failed. Where the chain has a pull
// secret, the refresher runs once, in a Job made from the deployed CronJob, and
// then the kubelet pulls the product's image with what the refresher wrote. On
// EKS with the node's role the kubelet pulls alone, and on ECS the agent starts
// a task.
func (r *Rehearsal) Walk(ctx context.Context, report func(Hop)) error {
	switch {
	case r.amazon != nil && r.amazon.platform == platformECS:
		return r.amazon.walkTask(ctx, report)
	case r.chain.cronJob == nil:
		return r.amazon.walkNode(ctx, report)
	default:
		return r.walkRefresher(ctx, report)
	}
}

func (r *Rehearsal) walkRefresher(ctx context.Context, report func(Hop)) error {
	log, err := r.refresh(ctx, "rehearsal", nil)
	if err != nil {
		return err
	}
	hops := refresherHops(log)
	failed := false
	for _, hop := range hops {
		// The refresher's own trial of the token matters where it failed; the
		// registry's hop is the kubelet's pull.
		if hop.Name == hopRegistry && hop.OK {
			continue
		}
		report(hop)
		failed = failed || !hop.OK
	}
	switch {
	case failed:
		return nil
	case len(hops) == 0:
		report(Hop{Name: hopKubernetes, Detail: "the refresher said nothing that could be read: " + firstLine(string(log))})
		return nil
	}
	hop, err := r.pull(ctx, nil)
	if err != nil {
		return err
	}
	report(hop)
	return nil
}

// refresh runs a Job with the CronJob's template, which edit may change, and
// returns the log of its last pod.
func (r *Rehearsal) refresh(ctx context.Context, name string, edit func(*corev1.PodSpec)) ([]byte, error) {
	spec := *r.chain.cronJob.Spec.JobTemplate.Spec.DeepCopy()
	retries := int32(0)
	spec.BackoffLimit = &retries
	if edit != nil {
		edit(&spec.Template.Spec)
	}
	labels := maps.Clone(spec.Template.Labels)
	labels[ownLabel] = name
	spec.Template.Labels = labels
	job, err := r.admin.BatchV1().Jobs(r.chain.namespace).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Labels: map[string]string{ownLabel: name}},
		Spec:       spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	defer r.deleteJob(job.Name)
	if err := r.awaitJob(ctx, job.Name); err != nil {
		return nil, err
	}
	pods, err := r.admin.CoreV1().Pods(r.chain.namespace).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job.Name})
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	if len(pods.Items) == 0 {
		return nil, fmt.Errorf("rehearsal: Job %s has no pod", job.Name)
	}
	pod := pods.Items[len(pods.Items)-1]
	return r.config.Logs(pod.Namespace, pod.Name, pod.Spec.Containers[0].Name)
}

func (r *Rehearsal) awaitJob(ctx context.Context, name string) error {
	return wait.PollUntilContextCancel(ctx, pollTime, true, func(ctx context.Context) (bool, error) {
		job, err := r.admin.BatchV1().Jobs(r.chain.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
			return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
		}), nil
	})
}

// deleteJob cleans up, also where the rehearsal was interrupted.
func (r *Rehearsal) deleteJob(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	background := metav1.DeletePropagationBackground
	// What cannot be deleted stays under the rehearsal's label, and does no harm.
	_ = r.admin.BatchV1().Jobs(r.chain.namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})
}

// refresherHops reads the refresher's structured lines.
func refresherHops(log []byte) []Hop {
	var hops []Hop
	for line := range bytes.Lines(log) {
		var entry struct {
			Message  string `json:"msg"`
			Hop      string `json:"hop"`
			OK       bool   `json:"ok"`
			Issuer   string `json:"issuer"`
			Subject  string `json:"subject"`
			Audience string `json:"audience"`
			Expires  string `json:"expires"`
			Error    string `json:"error"`
			Cause    string `json:"cause"`
		}
		if json.Unmarshal(line, &entry) != nil || entry.Message != "hop" {
			continue
		}
		hop := Hop{Name: entry.Hop, OK: entry.OK}
		if entry.OK {
			hop.Detail = describe([2]string{"issuer", entry.Issuer}, [2]string{"subject", entry.Subject},
				[2]string{"audience", entry.Audience}, [2]string{"until", entry.Expires})
		} else {
			hop.Detail = firstLine(entry.Error)
			if entry.Cause != "" {
				hop.Detail += " (likely cause: " + entry.Cause + ")"
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// describe joins what is known: pairs of a word and a value.
func describe(pairs ...[2]string) string {
	var parts []string
	for _, pair := range pairs {
		if pair[1] != "" {
			parts = append(parts, pair[0]+" "+pair[1])
		}
	}
	return strings.Join(parts, ", ")
}

// pull starts a pod with the product's template, which edit may change, and
// waits for the kubelet to pull its image, or to say why it cannot.
func (r *Rehearsal) pull(ctx context.Context, edit func(*corev1.PodSpec)) (Hop, error) {
	spec := r.chain.deployment.Spec.Template.Spec.DeepCopy()
	if edit != nil {
		edit(spec)
	}
	// Not the Deployment's labels: the pod is no replica of it.
	pod, err := r.admin.CoreV1().Pods(r.chain.namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "rehearsal-pull-", Labels: map[string]string{ownLabel: "pull"}},
		Spec:       *spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return Hop{}, fmt.Errorf("rehearsal: %w", err)
	}
	defer r.deletePod(pod.Name)
	hop := Hop{Name: hopRegistry, Detail: "the pod is still waiting"}
	err = wait.PollUntilContextTimeout(ctx, pollTime, pullTime, true, func(ctx context.Context) (bool, error) {
		found, err := r.admin.CoreV1().Pods(r.chain.namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, status := range found.Status.ContainerStatuses {
			switch {
			case status.State.Running != nil || status.State.Terminated != nil:
				hop.OK, hop.Detail = true, fmt.Sprintf("the kubelet pulled %s (%s)", r.chain.image, digest(status.ImageID))
				return true, nil
			case status.State.Waiting != nil:
				hop.Detail = status.State.Waiting.Reason + ": " + firstLine(status.State.Waiting.Message)
				return strings.Contains(status.State.Waiting.Reason, "Image"), nil
			}
		}
		return false, nil
	})
	switch {
	case ctx.Err() != nil:
		return Hop{}, fmt.Errorf("rehearsal: waiting for the kubelet: %w", err)
	case wait.Interrupted(err):
		return hop, nil // not ok, with what the pod last waited for
	case err != nil:
		return Hop{}, fmt.Errorf("rehearsal: waiting for the kubelet: %w", err)
	}
	return hop, nil
}

func (r *Rehearsal) deletePod(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	now := int64(0)
	err := r.admin.CoreV1().Pods(r.chain.namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	_ = err // as for a Job
}

func digest(imageID string) string {
	if _, after, found := strings.Cut(imageID, "@"); found {
		return after
	}
	return imageID
}
