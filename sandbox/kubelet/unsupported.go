package kubelet

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// unsupported are the reasons why a pod cannot be run as it means to be.
func unsupported(pod *corev1.Pod) []error {
	var problems []error
	add := func(format string, arguments ...any) { problems = append(problems, fmt.Errorf(format, arguments...)) }
	spec := &pod.Spec
	if spec.HostPID || spec.HostIPC {
		add("hostPID, hostIPC: want neither: the sandbox's pods see no process of this machine")
	}
	for _, v := range spec.Volumes {
		switch {
		case v.HostPath != nil:
			add("volume %q: hostPath %q: the sandbox's pods see no file of this machine", v.Name, v.HostPath.Path)
		case v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil && v.EmptyDir == nil:
			add("volume %q: want a configMap, secret, projected, downwardAPI or emptyDir volume: the sandbox has no others", v.Name)
		}
	}
	for _, c := range spec.InitContainers {
		add("init container %q: want none: the sandbox runs none", c.Name)
	}
	for _, c := range spec.Containers {
		if len(c.VolumeDevices) > 0 {
			add("container %q: volumeDevices: the sandbox has no block devices", c.Name)
		}
		if c.Lifecycle != nil && (c.Lifecycle.PostStart != nil || c.Lifecycle.PreStop != nil) {
			add("container %q: lifecycle: the sandbox runs no hooks", c.Name)
		}
	}
	return problems
}

// unexecutable is why a container cannot be executed whose image is no placeholder.
func (c *container) unexecutable() string {
	var has []string
	refuse := func(is bool, what string) {
		if is {
			has = append(has, what)
		}
	}
	spec := &c.w.pod.Spec
	refuse(spec.RestartPolicy != corev1.RestartPolicyNever, "restartPolicy "+string(spec.RestartPolicy))
	refuse(len(spec.Containers) > 1, "another container in the pod")
	refuse(len(security(c.w.pod, c.spec).SupplementalGroups) > 0, "supplementalGroups")
	refuse(len(c.spec.EnvFrom) > 0, "envFrom")
	for _, variable := range c.spec.Env {
		from := variable.ValueFrom
		refuse(from != nil && from.FieldRef == nil && from.ConfigMapKeyRef == nil, "env "+variable.Name+" from neither fieldRef nor configMapKeyRef")
	}
	for _, mount := range c.spec.VolumeMounts {
		refuse(mount.SubPathExpr != "", "subPathExpr "+mount.SubPathExpr)
	}
	if has == nil {
		return ""
	}
	return "the sandbox executes no container with " + strings.Join(has, ", ")
}
