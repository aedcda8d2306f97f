package kubernetes

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
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
	// imageKey is the key of the ConfigMap that says which image is tried.
	imageKey = "image"
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
	// Every is the time between two runs, a divisor of an hour from 5 minutes
	// to 20 (Google's tokens) or 30 (ECR's); empty means the source's own.
	Every time.Duration
	// Deadline of one run with its retries: 1 to 10 minutes, and shorter than
	// Every; empty means 4 minutes.
	Deadline time.Duration
	// Propagation is how long, within one run, a refusal that a change not yet
	// propagated would give is tried again: 0 to 5 minutes; nil means 90 seconds.
	Propagation *time.Duration
	// Retries is how many failed pods a Job replaces; nil means 2.
	Retries *int
	// Resources of its container; empty means small ones.
	Resources Resources
}

func (r Refresher) deadline() time.Duration { return cmp.Or(r.Deadline, 4*time.Minute) }

func (r Refresher) propagation() time.Duration { return optional.Or(r.Propagation, 90*time.Second) }

func (r Refresher) every(source TokenSource) time.Duration {
	usual, _ := source.cadence()
	return cmp.Or(r.Every, usual)
}

func (r Refresher) schedule(source TokenSource) string {
	return fmt.Sprintf("*/%d * * * *", int(r.every(source).Minutes()))
}

func (r Refresher) retries() int { return optional.Or(r.Retries, 2) }

// jobDeadline covers every attempt of a Job.
func (r Refresher) jobDeadline() time.Duration {
	return time.Duration(r.retries()+1)*r.deadline() + podMargin
}

func (r Refresher) resources() Resources {
	return r.Resources.orElse(Resources{
		Requests: map[string]string{"cpu": "10m", "memory": "32Mi"},
		Limits:   map[string]string{"memory": "128Mi"},
	})
}

func (r Refresher) validate(p *check.Problems, source TokenSource) {
	p.Error("refresher.image", image.CheckPinned(r.Image))
	every := r.every(source)
	if _, longest := source.cadence(); every < 5*time.Minute || every > longest || time.Hour%every != 0 {
		p.Add("refresher.every", "%s: want 5m to %s, a divisor of an hour", every, longest)
	}
	if d := r.deadline(); d < time.Minute || d > 10*time.Minute || d >= every {
		p.Add("refresher.deadline", "%s: want 1m to 10m, shorter than the time between two runs", d)
	}
	if d := r.propagation(); d < 0 || d > 5*time.Minute {
		p.Add("refresher.propagation", "%s: want 0s to 5m", d)
	}
	p.Range("refresher.retries", r.retries(), 0, 6)
	// A Job that fails until the last of its retries must leave the next run a token
	// that still lives.
	if run, most := time.Duration(r.retries()+1)*r.deadline(), source.lifetime()-every; every > 0 && run >= most {
		p.Add("refresher.retries", "%d: with a deadline of %s each, failing runs take %s, and the token of %s ends before the next: want at most %d",
			r.retries(), r.deadline(), run, source.lifetime(), max(int((most-1)/max(r.deadline(), 1))-1, 0))
	}
	r.Resources.validate(p, "refresher.resources")
}

// jobSpec is what the CronJob's Jobs and the first refresh have in common.
func (r Refresher) jobSpec(pod *corev1.PodTemplateSpecArgs) *batchv1.JobSpecArgs {
	return &batchv1.JobSpecArgs{
		BackoffLimit:          pulumi.Int(r.retries()),
		ActiveDeadlineSeconds: seconds(r.jobDeadline()),
		PodFailurePolicy: &batchv1.PodFailurePolicyArgs{Rules: batchv1.PodFailurePolicyRuleArray{
			&batchv1.PodFailurePolicyRuleArgs{
				Action: pulumi.String("FailJob"),
				OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirementArgs{
					ContainerName: pulumi.String(containerName),
					Operator:      pulumi.String("In"),
					Values:        pulumi.IntArray{pulumi.Int(configurationRefused)},
				},
			},
		}},
		Template: pod,
	}
}

// refresherPod is the pod of the CronJob and of the first refresh. It projects
// its own tokens and sets its own environment; it carries no label and no
// annotation that a webhook acts on.
func refresherPod(args *PullSecretArgs, config, imageConfigMap pulumi.StringInput, labels pulumi.StringMap) *corev1.PodTemplateSpecArgs {
	r := args.Refresher
	variables := append(args.Source.environment(),
		variable{"WAYBILL_REGISTRY", args.Registry},
		variable{"WAYBILL_SECRET", pulumi.String(args.secretName())},
		variable{"WAYBILL_NAMESPACE", pulumi.String(args.Namespace)},
		variable{"WAYBILL_DEADLINE", pulumi.String(r.deadline().String())},
		variable{"WAYBILL_PROPAGATION", pulumi.String(r.propagation().String())},
	)
	environment := corev1.EnvVarArray{
		&corev1.EnvVarArgs{
			Name: pulumi.String("WAYBILL_IMAGE"),
			ValueFrom: &corev1.EnvVarSourceArgs{ConfigMapKeyRef: &corev1.ConfigMapKeySelectorArgs{
				Name: imageConfigMap, Key: pulumi.String(imageKey),
			}},
		},
	}
	for _, v := range variables {
		environment = append(environment, &corev1.EnvVarArgs{Name: pulumi.String(v.name), Value: v.value})
	}
	mounts := corev1.VolumeMountArray{
		readOnlyMount("subject-token", externalaccount.SubjectTokenDir),
		readOnlyMount("api-token", apiTokenDir),
	}
	volumes := corev1.VolumeArray{
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
	}
	if config != nil {
		mounts = append(mounts, readOnlyMount("credential-config", configDir))
		volumes = append(volumes, &corev1.VolumeArgs{
			Name:      pulumi.String("credential-config"),
			ConfigMap: &corev1.ConfigMapVolumeSourceArgs{Name: config.ToStringOutput().ToStringPtrOutput()},
		})
	}
	return &corev1.PodTemplateSpecArgs{
		Metadata: &metav1.ObjectMetaArgs{Labels: labels},
		Spec: &corev1.PodSpecArgs{
			ServiceAccountName:           pulumi.String(args.serviceAccountName()),
			AutomountServiceAccountToken: pulumi.Bool(false),
			EnableServiceLinks:           pulumi.Bool(false),
			RestartPolicy:                pulumi.String("Never"),
			SecurityContext:              restrictedPod(nonRoot),
			Containers: corev1.ContainerArray{&corev1.ContainerArgs{
				Name:            pulumi.String(containerName),
				Image:           pulumi.String(r.Image),
				Args:            pulumi.ToStringArray([]string{"refresh"}),
				Env:             environment,
				Resources:       r.resources().args(),
				SecurityContext: restrictedContainer(),
				VolumeMounts:    mounts,
			}},
			Volumes: volumes,
		},
	}
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
