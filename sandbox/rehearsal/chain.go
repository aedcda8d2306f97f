package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// chain is what was deployed, as the outputs and the cluster tell it.
type chain struct {
	namespace, secret string
	cronJob           *batchv1.CronJob
	deployment        *appsv1.Deployment

	// account is the refresher's ServiceAccount; audience that of its token.
	account, audience string
	// environment is the refresher's, but for what a ConfigMap holds.
	environment map[string]string

	tenantID, clientID, principalID          string
	projectNumber, pool, provider, recipient string
	registry, repository, image              string
}

// readChain finds the chain that a stack's outputs describe.
func readChain(ctx context.Context, client kubernetes.Interface, outputs map[string]any) (*chain, error) {
	text := func(path ...string) string {
		var value any = outputs
		for _, key := range path {
			object, _ := value.(map[string]any)
			value = object[key]
		}
		found, _ := value.(string)
		return found
	}
	c := &chain{
		tenantID: text("accessRequest", "tenantId"), clientID: text("accessRequest", "clientId"), principalID: text("accessRequest", "principalId"),
		projectNumber: text("accessGrant", "projectNumber"), pool: text("accessGrant", "pool"), provider: text("accessGrant", "provider"),
		recipient: text("accessGrant", "serviceAccount"),
		registry:  text("accessGrant", "registry"), repository: text("accessGrant", "repository"), image: text("image"),
	}
	var found bool
	if c.namespace, c.secret, found = strings.Cut(text("pullSecret"), "/"); !found {
		return nil, fmt.Errorf("rehearsal: the output pullSecret is %q: want NAMESPACE/NAME", text("pullSecret"))
	}
	if err := c.findCronJob(ctx, client); err != nil {
		return nil, err
	}
	return c, c.findDeployment(ctx, client)
}

// findCronJob takes the CronJob whose pods are told to write the pull secret.
func (c *chain) findCronJob(ctx context.Context, client kubernetes.Interface) error {
	all, err := client.BatchV1().CronJobs(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	for _, cronJob := range all.Items {
		pod := cronJob.Spec.JobTemplate.Spec.Template.Spec
		environment := map[string]string{}
		for _, variable := range pod.Containers[0].Env {
			environment[variable.Name] = variable.Value
		}
		if environment["WAYBILL_SECRET"] == c.secret {
			c.cronJob, c.environment, c.account = &cronJob, environment, pod.ServiceAccountName
			c.audience = subjectAudience(pod)
			return nil
		}
	}
	return fmt.Errorf("rehearsal: namespace %s has no CronJob that writes the secret %s", c.namespace, c.secret)
}

// subjectAudience is the audience of the one projected token that is not for
// the API server.
func subjectAudience(pod corev1.PodSpec) string {
	for _, volume := range pod.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience != "" {
				return source.ServiceAccountToken.Audience
			}
		}
	}
	return ""
}

// findDeployment takes the Deployment whose pods pull with the secret.
func (c *chain) findDeployment(ctx context.Context, client kubernetes.Interface) error {
	all, err := client.AppsV1().Deployments(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	for _, deployment := range all.Items {
		for _, reference := range deployment.Spec.Template.Spec.ImagePullSecrets {
			if reference.Name == c.secret {
				c.deployment = &deployment
				return nil
			}
		}
	}
	return fmt.Errorf("rehearsal: namespace %s has no Deployment that pulls with the secret %s", c.namespace, c.secret)
}

// check reports what the outputs left out: a walk with a gap would be refused
// for the wrong reason.
func (c *chain) check() error {
	var problems []error
	for name, value := range map[string]string{
		"accessRequest.tenantId": c.tenantID, "accessRequest.clientId": c.clientID, "accessRequest.principalId": c.principalID,
		"accessGrant.projectNumber": c.projectNumber, "accessGrant.pool": c.pool, "accessGrant.provider": c.provider,
		"accessGrant.serviceAccount": c.recipient, "accessGrant.registry": c.registry, "accessGrant.repository": c.repository,
		"image": c.image,
	} {
		if value == "" {
			problems = append(problems, fmt.Errorf("rehearsal: the output %s is missing", name))
		}
	}
	return errors.Join(problems...)
}
