package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A node waits 10 seconds at first and 5 minutes at most; a rehearsal that somebody
// watches waits less.
const (
	backoffFirst = time.Second
	backoffMost  = 10 * time.Second
)

func longer(backoff time.Duration) time.Duration {
	return min(max(2*backoff, backoffFirst), backoffMost)
}

// pullImage pulls the container's image until that succeeds. What another pod pulled
// does not count, as on a node that verifies credentials for every pod
// (https://www.kubernetes.dev/resources/keps/2535/)
// and has no image yet.
func (c *container) pullImage() (*pulledImage, error) {
	reference, err := name.ParseReference(c.spec.Image)
	if err != nil {
		return nil, c.never("InvalidImageName", fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: %v", c.spec.Image, c.spec.Image, err))
	}
	if c.spec.ImagePullPolicy == corev1.PullNever {
		return nil, c.never("ErrImageNeverPull", fmt.Sprintf("Container image %q is not present with pull policy of Never", c.spec.Image))
	}
	for {
		image, err := c.pull(reference)
		if err == nil {
			return image, nil
		}
		if stopped := context.Cause(c.w.ctx); stopped != nil {
			return nil, stopped
		}
		if err := c.pullFailed(err); err != nil {
			return nil, err
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

func (c *container) pull(reference name.Reference) (*pulledImage, error) {
	credentials, err := loginsFor(reference.Context().RegistryStr(), c.pullSecrets())
	if err != nil {
		return nil, err
	}
	c.event(corev1.EventTypeNormal, "Pulling", "Pulling image %q", c.spec.Image)
	began := time.Now()
	credentials = append(credentials, c.nodeCredentials(reference)...)
	image, err := fetchImage(c.w.ctx, c.w.k.config.Network.Client().Transport, reference, credentials)
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Truncate(time.Millisecond)
	c.event(corev1.EventTypeNormal, "Pulled", "Successfully pulled image %q in %v (%v including waiting). Image size: %v bytes.", c.spec.Image, took, took, image.size)
	return image, nil
}

// nodeCredentials are what the node's credential provider has for the image.
func (c *container) nodeCredentials(reference name.Reference) []authn.AuthConfig {
	if c.w.k.config.Credentials == nil {
		return nil
	}
	username, password, ok, err := c.w.k.config.Credentials(c.w.ctx, reference.Name())
	if err != nil {
		// As of a real kubelet: the pull goes on without, and the reason is in the
		// node's own log.
		c.w.k.config.Progress(fmt.Sprintf("node %s: credentials for %s: %v", c.w.k.config.Node, reference.Name(), err))
	}
	if err != nil || !ok {
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

// loginsFor are the pull secrets' logins at a registry, in their order. Secrets of
// other types are ignored, as by a kubelet, which also matches paths and globs
// (https://kubernetes.io/docs/concepts/containers/images/#config-json) and reads
// kubernetes.io/dockercfg: here they are errors, which never quote a secret.
func loginsFor(registry string, secrets []corev1.Secret) ([]authn.AuthConfig, error) {
	var logins []authn.AuthConfig
	for _, secret := range secrets {
		problem := func(text string) error {
			return fmt.Errorf("pull secret %s/%s: %s", secret.Namespace, secret.Name, text)
		}
		if secret.Type == corev1.SecretTypeDockercfg {
			return nil, problem("type kubernetes.io/dockercfg: want kubernetes.io/dockerconfigjson: the sandbox reads no other")
		}
		if secret.Type != corev1.SecretTypeDockerConfigJson {
			continue
		}
		var config struct {
			Auths map[string]authn.AuthConfig `json:"auths"`
		}
		if json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config) != nil {
			return nil, problem("is not the JSON of a Docker configuration")
		}
		for key, login := range config.Auths {
			if strings.ContainsAny(key, "/*?[") {
				return nil, problem(fmt.Sprintf("registry %q: want HOST or HOST:PORT: the sandbox matches no paths and globs", key))
			}
			if key == registry {
				logins = append(logins, authn.AuthConfig{Username: login.Username, Password: login.Password})
			}
		}
	}
	return logins, nil
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
	c.backoff = longer(c.backoff)
	half := c.backoff / 2
	if err := pause(c.w.ctx, half); err != nil {
		return err
	}
	c.event(corev1.EventTypeNormal, "BackOff", "Back-off pulling image %q", c.spec.Image)
	c.event(corev1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
	c.waits("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %v", c.spec.Image, failure))
	return pause(c.w.ctx, half)
}
