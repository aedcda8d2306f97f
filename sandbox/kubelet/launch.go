package kubelet

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
)

// launch is what a container is started with.
type launch struct {
	image   *pulledImage
	env     map[string]string
	command []string
	user    string // a name or a number
}

// configure finds what the container is started with, and looks again while
// something is missing or refused.
func (c *container) configure(image *pulledImage) (found *launch, err error) {
	err = c.insist("CreateContainerConfigError", func() (err error) {
		found, err = c.configuration(image)
		return err
	})
	return found, err
}

// insist tries until it succeeds or the pod ends, and shows why the container waits.
func (c *container) insist(reason string, try func() error) error {
	return c.w.insist(try, func(err error) {
		c.waits(reason, err.Error())
		c.event(corev1.EventTypeWarning, "Failed", "Error: %v", err)
	})
}

func (c *container) configuration(image *pulledImage) (*launch, error) {
	user, err := runAs(c.w.pod, c.spec, image.config.User)
	if err != nil {
		return nil, err
	}
	env, err := c.environment(image.config.Env)
	if err != nil {
		return nil, err
	}
	return &launch{image: image, env: env, command: c.command(&image.config, env), user: user}, nil
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
