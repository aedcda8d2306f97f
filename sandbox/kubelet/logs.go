package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Logs returns everything that the container's last run has written to stdout
// and stderr, in this order; an empty container name stands for a pod's only
// container. A pod's logs are removed with the pod.
func (k *Kubelet) Logs(namespace, pod, container string) ([]byte, error) {
	c, err := k.container(namespace, pod, container)
	if err != nil {
		return nil, err
	}
	c.w.mu.Lock()
	path := c.logFile(c.status.RestartCount)
	c.w.mu.Unlock()
	return c.readLog(path)
}

// container finds a container of a pod that has not been removed.
func (k *Kubelet) container(namespace, pod, name string) (*container, error) {
	w := k.worker(namespace, pod)
	if w == nil {
		return nil, fmt.Errorf("pod %s/%s: not found on node %s", namespace, pod, k.config.Node)
	}
	if name == "" && len(w.main) == 1 && len(w.init) == 0 {
		return w.main[0], nil
	}
	for _, containers := range [][]*container{w.init, w.main} {
		for _, c := range containers {
			if c.spec.Name == name {
				return c, nil
			}
		}
	}
	return nil, fmt.Errorf("pod %s/%s: container %q: not found", namespace, pod, name)
}

// readLog says in the kubelet's words why there is no log yet.
func (c *container) readLog(path string) ([]byte, error) {
	log, err := os.ReadFile(path) //nolint:gosec // below the kubelet's own directory
	if !errors.Is(err, fs.ErrNotExist) {
		return log, err
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.standsFor() {
		return []byte("The sandbox pulled the image " + c.spec.Image + " and does not run the product.\n"), nil
	}
	if waiting := c.status.State.Waiting; waiting != nil {
		return nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", c.spec.Name, c.w.pod.Name, waiting.Reason)
	}
	return nil, fmt.Errorf("container %q in pod %q has no log", c.spec.Name, c.w.pod.Name)
}

// lastLines are the last count lines of text; the last one may lack its end.
func lastLines(text []byte, count int) []byte {
	at := len(text)
	for ; count > 0 && at > 0; count-- {
		at = bytes.LastIndexByte(text[:at-1], '\n') + 1
	}
	return text[at:]
}
