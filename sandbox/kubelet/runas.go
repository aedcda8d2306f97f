package kubelet

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// security is the pod's security context with what the container sets of its own.
func security(pod *corev1.Pod, c *corev1.Container) corev1.PodSecurityContext {
	security := ptr.Deref(pod.Spec.SecurityContext, corev1.PodSecurityContext{})
	if own := c.SecurityContext; own != nil {
		security.RunAsUser = cmp.Or(own.RunAsUser, security.RunAsUser)
		security.RunAsGroup = cmp.Or(own.RunAsGroup, security.RunAsGroup)
		security.RunAsNonRoot = cmp.Or(own.RunAsNonRoot, security.RunAsNonRoot)
	}
	return security
}

// runAs is the user, a name or a number, that a container runs as: the pod's
// choice, or the image's, or root. It checks runAsNonRoot as the kubelet does
// (docs/facts.md §7), in its words: a user that an image names and does not
// number cannot be seen to be another than root.
func runAs(pod *corev1.Pod, c *corev1.Container, imageUser string) (string, error) {
	security := security(pod, c)
	nonRoot := ptr.Deref(security.RunAsNonRoot, false)
	where := fmt.Sprintf("(pod: %q, container: %s)", description(pod), c.Name)
	if user := security.RunAsUser; user != nil {
		if nonRoot && *user == 0 {
			return "", fmt.Errorf("container's runAsUser breaks non-root policy %s", where)
		}
		return strconv.FormatInt(*user, 10), nil
	}
	user, _, _ := strings.Cut(imageUser, ":")
	if user == "" {
		user = "0"
	}
	number, err := strconv.ParseInt(user, 10, 64)
	switch {
	case !nonRoot:
		return user, nil
	case err != nil:
		return "", fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root %s", user, where)
	case number == 0:
		return "", fmt.Errorf("container has runAsNonRoot and image will run as root %s", where)
	default:
		return user, nil
	}
}
