package kubelet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// field is the value of a field of the pod, as the downward API gives it
// (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/).
func (w *worker) field(path string) (string, error) {
	pod := w.pod
	if base, key, ok := subscript(path); ok {
		switch base {
		case "metadata.labels":
			return pod.Labels[key], nil
		case "metadata.annotations":
			return pod.Annotations[key], nil
		}
		return "", fmt.Errorf("field %q: want metadata.labels['KEY'] or metadata.annotations['KEY']", path)
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "metadata.labels":
		return lines(pod.Labels), nil
	case "metadata.annotations":
		return lines(pod.Annotations), nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return hostAddress, nil
	case "status.podIP", "status.podIPs":
		return w.address.String(), nil
	default:
		return "", fmt.Errorf("field %q: want one that the downward API has", path)
	}
}

// subscript splits PATH['KEY'].
func subscript(path string) (base, key string, ok bool) {
	base, rest, found := strings.Cut(path, "['")
	key, closed := strings.CutSuffix(rest, "']")
	return base, key, found && closed
}

// lines has a line KEY="VALUE" for each entry, in the order of the keys.
func lines(entries map[string]string) string {
	var text []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		text = append(text, fmt.Sprintf("%s=%q", key, entries[key]))
	}
	return strings.Join(text, "\n")
}
