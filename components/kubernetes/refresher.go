package kubernetes

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/internal/externalaccount"
	"waybill.example/waybill/components/internal/optional"
)

// Paths and keys of the refresher's pod.
const (
	containerName = "refresher"

	configDir  = "/etc/waybill"
	configKey  = "credential-config.json"
	configFile = configDir + "/" + configKey
	// apiTokenDir is where client libraries look for a pod's own credentials.
	apiTokenDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// imagesKey is the key of the ConfigMap that says which images are tried.
	imagesKey = "images"
	// tokenSeconds is how long the pod's projected tokens live; a run is over
	// long before.
	tokenSeconds = 3600
	// configurationRefused is the exit code of a refresher that refuses its own
	// configuration: another pod would refuse it too.
	configurationRefused = 2
	// podMargin is what a pod may take besides the run itself: scheduling and
	// pulling the refresher's image.
	podMargin = 2 * time.Minute
)

// Refresher is the program that walks the chain and writes the pull secret.
type Refresher struct {
	// Image is the reference of the refresher's image, with a tag or a digest,
	// in a registry that the cluster reads without the pull secret. Required.
	Image string
	// Every is the time between two runs, whole minutes that divide an hour, from 5
	// to 20 (Google's tokens) or 30 (ECR's); empty means the source's own.
	Every time.Duration
	// Deadline of one run with its retries: 1 to 10 minutes, and shorter than
	// Every; empty means 4 minutes. The first refresh may take as long as its
	// Propagation besides.
	Deadline time.Duration
	// Propagation is how long, within one run, a refusal that a change not yet
	// propagated would give is tried again: 0 to 10 minutes; nil means 90 seconds,
	// and for the first refresh, right after everything was made, 8 minutes: Google
	// says that a change takes 2 minutes, potentially 7 or longer
	// (https://cloud.google.com/iam/docs/access-change-propagation).
	Propagation *time.Duration
	// Retries is how many failed pods a Job of the CronJob replaces; nil means 2. The
	// first refresh has one pod: the next update runs it again.
	Retries *int
	// Probes adds probes that always succeed, where a policy wants every container to
	// have some.
	Probes bool
	// Pod is how the cluster wants its pods; without Resources they are small.
	Pod Pod
}

// run is how patient one run of the refresher is.
type run struct {
	// arguments of the program.
	arguments             []string
	deadline, propagation time.Duration
	// retries is how many failed pods are replaced.
	retries int
}

// jobDeadline covers every attempt of a Job.
func (r run) jobDeadline() time.Duration {
	return time.Duration(r.retries+1)*r.deadline + podMargin
}

// later are the runs of the CronJob.
func (r Refresher) later() run {
	return run{[]string{"refresh"}, r.deadline(), optional.Or(r.Propagation, 90*time.Second), r.retries()}
}

// first is the run before the workload starts. It fails where an image is missing,
// after it has written the secret, so that the update stops there.
func (r Refresher) first() run {
	propagation := optional.Or(r.Propagation, 8*time.Minute)
	return run{[]string{"refresh", "--require-images"}, r.deadline() + propagation, propagation, 0}
}

func (r Refresher) deadline() time.Duration { return cmp.Or(r.Deadline, 4*time.Minute) }

func (r Refresher) every(source TokenSource) time.Duration {
	usual, _ := source.cadence()
	return cmp.Or(r.Every, usual)
}

// schedule spreads the customers over the minutes: a vendor's clouds are not
// asked for all tokens at once. The hash is of what does not change.
func (args *PullSecretArgs) schedule() string {
	every := uint32(args.Refresher.every(args.Source).Minutes())
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%s/%s/%s", args.Customer, args.Product, args.Namespace)
	return fmt.Sprintf("%d-59/%d * * * *", hash.Sum32()%every, every)
}

func (r Refresher) retries() int { return optional.Or(r.Retries, 2) }

// refresherResources are what GKE Autopilot asks at the least
// (https://cloud.google.com/kubernetes-engine/docs/concepts/autopilot-resource-requests),
// with a limit of CPU, which AKS's deployment safeguards and Kyverno's policies ask.
var refresherResources = Resources{
	Requests: map[string]string{"cpu": "50m", "memory": "52Mi"},
	Limits:   map[string]string{"cpu": "500m", "memory": "128Mi"},
}

