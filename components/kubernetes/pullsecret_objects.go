package kubernetes

import (
	"slices"
	"strings"
	"time"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// buildAccount registers the refresher's ServiceAccount.
func (b *pullSecretBuilder) buildAccount() (*corev1.ServiceAccount, error) {
	return corev1.NewServiceAccount(b.ctx, b.children.Name(childAccount), &corev1.ServiceAccountArgs{
		Metadata:                     b.metadata(b.args.serviceAccountName()),
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, b.children.Options(childAccount)...)
}

// buildSecret creates the secret empty, and lets the refresher patch it and do nothing
// else. From then on its data belongs to the refresher: Pulumi leaves it alone. An empty
// namespace is the refresher's own.
func (b *pullSecretBuilder) buildSecret(namespace string, account *corev1.ServiceAccount) (*corev1.Secret, *rbacv1.RoleBinding, error) {
	secretChild, roleChild, bindingChild := childIn(childSecret, namespace), childIn(childRole, namespace), childIn(childBinding, namespace)
	secret, err := corev1.NewSecret(b.ctx, b.children.Name(secretChild), &corev1.SecretArgs{
		Metadata:   b.metadataIn(namespace, b.args.secretName()),
		Type:       pulumi.String("kubernetes.io/dockerconfigjson"),
		StringData: pulumi.StringMap{".dockerconfigjson": pulumi.String(`{"auths":{}}`)},
	}, b.children.Options(secretChild, pulumi.IgnoreChanges([]string{"data", "stringData"}),
		// A replacement that an operator asks for would meet its own name.
		pulumi.DeleteBeforeReplace(true),
		explained(b.ctx, b.children.Name(secretChild), refresherPod))...)
	if err != nil {
		return nil, nil, err
	}
	role, err := rbacv1.NewRole(b.ctx, b.children.Name(roleChild), &rbacv1.RoleArgs{
		Metadata: b.metadataIn(namespace, b.args.serviceAccountName()),
		Rules: rbacv1.PolicyRuleArray{&rbacv1.PolicyRuleArgs{
			ApiGroups:     pulumi.ToStringArray([]string{""}),
			Resources:     pulumi.ToStringArray([]string{"secrets"}),
			ResourceNames: pulumi.ToStringArray([]string{b.args.secretName()}),
			Verbs:         pulumi.ToStringArray([]string{"patch"}),
		}},
	}, b.children.Options(roleChild)...)
	if err != nil {
		return nil, nil, err
	}
	binding, err := rbacv1.NewRoleBinding(b.ctx, b.children.Name(bindingChild), &rbacv1.RoleBindingArgs{
		Metadata: b.metadataIn(namespace, b.args.serviceAccountName()),
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String("rbac.authorization.k8s.io"),
			Kind:     pulumi.String("Role"),
			Name:     role.Metadata.Name().Elem(),
		},
		Subjects: rbacv1.SubjectArray{&rbacv1.SubjectArgs{
			Kind:      pulumi.String("ServiceAccount"),
			Name:      account.Metadata.Name().Elem(),
			Namespace: b.namespace.ToStringPtrOutput(),
		}},
	}, b.children.Options(bindingChild)...)
	return secret, binding, err
}

// buildConfig registers the credential configuration as an immutable ConfigMap
// under a name of Pulumi's choice; nil where the chain has none.
func (b *pullSecretBuilder) buildConfig() (*corev1.ConfigMap, error) {
	configuration := b.args.Source.configuration()
	if configuration == nil {
		return nil, nil
	}
	return corev1.NewConfigMap(b.ctx, b.children.Name(childConfig), &corev1.ConfigMapArgs{
		Metadata:  b.metadata(""),
		Data:      pulumi.StringMap{configKey: configuration},
		Immutable: pulumi.Bool(true),
	}, b.children.Options(childConfig)...)
}

// buildImages lists the images that a new token is tried on. It is updated in
// place: the first refresh reads it and must not run again for a new tag.
func (b *pullSecretBuilder) buildImages() (*corev1.ConfigMap, error) {
	list := b.args.Images.ToStringArrayOutput().ApplyT(func(images []string) string {
		return strings.Join(slices.Compact(slices.Sorted(slices.Values(images))), "\n")
	}).(pulumi.StringOutput)
	return corev1.NewConfigMap(b.ctx, b.children.Name(childImages), &corev1.ConfigMapArgs{
		Metadata: b.metadata(b.args.secretName() + "-images"),
		Data:     pulumi.StringMap{imagesKey: list},
	}, b.children.Options(childImages)...)
}

func (b *pullSecretBuilder) buildCronJob(pod *corev1.PodTemplateSpecArgs, needs []pulumi.Resource) error {
	r := b.args.Refresher
	_, err := batchv1.NewCronJob(b.ctx, b.children.Name(childRefresh), &batchv1.CronJobArgs{
		Metadata: b.metadata(b.args.secretName() + "-refresh"),
		Spec: &batchv1.CronJobSpecArgs{
			Schedule: pulumi.String(b.args.schedule()),
			// A pod on a node that died counts as active for as long as nobody takes it
			// away: with Forbid it would end all refreshes (docs/facts.md §6).
			ConcurrencyPolicy: pulumi.String("Replace"),
			// A whole period: whatever run the control plane missed, the last one is made
			// up for.
			StartingDeadlineSeconds: seconds(r.every(b.args.Source)),
			// The last success and a few failures are enough to see what happened.
			SuccessfulJobsHistoryLimit: pulumi.Int(1),
			FailedJobsHistoryLimit:     pulumi.Int(3),
			JobTemplate: &batchv1.JobTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(b.owner.Kubernetes(refresherComponent))},
				Spec:     jobSpec(r.later(), pod),
			},
		},
	}, b.children.Options(childRefresh, pulumi.DependsOn(needs), explained(b.ctx, b.children.Name(childRefresh), refresherPod))...)
	return err
}

// buildFirstRefresh registers the Job that fills the secret before the
// workload starts. Its name is Pulumi's choice, since a replacement under a
// fixed name answers AlreadyExists; it stays after it is done, since a deleted
// one would run again with the next update (docs/facts.md §6).
func (b *pullSecretBuilder) buildFirstRefresh(pod *corev1.PodTemplateSpecArgs, needs []pulumi.Resource, trigger pulumi.Array) error {
	r := b.args.Refresher
	await := timeout(r.first().jobDeadline() + time.Minute)
	metadata := b.metadata("")
	// A Job that failed stays failed, whatever was mended since: the next update makes
	// another one (https://github.com/pulumi/pulumi-kubernetes/issues/856).
	metadata.Annotations = pulumi.StringMap{"pulumi.com/replaceUnready": pulumi.String("true")}
	job, err := batchv1.NewJob(b.ctx, b.children.Name(childFirstRefresh), &batchv1.JobArgs{
		Metadata: metadata,
		Spec:     jobSpec(r.first(), pod),
	}, b.children.Options(childFirstRefresh, pulumi.DependsOn(needs), explained(b.ctx, b.children.Name(childFirstRefresh), refresherPod),
		// A Job runs once: what a managed cluster, such as GKE Autopilot, made of its
		// resources is no reason for another. A replacement has those of the program.
		pulumi.IgnoreChanges([]string{"spec.template.spec.containers[0].resources"}),
		// What triggers a replacement is waited for as well.
		pulumi.ReplacementTrigger(trigger),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: await, Update: await}))...)
	if err != nil {
		return err
	}
	b.component.FirstRefresh = job
	return nil
}
