package kubelet

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/kubelet/internal/images"
)

// launch is what a container is started with.
type launch struct {
	image   *images.Image
	env     map[string]string
	command []string
	user    string // a name or a number
}

// configure finds what the container is started with, and looks again while
// something is missing or refused.
func (c *container) configure(image *images.Image) (*launch, error) {
	for {
		found, err := c.configuration(image)
		if err == nil {
			return found, nil
		}
		if stopped := context.Cause(c.w.ctx); stopped != nil {
			return nil, stopped
		}
		c.waits("CreateContainerConfigError", err.Error())
		c.event(corev1.EventTypeWarning, "Failed", "Error: %v", err)
		if err := pause(c.w.ctx, retryInterval); err != nil {
			return nil, err
		}
	}
}

func (c *container) configuration(image *images.Image) (*launch, error) {
	user, err := runAs(c.w.pod, c.spec, image.Config.User)
	if err != nil {
		return nil, err
	}
	env, err := c.environment(image.Config.Env)
	if err != nil {
		return nil, err
	}
	return &launch{image: image, env: env, command: c.command(&image.Config, env), user: user}, nil
}

// command follows
// https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/:
// a command replaces the image's entry point and its arguments, arguments
// replace the image's arguments. What the image says is not expanded.
func (c *container) command(image *v1.Config, env map[string]string) []string {
	command, arguments := expandAll(c.spec.Command, env), expandAll(c.spec.Args, env)
	if len(command) == 0 {
		command = image.Entrypoint
		if len(arguments) == 0 {
			arguments = image.Cmd
		}
	}
	return slices.Concat(command, arguments)
}

func expandAll(texts []string, env map[string]string) []string {
	expanded := make([]string, len(texts))
	for i, text := range texts {
		expanded[i] = expand(text, env)
	}
	return expanded
}

// effective is the container's setting where it has one, otherwise the pod's.
func effective[T any](pod *corev1.Pod, c *corev1.Container, ofPod func(*corev1.PodSecurityContext) *T, ofContainer func(*corev1.SecurityContext) *T) *T {
	if c.SecurityContext != nil {
		if value := ofContainer(c.SecurityContext); value != nil {
			return value
		}
	}
	if pod.Spec.SecurityContext != nil {
		return ofPod(pod.Spec.SecurityContext)
	}
	return nil
}

func runAsUser(pod *corev1.Pod, c *corev1.Container) *int64 {
	return effective(pod, c,
		func(s *corev1.PodSecurityContext) *int64 { return s.RunAsUser },
		func(s *corev1.SecurityContext) *int64 { return s.RunAsUser })
}

func runAsGroup(pod *corev1.Pod, c *corev1.Container) *int64 {
	return effective(pod, c,
		func(s *corev1.PodSecurityContext) *int64 { return s.RunAsGroup },
		func(s *corev1.SecurityContext) *int64 { return s.RunAsGroup })
}

func runAsNonRoot(pod *corev1.Pod, c *corev1.Container) bool {
	value := effective(pod, c,
		func(s *corev1.PodSecurityContext) *bool { return s.RunAsNonRoot },
		func(s *corev1.SecurityContext) *bool { return s.RunAsNonRoot })
	return value != nil && *value
}