func (r Refresher) validate(p *check.Problems, source TokenSource) {
	p.Error("refresher.image", image.CheckPinned(r.Image))
	every := r.every(source)
	if _, longest := source.cadence(); every < 5*time.Minute || every > longest || time.Hour%every != 0 || every%time.Minute != 0 {
		p.Add("refresher.every", "%s: want 5m to %s, whole minutes that divide an hour", every, longest)
	}
	if d := r.deadline(); d < time.Minute || d > 10*time.Minute || d >= every {
		p.Add("refresher.deadline", "%s: want 1m to 10m, shorter than the time between two runs", d)
	}
	if d := r.first().propagation; d < 0 || d > 10*time.Minute {
		p.Add("refresher.propagation", "%s: want 0s to 10m", d)
	}
	p.Range("refresher.retries", r.retries(), 0, 6)
	r.Pod.validate(p, "refresher.")
	// A Job that fails until the last of its retries must leave the next run a token
	// that still lives.
	if run, most := time.Duration(r.retries()+1)*r.deadline(), source.lifetime()-every; every > 0 && run >= most {
		p.Add("refresher.retries", "%d: with a deadline of %s each, failing runs take %s, and the token of %s ends before the next: want at most %d",
			r.retries(), r.deadline(), run, source.lifetime(), max(int((most-1)/max(r.deadline(), 1))-1, 0))
	}
}

// jobSpec is what the CronJob's Jobs and the first refresh have in common. A pod that
// a drained or preempted node took away does not count as a failure. A pod that was
// refused its configuration would be refused it again, so its Job fails at once; the
// first refresh, whose pod is never replaced, has no such rule: Pulumi does not notice
// a Job that failed by one, and would wait for its timeout (docs/facts.md §6).
func jobSpec(r run, pod *corev1.PodTemplateSpecArgs) *batchv1.JobSpecArgs {
	rules := batchv1.PodFailurePolicyRuleArray{&batchv1.PodFailurePolicyRuleArgs{
		Action: pulumi.String("Ignore"),
		OnPodConditions: batchv1.PodFailurePolicyOnPodConditionsPatternArray{
			&batchv1.PodFailurePolicyOnPodConditionsPatternArgs{Type: pulumi.String("DisruptionTarget"), Status: pulumi.String("True")},
		},
	}}
	if r.retries > 0 {
		rules = append(rules, &batchv1.PodFailurePolicyRuleArgs{
			Action: pulumi.String("FailJob"),
			OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirementArgs{
				ContainerName: pulumi.String(containerName), Operator: pulumi.String("In"), Values: pulumi.IntArray{pulumi.Int(configurationRefused)},
			},
		})
	}
	return &batchv1.JobSpecArgs{
		BackoffLimit:          pulumi.Int(r.retries),
		ActiveDeadlineSeconds: seconds(r.jobDeadline()),
		PodFailurePolicy:      &batchv1.PodFailurePolicyArgs{Rules: rules},
		Template:              pod,
	}
}

// A sidecar keeps a Job's pod from ending, and Kubernetes from seeing that the
// refresher did: service meshes that inject one into whole namespaces are told not
// to (Istio, Linkerd, Kuma, Consul).
var (
	noSidecarLabels = map[string]string{
		"sidecar.istio.io/inject":   "false",
		"kuma.io/sidecar-injection": "disabled",
	}
	noSidecarAnnotations = map[string]string{
		"sidecar.istio.io/inject":             "false",
		"linkerd.io/inject":                   "disabled",
		"consul.hashicorp.com/connect-inject": "false",
	}
)

