package kubelet

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// unsupported are the reasons why a pod cannot be run as it means to be.
func unsupported(pod *corev1.Pod) []error {
	var problems []error
	add := func(format string, arguments ...any) { problems = append(problems, fmt.Errorf(format, arguments...)) }
	spec := &pod.Spec
	if spec.HostPID || spec.HostIPC {
		add("hostPID, hostIPC: want neither: the sandbox's pods see no process of this machine")
	}
	emptyDirs := map[string]bool{}
	for _, v := range spec.Volumes {
		switch {
		case v.EmptyDir != nil:
			emptyDirs[v.Name] = true
		case v.HostPath != nil:
			add("volume %q: hostPath %q: the sandbox's pods see no file of this machine", v.Name, v.HostPath.Path)
		case v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil:
			add("volume %q: want a configMap, secret, projected, downwardAPI or emptyDir volume: the sandbox has no others", v.Name)
		}
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		if ptr.Deref(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			add("container %q: restartPolicy Always of an init container: the sandbox runs no sidecars", c.Name)
		}
		problems = append(problems, unsupportedContainer(c, emptyDirs, map[string]string{})...)
	}
	holders := map[string]string{}
	for i := range spec.Containers {
		problems = append(problems, unsupportedContainer(&spec.Containers[i], emptyDirs, holders)...)
	}
	return problems
}

// unsupportedContainer notes in holders which container has which emptyDir: two
// that run at the same time cannot share one, as nothing is mounted.
func unsupportedContainer(c *corev1.Container, emptyDirs map[string]bool, holders map[string]string) []error {
	var problems []error
	add := func(format string, arguments ...any) {
		problems = append(problems, fmt.Errorf("container %q: "+format, append([]any{c.Name}, arguments...)...))
	}
	for _, mount := range c.VolumeMounts {
		if !emptyDirs[mount.Name] {
			continue
		}
		if holder, held := holders[mount.Name]; held {
			add("emptyDir %q is mounted in container %q already: the sandbox cannot share it", mount.Name, holder)
		}
		holders[mount.Name] = c.Name
		if mount.SubPath != "" || mount.SubPathExpr != "" {
			add("emptyDir %q: want no subPath: the sandbox mounts it as a whole", mount.Name)
		}
	}
	if len(c.VolumeDevices) > 0 {
		add("volumeDevices: the sandbox has no block devices")
	}
	if c.Lifecycle != nil && (c.Lifecycle.PostStart != nil || c.Lifecycle.PreStop != nil) {
		add("lifecycle: the sandbox runs no hooks")
	}
	for _, variable := range c.Env {
		if from := variable.ValueFrom; from != nil && (from.ResourceFieldRef != nil || from.FileKeyRef != nil) {
			add("env %s: want a value, fieldRef, configMapKeyRef or secretKeyRef: the sandbox enforces no resources and reads no environment files", variable.Name)
		}
	}
	return problems
}
