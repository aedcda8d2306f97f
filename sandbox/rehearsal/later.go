package rehearsal

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// laterCases ask what becomes of the refresher on another day than the first.
func (c *chain) laterCases() []testCase {
	return []testCase{
		{"a refresh that is missed", hopSecret, anyWords, c.missedRefresh},
		{"the product before the first refresh", hopSecret, anyWords, c.productBeforeSecret},
		{"a run that hangs, and none after it", hopSecret, anyWords, c.hung},
		{"a run whose node is drained", hopSecret, anyWords, c.drainedRun},
		{"a sidecar in the refresher's pods", hopKubernetes, anyWords, c.withSidecar},
		{"a refresher that trusts no public authority", hopKubernetes, anyWords, c.withoutRoots},
		{"an image that is not there, and the token thrown away for it", hopSecret, anyWords, c.missingImage},
	}
}

// missedRefresh compares the longest time between two runs of the CronJob with
// the life of the token that the secret holds, by the record: one that ends is
// replaced even if a run is missed (docs/facts.md §8).
func (c *chain) missedRefresh(ctx context.Context) error {
	_, config, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	written, known := c.Record.find(0, "", func(a answer) bool { return a.given != "" && a.given == config.Auths[c.registry].Password })
	if !known {
		return allowed("the pull secret holds nothing that a server gave")
	}
	spec := c.cronJob.Spec
	if spec.Suspend != nil && *spec.Suspend {
		return allowed("CronJob " + c.cronJob.Name + " is suspended")
	}
	longest, err := c.longestPause(written.at)
	if err != nil {
		return err
	}
	life := written.until.Sub(written.at).Round(time.Second)
	words := fmt.Sprintf("a token lives %s, and two runs are up to %s apart", life, longest)
	if longest == 0 || 2*longest >= life {
		return allowed(words)
	}
	return &refused{hopSecret, words}
}

// longestPause is the longest time between two runs of the CronJob in a week; 0 where
// it runs less often.
func (c *chain) longestPause(from time.Time) (longest time.Duration, err error) {
	schedule, err := cron.ParseStandard(c.cronJob.Spec.Schedule)
	if err != nil {
		return 0, fmt.Errorf("rehearsal: schedule %q of CronJob %s: %w", c.cronJob.Spec.Schedule, c.cronJob.Name, err)
	}
	for at := schedule.Next(from); at.Before(from.Add(7 * 24 * time.Hour)); {
		next := schedule.Next(at)
		longest, at = max(longest, next.Sub(at)), next
	}
	return longest, nil
}

// productBeforeSecret compares when the product was made with when the first
// refresh had filled the secret, where one update made both.
func (c *chain) productBeforeSecret(ctx context.Context) error {
	first, err := c.firstRefresh(ctx)
	if err != nil {
		return err
	}
	of, filled := c.updateOf(first.CreationTimestamp), first.Status.CompletionTime.Time
	for _, component := range c.components {
		made := component.CreationTimestamp
		if of >= 0 && of == c.updateOf(made) && made.Time.Before(filled) {
			return allowed(fmt.Sprintf("%s was made at %s, and the first refresh completed at %s", component.Name, made.Format(time.TimeOnly), filled.Format(time.TimeOnly)))
		}
	}
	return &refused{hopSecret, "the first refresh completed before the product was made"}
}

// updateOf is the update in which an object was made; -1 for an update before the
// sandbox started. An API server keeps whole seconds.
func (s *setting) updateOf(made metav1.Time) int {
	later := func(update time.Time) bool { return update.Truncate(time.Second).After(made.Time) }
	if at := slices.IndexFunc(s.Updates, later); at >= 0 {
		return at - 1
	}
	return len(s.Updates) - 1
}

// hung wants a run that does not end to keep no later one from running (docs/facts.md
// §8).
func (c *chain) hung(ctx context.Context) error {
	jobs, err := c.jobs(ctx)
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
	for name, job := range jobs {
		if err := outlives(name, job); err != nil {
			return err
		}
	}
	return &refused{hopSecret, "each run ends, and others follow"}
}