// refresherPod is the pod of the CronJob and of the first refresh. It projects
// its own tokens and sets its own environment; no webhook that would add an
// identity acts on it.
func (b *pullSecretBuilder) refresherPod(
	run run, config, images pulumi.StringInput, volumes corev1.VolumeArray, mounts corev1.VolumeMountArray,
) *corev1.PodTemplateSpecArgs {
	args := b.args
	variables := append(args.Source.environment(),
		variable{"WAYBILL_REGISTRY", args.Registry},
		variable{"WAYBILL_SECRET", pulumi.String(args.secretName())},
		variable{"WAYBILL_NAMESPACE", pulumi.String(strings.Join(append([]string{args.Namespace}, args.AlsoIn...), " "))},
		variable{"WAYBILL_DEADLINE", pulumi.String(run.deadline.String())},
		variable{"WAYBILL_PROPAGATION", pulumi.String(run.propagation.String())},
	)
	environment := corev1.EnvVarArray{
		&corev1.EnvVarArgs{
			Name: pulumi.String("WAYBILL_IMAGES"),
			ValueFrom: &corev1.EnvVarSourceArgs{ConfigMapKeyRef: &corev1.ConfigMapKeySelectorArgs{
				Name: images, Key: pulumi.String(imagesKey),
			}},
		},
	}
	for _, v := range append(variables, args.Proxy.environment("WAYBILL_AUTHORITY_FILE")...) {
		environment = append(environment, &corev1.EnvVarArgs{Name: pulumi.String(v.name), Value: v.value})
	}
	mounts = append(mounts, readOnlyMount("subject-token", externalaccount.SubjectTokenDir), readOnlyMount("api-token", apiTokenDir))
	volumes = append(volumes,
		projected("subject-token", serviceAccountToken(args.Source.audience())),
		projected("api-token",
			serviceAccountToken(nil),
			&corev1.VolumeProjectionArgs{ConfigMap: &corev1.ConfigMapProjectionArgs{
				Name:  pulumi.String("kube-root-ca.crt"),
				Items: corev1.KeyToPathArray{&corev1.KeyToPathArgs{Key: pulumi.String("ca.crt"), Path: pulumi.String("ca.crt")}},
			}},
			&corev1.VolumeProjectionArgs{DownwardAPI: &corev1.DownwardAPIProjectionArgs{
				Items: corev1.DownwardAPIVolumeFileArray{&corev1.DownwardAPIVolumeFileArgs{
					Path:     pulumi.String("namespace"),
					FieldRef: &corev1.ObjectFieldSelectorArgs{FieldPath: pulumi.String("metadata.namespace")},
				}},
			}},
		),
	)
	if config != nil {
		mounts = append(mounts, readOnlyMount("credential-config", configDir))
		volumes = append(volumes, &corev1.VolumeArgs{
			Name:      pulumi.String("credential-config"),
			ConfigMap: &corev1.ConfigMapVolumeSourceArgs{Name: config.ToStringOutput().ToStringPtrOutput()},
		})
	}
	pod := args.Refresher.Pod
	pod.Labels = with(noSidecarLabels, pod.Labels)
	container := &corev1.ContainerArgs{
		Name:         pulumi.String(containerName),
		Image:        pulumi.String(args.Refresher.Image),
		Args:         pulumi.ToStringArray(run.arguments),
		Env:          environment,
		VolumeMounts: mounts,
		// What the refresher leaves to say; what a crash leaves is in its log.
		TerminationMessagePolicy: pulumi.String("FallbackToLogsOnError"),
	}
	if args.Refresher.Probes {
		probe := &corev1.ProbeArgs{
			Exec: &corev1.ExecActionArgs{Command: pulumi.ToStringArray([]string{"/refresher", "--version"})}, PeriodSeconds: pulumi.Int(30),
		}
		container.LivenessProbe, container.ReadinessProbe = probe, probe
	}
	return podTemplate(pod, b.owner.Kubernetes(refresherComponent), noSidecarAnnotations, &corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(args.serviceAccountName()),
		RestartPolicy:      pulumi.String("Never"),
		ImagePullSecrets:   pullSecrets(args.Refresher.Pod, nil),
		Volumes:            volumes,
	}, container, refresherResources)
}

func readOnlyMount(volume, path string) *corev1.VolumeMountArgs {
	return &corev1.VolumeMountArgs{Name: pulumi.String(volume), MountPath: pulumi.String(path), ReadOnly: pulumi.Bool(true)}
}

func projected(name string, sources ...corev1.VolumeProjectionInput) *corev1.VolumeArgs {
	return &corev1.VolumeArgs{
		Name:      pulumi.String(name),
		Projected: &corev1.ProjectedVolumeSourceArgs{Sources: corev1.VolumeProjectionArray(sources)},
	}
}

// serviceAccountToken projects a token for the audience; nil means the API server's.
func serviceAccountToken(audience pulumi.StringInput) *corev1.VolumeProjectionArgs {
	projection := &corev1.ServiceAccountTokenProjectionArgs{
		Path:              pulumi.String("token"),
		ExpirationSeconds: pulumi.Int(tokenSeconds),
	}
	if audience != nil {
		projection.Audience = audience.ToStringOutput().ToStringPtrOutput()
	}
	return &corev1.VolumeProjectionArgs{ServiceAccountToken: projection}
}

// seconds is a whole number of seconds, as Kubernetes wants durations.
func seconds(d time.Duration) pulumi.Int { return pulumi.Int(int(d.Seconds())) }

// timeout is a duration as Pulumi's custom timeouts want it.
func timeout(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }
