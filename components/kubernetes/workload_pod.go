package kubernetes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Probe asks the product whether it is well: over HTTP, or without a path by
// opening its port. Durations are seconds;
// 0 means the default: for liveness a delay of 30 and a period of 10, for
// readiness 10 and 5, for both a timeout of 1 and 3 failures.
type Probe struct {
	Path                                    string
	InitialDelay, Period, Timeout, Failures int
}

// WritableMount is an empty directory that lives as long as the pod.
type WritableMount struct {
	// Path is absolute.
	Path string
	// Size is the most that it may hold, a quantity; empty means no limit of
	// its own.
	Size string
}

const configFileKey = "config"

// buildConfig registers the product's configuration as an immutable Secret
// under a name of Pulumi's choice: new contents make a new Secret, and the new
// name rolls the Deployment.
func (b *workloadBuilder) buildConfig() (*corev1.Secret, error) {
	if b.args.Config == nil {
		return nil, nil
	}
	secret := pulumi.ToSecret(b.args.Config).(pulumi.StringOutput)
	return corev1.NewSecret(b.ctx, b.children.Name(childConfig), &corev1.SecretArgs{
		Metadata:   b.metadata(nil),
		Type:       pulumi.String("Opaque"),
		StringData: pulumi.StringMap{configFileKey: secret},
		Immutable:  pulumi.Bool(true),
	}, b.children.Options(childConfig, pulumi.AdditionalSecretOutputs([]string{"data", "stringData"}))...)
}

func (b *workloadBuilder) buildDeployment(account *corev1.ServiceAccount, config *corev1.Secret) (*appsv1.Deployment, error) {
	labels := with(b.owner.Kubernetes(b.args.role()), b.selected())
	if b.args.Identity != nil {
		maps.Copy(labels, b.args.Identity.podLabels())
	}
	mounts, volumes := b.volumes(config)
	if err := mountAuthority(b.ctx, b.args.Proxy, b.children, b.metadata(nil), &volumes, &mounts); err != nil {
		return nil, err
	}
	spec := &appsv1.DeploymentSpecArgs{
		Selector:                b.selector(),
		ProgressDeadlineSeconds: pulumi.Int(progressSeconds),
		Template: podTemplate(b.args.Pod, labels, nil, &corev1.PodSpecArgs{
			ServiceAccountName:        account.Metadata.Name(),
			ImagePullSecrets:          pullSecrets(b.args.Pod, b.args.PullSecret),
			TopologySpreadConstraints: b.spread(),
			Volumes:                   volumes,
		}, &corev1.ContainerArgs{
			Name:    pulumi.String(b.args.objectName()),
			Image:   b.args.Image.ToStringOutput().ToStringPtrOutput(),
			Command: pulumi.ToStringArray(b.args.Command),
			Args:    pulumi.ToStringArray(b.args.Arguments),
			Env:     b.environment(),
			Ports: corev1.ContainerPortArray{&corev1.ContainerPortArgs{
				Name: pulumi.String(portName), ContainerPort: pulumi.Int(b.args.Port), Protocol: pulumi.String("TCP"),
			}},
			LivenessProbe:  liveness(b.args.Liveness),
			ReadinessProbe: probe(b.args.Readiness, 10, 5),
			VolumeMounts:   mounts,
		}, Resources{
			Requests: map[string]string{"cpu": "250m", "memory": "512Mi"},
			Limits:   map[string]string{"cpu": "1", "memory": "2Gi"},
		}),
	}
	options := []pulumi.ResourceOption{pulumi.DependsOn(b.args.After)}
	if !b.args.Autoscaled {
		spec.Replicas = pulumi.Int(b.args.replicas())
		// What it starts with; buildReplicas has the rest.
		options = append(options, pulumi.IgnoreChanges([]string{"spec.replicas"}))
	}
	options = append(options, explained(b.ctx, b.children.Name(childDeployment), workloadPod))
	return appsv1.NewDeployment(b.ctx, b.children.Name(childDeployment), &appsv1.DeploymentArgs{
		Metadata: b.metadata(pulumi.String(b.args.objectName())), Spec: spec,
	}, b.children.Options(childDeployment, options...)...)
}

// buildReplicas sets the number of replicas, by itself: a new release neither meets
// a conflict with whoever scaled the Deployment since nor undoes it, and another
// number in the program is a change that a preview shows, and that wins. Where an
// autoscaler takes over, the number stays until it chooses another.
func (b *workloadBuilder) buildReplicas(deployment *appsv1.Deployment) error {
	if b.args.Autoscaled {
		return nil
	}
	_, err := appsv1.NewDeploymentPatch(b.ctx, b.children.Name(childReplicas), &appsv1.DeploymentPatchArgs{
		Metadata: &metav1.ObjectMetaPatchArgs{
			Name: deployment.Metadata.Name(), Namespace: deployment.Metadata.Namespace(),
			Annotations: pulumi.StringMap{"pulumi.com/patchForce": pulumi.String("true")},
		},
		Spec: &appsv1.DeploymentSpecPatchArgs{Replicas: pulumi.Int(b.args.replicas())},
	}, b.children.Options(childReplicas, pulumi.RetainOnDelete(true))...)
	return err
}

func (b *workloadBuilder) environment() corev1.EnvVarArray {
	environment := corev1.EnvVarArray{}
	for _, v := range b.args.Proxy.environment("SSL_CERT_FILE") {
		if _, own := b.args.Env[v.name]; own {
			continue
		}
		environment = append(environment, &corev1.EnvVarArgs{Name: pulumi.String(v.name), Value: v.value})
	}
	for _, name := range slices.Sorted(maps.Keys(b.args.Env)) {
		environment = append(environment, &corev1.EnvVarArgs{Name: pulumi.String(name), Value: pulumi.String(b.args.Env[name])})
	}
	return environment
}

func (b *workloadBuilder) volumes(config *corev1.Secret) (corev1.VolumeMountArray, corev1.VolumeArray) {
	mounts, volumes := corev1.VolumeMountArray{}, corev1.VolumeArray{}
	if config != nil {
		volumes = append(volumes, &corev1.VolumeArgs{
			Name:   pulumi.String("config"),
			Secret: &corev1.SecretVolumeSourceArgs{SecretName: config.Metadata.Name()},
		})
		mounts = append(mounts, &corev1.VolumeMountArgs{
			Name: pulumi.String("config"), MountPath: pulumi.String(b.args.ConfigPath),
			SubPath: pulumi.String(configFileKey), ReadOnly: pulumi.Bool(true),
		})
	}
	for i, writable := range b.args.Writable {
		name := fmt.Sprintf("writable-%d", i)
		directory := &corev1.EmptyDirVolumeSourceArgs{}
		if writable.Size != "" {
			directory.SizeLimit = pulumi.String(writable.Size)
		}
		volumes = append(volumes, &corev1.VolumeArgs{Name: pulumi.String(name), EmptyDir: directory})
		mounts = append(mounts, &corev1.VolumeMountArgs{Name: pulumi.String(name), MountPath: pulumi.String(writable.Path)})
	}
	return mounts, volumes
}

func (b *workloadBuilder) spread() corev1.TopologySpreadConstraintArray {
	constraints := corev1.TopologySpreadConstraintArray{}
	for _, key := range b.args.spreadOver() {
		constraints = append(constraints, &corev1.TopologySpreadConstraintArgs{
			MaxSkew:           pulumi.Int(1),
			TopologyKey:       pulumi.String(key),
			WhenUnsatisfiable: pulumi.String("ScheduleAnyway"),
			LabelSelector:     b.selector(),
		})
	}
	return constraints
}

// liveness is none where nothing is said of it: a port that is slow to open is no
// reason to kill a product.
func liveness(asked Probe) corev1.ProbePtrInput {
	if asked == (Probe{}) {
		return nil
	}
	return probe(asked, 30, 10)
}

// probe asks the path over HTTP, or opens the port where there is no path; the
// guides' delay and period are the defaults.
func probe(asked Probe, delay, period int) *corev1.ProbeArgs {
	args := &corev1.ProbeArgs{
		InitialDelaySeconds: pulumi.Int(cmp.Or(asked.InitialDelay, delay)),
		PeriodSeconds:       pulumi.Int(cmp.Or(asked.Period, period)),
		TimeoutSeconds:      pulumi.Int(cmp.Or(asked.Timeout, 1)),
		FailureThreshold:    pulumi.Int(cmp.Or(asked.Failures, 3)),
	}
	if asked.Path == "" {
		args.TcpSocket = &corev1.TCPSocketActionArgs{Port: pulumi.String(portName)}
		return args
	}
	args.HttpGet = &corev1.HTTPGetActionArgs{Path: pulumi.String(asked.Path), Port: pulumi.String(portName)}
	return args
}