// drainedRun wants every Job to start another pod for one that a drained node took away,
// and not to count it as a failure.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
func (c *chain) drainedRun(ctx context.Context) error {
	jobs, err := c.jobs(ctx)
	if err != nil {
		return err
	}
	taken := batchv1.PodFailurePolicyOnPodConditionsPattern{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}
	for name, job := range jobs {
		if job.PodFailurePolicy == nil || !slices.ContainsFunc(job.PodFailurePolicy.Rules, func(rule batchv1.PodFailurePolicyRule) bool {
			return rule.Action == batchv1.PodFailurePolicyActionIgnore && slices.Contains(rule.OnPodConditions, taken)
		}) {
			return allowed(name + " counts a pod that a drained node took away as a failure")
		}
	}
	return &refused{hopSecret, "another pod runs in its place"}
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

// jobs are the first refresh and what the CronJob makes, by their names.
func (c *chain) jobs(ctx context.Context) (map[string]batchv1.JobSpec, error) {
	first, err := c.firstRefresh(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]batchv1.JobSpec{first.Name: first.Spec, c.cronJob.Name: c.cronJob.Spec.JobTemplate.Spec}, nil
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
// says nothing against the token, which it has to write (docs/facts.md §5).
func (c *chain) missingImage(ctx context.Context) error {
	var before, after *corev1.Secret
	var log []byte
	if err := c.undisturbed(ctx, func() (err error) {
		if before, _, err = c.pullSecret(ctx, c.namespace); err != nil {
			return err
		}
		if log, _, err = c.withImages(ctx, "rehearsal-missing", func(text string) string { return text + "-never-pushed" }); err != nil {
			return err
		}
		after, _, err = c.pullSecret(ctx, c.namespace)
		return err
	}); err != nil {
		return err
	}
	switch {
	case maps.EqualFunc(before.Data, after.Data, bytes.Equal):
		return allowed("nothing was written: " + firstLine(string(log)))
	case !strings.Contains(after.Annotations[annotationMissing], "-never-pushed"):
		return allowed("no annotation of the pull secret names the image that nobody pushed")
	}
	return &refused{hopSecret, "the token was written, and the missing image reported"}
}

// withoutRoots looks for the public authorities' certificates in the refresher's image: a
// file of them, or those that a Go program can have in itself. The sandbox gives each pod
// its own authority, as no cluster does.
// https://pkg.go.dev/crypto/x509#SystemCertPool and https://pkg.go.dev/golang.org/x/crypto/x509roots/fallback
func (c *chain) withoutRoots(ctx context.Context) (err error) {
	reference, err := name.ParseReference(c.cronJob.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Image)
	if err != nil {
		return err
	}
	image, err := remote.Image(reference, remote.WithContext(ctx), remote.WithTransport(c.Client.Transport),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return err
	}
	files := mutate.Extract(image)
	defer func() { err = errors.Join(err, files.Close()) }()
	for archive := tar.NewReader(files); ; {
		file, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return allowed("neither its image nor its program has certificates of public authorities")
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		program, err := buildinfo.Read(bytes.NewReader(text)) // an error for what is no Go program
		if strings.HasPrefix(file.Name, "etc/ssl/certs/") || err == nil && slices.ContainsFunc(program.Deps, func(m *debug.Module) bool {
			return m.Path == "golang.org/x/crypto/x509roots/fallback"
		}) {
			return &refused{hopKubernetes, "its image has the certificates of public authorities"}
		}
	}
}

// sidecarOptOuts keep the meshes' sidecars out of a pod that has to end, as labels or
// annotations by their documented values:
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/,
// https://linkerd.io/2/features/proxy-injection/,
// https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels,
// https://kuma.io/docs/latest/reference/kubernetes-annotations/.
var sidecarOptOuts = map[string]string{
	"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled",
	"consul.hashicorp.com/connect-inject": "false", "kuma.io/sidecar-injection": "disabled",
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
