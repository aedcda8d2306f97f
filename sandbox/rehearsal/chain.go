package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// document is what a stack exported.
type document map[string]any

// text is the text at a path, or nothing.
func (d document) text(path ...string) string {
	var value any = map[string]any(d)
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	found, _ := value.(string)
	return found
}

// readChain reads what every chain has.
func readChain(outputs document) *chain {
	return &chain{
		registry: outputs.text("accessGrant", "registry"), repository: outputs.text("accessGrant", "repository"), image: outputs.text("image"),
	}
}

// readGoogle finds the chain through Google that a stack's outputs describe.
func (r *Rehearsal) readGoogle(ctx context.Context, outputs document) error {
	c := readChain(outputs)
	c.tenantID, c.clientID = outputs.text("accessRequest", "tenantId"), outputs.text("accessRequest", "clientId")
	c.principalID = outputs.text("accessRequest", "principalId")
	c.projectNumber, c.pool = outputs.text("accessGrant", "projectNumber"), outputs.text("accessGrant", "pool")
	c.provider, c.recipient = outputs.text("accessGrant", "provider"), outputs.text("accessGrant", "serviceAccount")
	r.chain = c
	if err := r.findPullSecret(ctx, outputs); err != nil {
		return err
	}
	return c.check()
}

// findPullSecret finds who writes and who reads the pull secret.
func (r *Rehearsal) findPullSecret(ctx context.Context, outputs document) error {
	if err := r.needCluster(); err != nil {
		return err
	}
	c, text := r.chain, outputs.text("pullSecret")
	var found bool
	if c.namespace, c.secret, found = strings.Cut(text, "/"); !found {
		return fmt.Errorf("rehearsal: the output pullSecret is %q: want NAMESPACE/NAME", text)
	}
	if err := c.findCronJob(ctx, r.admin); err != nil {
		return err
	}
	return c.findDeployment(ctx, r.admin, func(pod corev1.PodSpec) bool {
		return slices.ContainsFunc(pod.ImagePullSecrets, func(reference corev1.LocalObjectReference) bool { return reference.Name == c.secret })
	})
}

// needCluster refuses a world without a cluster to a chain that begins in one.
func (r *Rehearsal) needCluster() error {
	if r.admin == nil {
		return errors.New("rehearsal: the chain begins in a cluster, and the world has none (kubernetes.clusters)")
	}
	return nil
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

// findDeployment takes the Deployment whose pods are as wanted.
func (c *chain) findDeployment(ctx context.Context, client kubernetes.Interface, wanted func(corev1.PodSpec) bool) error {
	all, err := client.AppsV1().Deployments(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	for _, deployment := range all.Items {
		if wanted(deployment.Spec.Template.Spec) {
			c.deployment = &deployment
			return nil
		}
	}
	return fmt.Errorf("rehearsal: namespace %s has no Deployment that pulls %s as the outputs say", c.namespace, c.image)
}

// check reports what the outputs left out: a walk with a gap would be refused
// for the wrong reason.
func (c *chain) check() error {
	return missing(map[string]string{
		"accessRequest.tenantId": c.tenantID, "accessRequest.clientId": c.clientID, "accessRequest.principalId": c.principalID,
		"accessGrant.projectNumber": c.projectNumber, "accessGrant.pool": c.pool, "accessGrant.provider": c.provider,
		"accessGrant.serviceAccount": c.recipient, "accessGrant.registry": c.registry, "accessGrant.repository": c.repository,
		"image": c.image,
	})
}

// missing reports every output that has no value.
func missing(outputs map[string]string) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		if outputs[name] == "" {
			problems = append(problems, fmt.Errorf("rehearsal: the output %s is missing", name))
		}
	}
	return errors.Join(problems...)
}
