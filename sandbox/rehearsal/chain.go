package rehearsal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// chain is what every chain has: what was deployed for one environment of the
// world, as the cluster and the outputs tell it.
type chain struct {
	*setting
	// environment is empty for the environment "default".
	environment string
	// cluster is where the product runs; nil on ECS.
	cluster *cluster

	namespace, secret string
	// alsoIn are other namespaces that have the pull secret.
	alsoIn     []string
	cronJob    *batchv1.CronJob
	deployment *appsv1.Deployment
	// components are all Deployments of the product, deployment among them.
	components []appsv1.Deployment

	// account is the refresher's ServiceAccount; audience that of its token.
	account, audience string
	// variables are the refresher's environment, but for what a ConfigMap holds.
	variables map[string]string

	registry, repository, image string
	// release is the tag that the world wants to run; empty for the one of image.
	release string
	// services are the product's addresses in the cluster.
	services []string
}

func (c *chain) base() *chain { return c }

// namespaces are all that have the pull secret, the refresher's first.
func (c *chain) namespaces() []string { return append([]string{c.namespace}, c.alsoIn...) }

// requested wants the access request to say what the vendor has to trust: the cluster's
// issuer, and the refresher's ServiceAccount.
func (c *chain) requested(issuer, subject string) error {
	if want := c.ofWorld().Issuer; issuer != want {
		return fmt.Errorf("rehearsal: the output accessRequest has the issuer %q: want %q", issuer, want)
	}
	if want := serviceAccount(c.namespace, c.account); subject != want {
		return fmt.Errorf("rehearsal: the output accessRequest has the subject %q: want %q", subject, want)
	}
	return nil
}

// find finds who writes and who reads the pull secret.
func (c *chain) find(ctx context.Context, outputs document) error {
	text := outputs.text("pullSecret")
	namespace, secret, _ := strings.Cut(text, "/")
	if namespace != c.namespace || secret == "" {
		return fmt.Errorf("rehearsal: the output pullSecret is %q: want NAMESPACE/NAME in the namespace %s of the world (walk.environments)", text, c.namespace)
	}
	c.secret = secret
	if err := c.findCronJob(ctx); err != nil {
		return err
	}
	return c.findDeployment(ctx, func(pod corev1.PodSpec) bool {
		return slices.ContainsFunc(pod.ImagePullSecrets, func(reference corev1.LocalObjectReference) bool { return reference.Name == c.secret })
	})
}

// findNodePulled finds the Deployment whose image the node pulls by itself.
func (c *chain) findNodePulled(ctx context.Context) error {
	return c.findDeployment(ctx, func(pod corev1.PodSpec) bool { return pod.Containers[0].Image == c.image })
}

// findCronJob takes the CronJob whose pods are told to write the pull secret.
func (c *chain) findCronJob(ctx context.Context) error {
	all, err := c.cluster.admin.BatchV1().CronJobs(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, cronJob := range all.Items {
		pod := cronJob.Spec.JobTemplate.Spec.Template.Spec
		variables := map[string]string{}
		for _, variable := range pod.Containers[0].Env {
			variables[variable.Name] = variable.Value
		}
		if variables["WAYBILL_SECRET"] == c.secret {
			c.cronJob, c.variables, c.account = &cronJob, variables, pod.ServiceAccountName
			for _, volume := range pod.Volumes {
				c.audience = cmp.Or(c.audience, subjectAudience(volume))
			}
			return nil
		}
	}
	return fmt.Errorf("rehearsal: namespace %s has no CronJob that writes the secret %s", c.namespace, c.secret)
}

// subjectAudience is the audience of a projected token that is not for the API
// server; empty for a volume with none.
func subjectAudience(volume corev1.Volume) string {
	if volume.Projected == nil {
		return ""
	}
	for _, source := range volume.Projected.Sources {
		if source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience != "" {
			return source.ServiceAccountToken.Audience
		}
	}
	return ""
}

// findDeployment takes the Deployment whose pods are as wanted. Of several, the
// components of one product, it is the one with the image of the outputs, or
// else the first by name: they pull alike.
func (c *chain) findDeployment(ctx context.Context, wanted func(corev1.PodSpec) bool) error {
	all, err := c.cluster.admin.AppsV1().Deployments(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	c.components = nil
	for _, deployment := range all.Items {
		if wanted(deployment.Spec.Template.Spec) {
			c.components = append(c.components, deployment)
		}
	}
	if len(c.components) == 0 {
		return fmt.Errorf("rehearsal: namespace %s has no Deployment that pulls %s as the outputs say", c.namespace, c.image)
	}
	named := slices.IndexFunc(c.components, func(d appsv1.Deployment) bool { return d.Spec.Template.Spec.Containers[0].Image == c.image })
	c.deployment = &c.components[max(named, 0)]
	return nil
}
