package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// laterCases ask what becomes of the refresher on another day than the first.
func (c *chain) laterCases() []testCase {
	return []testCase{
		{"a run that hangs, or a first refresh that failed, and none after it", hopSecret, anyWords, c.hung},
		{"a sidecar in the refresher's pods", hopKubernetes, anyWords, c.withSidecar},
		{"an image that is not there, and the token thrown away for it", hopSecret, anyWords, c.missingImage},
	}
}

// hung wants a run that does not end, and a first refresh that failed, to keep no later
// one from running (docs/facts.md §10).
func (c *chain) hung(ctx context.Context) error {
	first, err := c.firstRefresh(ctx)
	if err != nil {
		return err
	}
	spec := c.cronJob.Spec
	if spec.ConcurrencyPolicy == batchv1.ForbidConcurrent {
		return allowed("CronJob " + c.cronJob.Name + " forbids a run beside one that hangs on a dead node")
	}
	pause, err := c.longestPause(time.Now())
	if err != nil {
		return err
	}
	if wait := spec.StartingDeadlineSeconds; wait != nil && time.Duration(*wait)*time.Second < pause {
		return allowed(fmt.Sprintf("CronJob %s loses a run that the control plane could not start for %d s", c.cronJob.Name, *wait))
	}
	if first.Annotations["pulumi.com/replaceUnready"] != "true" {
		return allowed("Job " + first.Name + " stays failed: it has no annotation pulumi.com/replaceUnready")
	}
	for name, job := range map[string]batchv1.JobSpec{first.Name: first.Spec, c.cronJob.Name: spec.JobTemplate.Spec} {
		if err := outlives(name, job); err != nil {
			return err
		}
	}
	return &refused{hopSecret, "each run ends, and others follow"}
}

// outlives wants a Job to live as long as all the runs that it allows: it is killed in
// the middle of one otherwise, and says nothing of why.
func outlives(name string, job batchv1.JobSpec) error {
	var run time.Duration
	for _, variable := range job.Template.Spec.Containers[0].Env {
		if variable.Name == "WAYBILL_DEADLINE" {
			run, _ = time.ParseDuration(variable.Value)
		}
	}
	pods := int64(1)
	if job.BackoffLimit != nil {
		pods += int64(*job.BackoffLimit)
	}
	switch life := job.ActiveDeadlineSeconds; {
	case run <= 0:
		return allowed(name + " has runs without a deadline")
	case life == nil:
		return allowed(name + " has Jobs without a deadline")
	case time.Duration(*life)*time.Second < time.Duration(pods)*run:
		return allowed(fmt.Sprintf("%s ends after %d s, and allows %d runs of %s", name, *life, pods, run))
	}
	return nil
}

// firstRefresh is the Job that fills the pull secret before the product starts; an
// allowed error where there is none.
func (c *chain) firstRefresh(ctx context.Context) (*batchv1.Job, error) {
	jobs, err := c.cluster.admin.BatchV1().Jobs(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: "!" + ownLabel})
	if err != nil {
		return nil, err
	}
	first := slices.IndexFunc(jobs.Items, func(job batchv1.Job) bool {
		return len(job.OwnerReferences) == 0 && isRefresher(job.Spec.Template.Spec) && job.Spec.Template.Spec.ServiceAccountName == c.account
	})
	if first < 0 || jobs.Items[first].Status.CompletionTime == nil {
		return nil, allowed("there is no first refresh that completed")
	}
	return &jobs.Items[first], nil
}

// missingImage lets the refresher try an image that nobody pushed: the registry's 404
// says nothing against the token, which it has to write (docs/facts.md §10).
func (c *chain) missingImage(ctx context.Context) error {
	before, _, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	log, err := c.withImages(ctx, "rehearsal-missing", func(text string) string { return text + "-never-pushed" })
	if err != nil {
		return err
	}
	after, _, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	if maps.EqualFunc(before.Data, after.Data, bytes.Equal) {
		return allowed("nothing was written: " + firstLine(string(log)))
	}
	return &refused{hopSecret, "the token was written, and the missing image reported"}
}

// sidecarOptOuts keep the meshes' sidecars out of a pod that has to end, as labels or
// annotations by their documented values:
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/,
// https://linkerd.io/2/features/proxy-injection/,
// https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels.
var sidecarOptOuts = map[string]string{
	"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled", "consul.hashicorp.com/connect-inject": "false",
}

// withSidecar wants every pod of the refresher to opt out of each mesh.
func (c *chain) withSidecar(context.Context) error {
	template := c.cronJob.Spec.JobTemplate.Spec.Template
	said := maps.Clone(template.Annotations)
	if said == nil {
		said = map[string]string{}
	}
	maps.Copy(said, template.Labels)
	for _, key := range slices.Sorted(maps.Keys(sidecarOptOuts)) {
		if said[key] != sidecarOptOuts[key] {
			return allowed(fmt.Sprintf("a pod with %s=%q: want %q, or a sidecar keeps the Job from ending", key, said[key], sidecarOptOuts[key]))
		}
	}
	return &refused{hopKubernetes, "the refresher's pods opt out of every mesh"}
}
