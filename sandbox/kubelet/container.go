package kubelet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// runtimeName is the scheme of the IDs of containers that run.
	runtimeName = "sandbox"
	// placeholderRuntime is that of containers that stand for the product. The
	// status keeps it over restarts of the sandbox.
	placeholderRuntime = "sandbox-placeholder"

	// retryInterval is the time between two attempts at what is missing.
	retryInterval = time.Second
	// killedExitCode is that of a container that was killed.
	killedExitCode = 137
	// startErrorExitCode is that of a container whose program cannot be started.
	startErrorExitCode = 128
)

// container runs one container of a pod.
type container struct {
	w    *worker
	spec *corev1.Container

	status corev1.ContainerStatus // under w.mu

	backoff time.Duration // after the last pull
}

func newContainer(w *worker, spec *corev1.Container) *container {
	c := &container{w: w, spec: spec}
	known := w.pod.Status.ContainerStatuses
	if i := slices.IndexFunc(known, func(s corev1.ContainerStatus) bool { return s.Name == spec.Name }); i >= 0 {
		c.status = *known[i].DeepCopy()
		return c
	}
	c.status = corev1.ContainerStatus{
		Name: spec.Name, Image: spec.Image,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}
	return c
}

// standsFor says whether the container stands for the product and is said to
// run.
func (c *container) standsFor() bool {
	return c.status.State.Running != nil && strings.HasPrefix(c.status.ContainerID, placeholderRuntime+"://")
}

// run runs the container until it has ended for good; the error is why it was ended.
func (c *container) run() error {
	switch {
	case c.standsFor():
		return c.stand()
	case c.status.State.Running != nil:
		c.ended(killedExitCode, "Error", errStopped.Error()+" while the container ran")
		return nil
	case c.status.State.Terminated != nil:
		return nil
	}
	image, err := c.pullImage()
	if err != nil {
		return err
	}
	launch, err := c.configure(image)
	if err != nil {
		return err
	}
	if image.config.Labels[PlaceholderLabel] == PlaceholderValue {
		return c.playPlaceholder(image.id)
	}
	if why := c.unexecutable(); why != "" {
		return c.never(unsupportedReason, why)
	}
	return c.execute(launch)
}

// emptyMount says which mount is nothing that the product could read: where a volume
// has nothing at a subPath, a kubelet mounts an empty directory
// (https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath). Empty for none.
func (c *container) emptyMount() string {
	for _, mount := range c.spec.VolumeMounts {
		contents, copied := c.w.volumes[mount.Name]
		if copied && mount.SubPath != "" && len(contents.below(mount.SubPath)) == 0 {
			return fmt.Sprintf("volume %q has no %q: an empty directory would be mounted at %s", mount.Name, mount.SubPath, mount.MountPath)
		}
	}
	return ""
}

// playPlaceholder reports a container that stands for the product as running.
func (c *container) playPlaceholder(imageID string) error {
	if empty := c.emptyMount(); empty != "" {
		return c.never("CreateContainerError", empty)
	}
	c.event(corev1.EventTypeNormal, "Placeholder", "Image %q was pulled; the sandbox does not run the product", c.spec.Image)
	c.w.k.config.Progress(fmt.Sprintf("pod %s/%s: pulled %s; the sandbox does not run the product", c.w.pod.Namespace, c.w.pod.Name, c.spec.Image))
	c.started(placeholderRuntime, imageID)
	return c.stand()
}

// stand keeps up the report until the container is to end.
func (c *container) stand() error {
	<-c.w.ctx.Done()
	c.killing()
	c.ended(0, "Completed", "")
	return context.Cause(c.w.ctx)
}

// execute runs the container's program until it ends.
func (c *container) execute(launch *launch) error {
	var prepared *prepared
	if err := c.insist("CreateContainerError", func() (err error) {
		prepared, err = c.prepare(launch)
		return err
	}); err != nil {
		return err
	}
	code, reason, message := c.supervise(prepared, launch.image.id)
	if reason == "" {
		reason = "Completed"
		if code != 0 {
			reason = "Error"
		}
		message = prepared.terminationMessage(code)
	}
	if err := prepared.root.Remove(); err != nil {
		c.w.k.config.Progress(fmt.Sprintf("pod %s/%s: container %s: clean up: %v", c.w.pod.Namespace, c.w.pod.Name, c.spec.Name, err))
	}
	c.ended(code, reason, message)
	c.w.k.config.Progress(fmt.Sprintf("pod %s/%s: container %s ended with exit code %d", c.w.pod.Namespace, c.w.pod.Name, c.spec.Name, code))
	return context.Cause(c.w.ctx)
}

// supervise returns the exit code, and a reason where the program did not even
// start.
func (c *container) supervise(prepared *prepared, imageID string) (code int, reason, message string) {
	running, err := prepared.start()
	if err != nil {
		message = "failed to create the container's process: " + err.Error()
		c.event(corev1.EventTypeWarning, "Failed", "Error: %s", message)
		return startErrorExitCode, "StartError", message
	}
	c.started(runtimeName, imageID)
	if c.spec.LivenessProbe != nil || c.spec.ReadinessProbe != nil || c.spec.StartupProbe != nil {
		c.event(corev1.EventTypeNormal, "ProbesSkipped", "The sandbox does not execute the probes of container %s: it counts as ready while it runs", c.spec.Name)
	}
	select {
	case <-running.Done():
	case <-c.w.ctx.Done():
		c.killing()
		running.Stop(c.w.hard, c.w.grace())
	}
	return running.ExitCode(), "", ""
}

func (c *container) killing() {
	if c.w.hard.Err() == nil {
		c.event(corev1.EventTypeNormal, "Killing", "Stopping container %s", c.spec.Name)
	}
}

// started reports the container as running.
func (c *container) started(scheme, imageID string) {
	c.w.change(func() {
		c.status.ContainerID = fmt.Sprintf("%s://%s.%s", scheme, c.w.pod.UID, c.spec.Name)
		c.status.ImageID = imageID
		c.status.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
	})
	c.event(corev1.EventTypeNormal, "Created", "Created container: %s", c.spec.Name)
	c.event(corev1.EventTypeNormal, "Started", "Started container %s", c.spec.Name)
}

// ended reports how the container ended.
func (c *container) ended(code int, reason, message string) {
	c.w.change(func() {
		end := &corev1.ContainerStateTerminated{
			ExitCode: int32(code), //nolint:gosec // an exit code
			Reason:   reason, Message: message,
			FinishedAt: metav1.Now(), ContainerID: c.status.ContainerID,
		}
		if running := c.status.State.Running; running != nil {
			end.StartedAt = running.StartedAt
		}
		c.status.State = corev1.ContainerState{Terminated: end}
	})
}

// waits reports why the container does not run yet.
func (c *container) waits(reason, message string) {
	c.w.change(func() {
		c.status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	})
}

func (c *container) event(kind, reason, format string, arguments ...any) {
	c.w.k.events.container(c.w.pod, "spec.containers{"+c.spec.Name+"}", kind, reason, format, arguments...)
}

// logFile is the path of the container's log.
func (c *container) logFile() string {
	return filepath.Join(c.w.dir, "logs", c.spec.Name+".log")
}

func (c *container) openLog() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(c.logFile()), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(c.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// description is how the kubelet's messages name a pod.
func description(pod *corev1.Pod) string {
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}
