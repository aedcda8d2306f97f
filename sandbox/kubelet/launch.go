package kubelet

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// launch is what a container is started with.
type launch struct {
	env     map[string]string
	command []string
	user    string // a name or a number
}

// configure finds what the container is started with, and looks again while
// something is missing or refused.
func (c *container) configure() (*launch, error) {
	for {
		found, err := c.configuration()
		if err == nil {
			return found, nil
		}
		if stopped := context.Cause(c.w.ctx); stopped != nil {
			return nil, stopped
		}
		c.wait("CreateContainerConfigError", err.Error())
		if err := pause(c.w.ctx, configRetry); err != nil {
			return nil, err
		}
	}
}

func (c *container) configuration() (*launch, error) {
	user, err := runAs(c.w.pod, c.spec, c.image.Config.User)
	if err != nil {
		return nil, err
	}
	env, err := c.environment()
	if err != nil {
		return nil, err
	}
	return &launch{env: env, command: c.command(env), user: user}, nil
}

// command follows
// https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/:
// a command replaces the image's entry point and its arguments, arguments
// replace the image's arguments.
func (c *container) command(env map[string]string) []string {
	command, arguments := c.spec.Command, c.spec.Args
	if len(command) == 0 {
		command = c.image.Config.Entrypoint
		if len(arguments) == 0 {
			arguments = c.image.Config.Cmd
		}
		// What the image says is not expanded.
		if len(c.spec.Args) == 0 {
			return slices.Concat(command, arguments)
		}
		return slices.Concat(command, expandAll(arguments, env))
	}
	return slices.Concat(expandAll(command, env), expandAll(arguments, env))
}

func expandAll(texts []string, env map[string]string) []string {
	expanded := make([]string, 0, len(texts))
	for _, text := range texts {
		expanded = append(expanded, expand(text, env))
	}
	return expanded
}

// errNoCommand is a container runtime's.
var errNoCommand = errors.New("no command specified")

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
