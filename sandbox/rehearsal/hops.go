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

// walkRefresher runs the refresher once and lets the kubelet pull with what it
// wrote.
func (c *chain) walkRefresher(ctx context.Context, report func(Hop)) error {
	log, err := c.refresh(ctx, "rehearsal", nil)
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
	hop, err := c.pull(ctx, nil)
	if err != nil {
		return err
	}
	report(hop)
	return nil
}

// refresh runs a Job with the CronJob's template, which edit may change, and
// returns the log of its last pod.
func (c *chain) refresh(ctx context.Context, name string, edit func(*corev1.PodSpec)) ([]byte, error) {
	spec := *c.cronJob.Spec.JobTemplate.Spec.DeepCopy()
	retries := int32(0)
	spec.BackoffLimit = &retries
	if edit != nil {
		edit(&spec.Template.Spec)
	}
	labels := maps.Clone(spec.Template.Labels)
	labels[ownLabel] = name
	spec.Template.Labels = labels
	job, err := c.cluster.admin.BatchV1().Jobs(c.namespace).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Labels: map[string]string{ownLabel: name}},
		Spec:       spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	defer c.deleteJob(job.Name)
	if err := c.awaitJob(ctx, job.Name); err != nil {
		return nil, err
	}
	pods, err := c.cluster.admin.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job.Name})
	if err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	if len(pods.Items) == 0 {
		return nil, fmt.Errorf("rehearsal: Job %s has no pod", job.Name)
	}
	pod := pods.Items[len(pods.Items)-1]
	return c.cluster.Logs(pod.Namespace, pod.Name, pod.Spec.Containers[0].Name)
}

func (c *chain) awaitJob(ctx context.Context, name string) error {
	return wait.PollUntilContextCancel(ctx, pollTime, true, func(ctx context.Context) (bool, error) {
		job, err := c.cluster.admin.BatchV1().Jobs(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(job.Status.Conditions, func(condition batchv1.JobCondition) bool {
			return (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) && condition.Status == corev1.ConditionTrue
		}), nil
	})
}

// deleteJob cleans up, also where the rehearsal was interrupted.
func (c *chain) deleteJob(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	background := metav1.DeletePropagationBackground
	// What cannot be deleted stays under the rehearsal's label, and does no harm.
	_ = c.cluster.admin.BatchV1().Jobs(c.namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})
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
func (c *chain) pull(ctx context.Context, edit func(*corev1.PodSpec)) (Hop, error) {
	spec := c.deployment.Spec.Template.Spec.DeepCopy()
	if edit != nil {
		edit(spec)
	}
	// Not the Deployment's labels: the pod is no replica of it.
	pod, err := c.cluster.admin.CoreV1().Pods(c.namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "rehearsal-pull-", Labels: map[string]string{ownLabel: "pull"}},
		Spec:       *spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return Hop{}, fmt.Errorf("rehearsal: %w", err)
	}
	defer c.deletePod(pod.Name)
	hop := Hop{Name: hopRegistry, Detail: "the pod is still waiting"}
	err = wait.PollUntilContextTimeout(ctx, pollTime, pullTime, true, func(ctx context.Context) (bool, error) {
		found, err := c.cluster.admin.CoreV1().Pods(c.namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, status := range found.Status.ContainerStatuses {
			switch {
			case status.State.Running != nil || status.State.Terminated != nil:
				hop.OK, hop.Detail = true, fmt.Sprintf("the kubelet pulled %s (%s)", spec.Containers[0].Image, digest(status.ImageID))
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

func (c *chain) deletePod(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	now := int64(0)
	err := c.cluster.admin.CoreV1().Pods(c.namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	_ = err // as for a Job
}

func digest(imageID string) string {
	if _, after, found := strings.Cut(imageID, "@"); found {
		return after
	}
	return imageID
}
