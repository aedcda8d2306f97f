package kubelet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/kubelet/internal/images"
	"waybill.example/waybill/sandbox/kubelet/internal/keyring"
)

// ensureImage pulls the container's image until that succeeds. With the policy
// IfNotPresent a pod pulls once; another pod's pull does not count, as on a node
// that verifies credentials for every pod
// (https://www.kubernetes.dev/resources/keps/2535/)
// and has no image yet.
func (c *container) ensureImage() error {
	reference, err := name.ParseReference(c.spec.Image)
	if err != nil {
		return c.never("InvalidImageName", fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: %v", c.spec.Image, c.spec.Image, err))
	}
	if c.image != nil && c.spec.ImagePullPolicy != corev1.PullAlways {
		c.event(corev1.EventTypeNormal, "Pulled", "Container image %q already present on machine and can be accessed by the pod", c.spec.Image)
		return nil
	}
	if c.spec.ImagePullPolicy == corev1.PullNever {
		return c.never("ErrImageNeverPull", fmt.Sprintf("Container image %q is not present with pull policy of Never", c.spec.Image))
	}
	for {
		image, err := c.pull(reference)
		if err == nil {
			c.image, c.pulls = image, backoff{}
			return nil
		}
		if stopped := context.Cause(c.w.ctx); stopped != nil {
			return stopped
		}
		if err := c.pullFailed(err); err != nil {
			return err
		}
	}
}

// never reports what no waiting can change.
func (c *container) never(reason, message string) error {
	c.waits(reason, message)
	c.event(corev1.EventTypeWarning, "Failed", "%s", message)
	c.event(corev1.EventTypeWarning, "Failed", "Error: %s", reason)
	<-c.w.ctx.Done()
	return context.Cause(c.w.ctx)
}

func (c *container) pull(reference name.Reference) (*images.Image, error) {
	secrets := c.pullSecrets()
	ring, err := keyring.New(secrets...)
	if err != nil {
		return nil, err
	}
	c.event(corev1.EventTypeNormal, "Pulling", "Pulling image %q", c.spec.Image)
	began := time.Now()
	credentials := append(ring.Lookup(reference.Context().Name()), c.nodeCredentials(reference)...)
	image, err := c.w.k.images.Pull(c.w.ctx, reference, credentials)
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Truncate(time.Millisecond)
	c.event(corev1.EventTypeNormal, "Pulled", "Successfully pulled image %q in %v (%v including waiting). Image size: %v bytes.", c.spec.Image, took, took, image.Size)
	return image, nil
}

// nodeCredentials are what the node's credential provider has for the image.
func (c *container) nodeCredentials(reference name.Reference) []authn.AuthConfig {
	if c.w.k.config.Credentials == nil {
		return nil
	}
	username, password, ok := c.w.k.config.Credentials(c.w.ctx, reference.Name())
	if !ok {
		return nil
	}
	return []authn.AuthConfig{{Username: username, Password: password}}
}

// pullSecrets are the pod's pull secrets as they are now. One that is missing
// does not stop the pull.
func (c *container) pullSecrets() []corev1.Secret {
	var secrets []corev1.Secret
	var missing []string
	for _, reference := range c.w.pod.Spec.ImagePullSecrets {
		if reference.Name == "" {
			continue
		}
		secret, err := c.w.k.client.CoreV1().Secrets(c.w.pod.Namespace).Get(c.w.ctx, reference.Name, metav1.GetOptions{})
		if err != nil {
			missing = append(missing, reference.Name)
			continue
		}
		secrets = append(secrets, *secret)
	}
	if len(missing) > 0 && c.w.ctx.Err() == nil {
		c.w.k.events.pod(c.w.pod, corev1.EventTypeWarning, "FailedToRetrieveImagePullSecret",
			"Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", strings.Join(missing, ", "))
	}
	return secrets
}

// pullFailed reports a failed pull, first as such and then as the back-off, and
// waits.
func (c *container) pullFailed(failure error) error {
	// One line, as the message of a status and of an event should be.
	failure = errors.New(strings.Join(strings.Fields(failure.Error()), " "))
	c.event(corev1.EventTypeWarning, "Failed", "Failed to pull image %q: %v", c.spec.Image, failure)
	c.event(corev1.EventTypeWarning, "Failed", "Error: ErrImagePull")
	c.waits("ErrImagePull", failure.Error())
	c.w.k.config.Progress(fmt.Sprintf("pod %s/%s: pull %s: %v", c.w.pod.Namespace, c.w.pod.Name, c.spec.Image, failure))
	half := c.pulls.next() / 2
	if err := pause(c.w.ctx, half); err != nil {
		return err
	}
	c.event(corev1.EventTypeNormal, "BackOff", "Back-off pulling image %q", c.spec.Image)
	c.event(corev1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
	c.waits("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %v", c.spec.Image, failure))
	return pause(c.w.ctx, half)
}
