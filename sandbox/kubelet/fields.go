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

// expand replaces $(NAME) by the variable's value; one that is not defined
// stays as it is, and $$ stands for $, so that $$(NAME) is never replaced
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/,
// "args").
func expand(text string, variables ...map[string]string) string {
	var expanded strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		expanded.WriteString(before)
		if !found {
			return expanded.String()
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
		switch {
		case strings.HasPrefix(after, "$"):
			expanded.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && closed:
			expanded.WriteString(valueOf(name, variables))
			text = rest
		default:
			expanded.WriteByte('$')
			text = after
		}
	}
}

func valueOf(name string, variables []map[string]string) string {
	for _, known := range variables {
		if value, ok := known[name]; ok {
			return value
		}
	}
	return "$(" + name + ")"
}
