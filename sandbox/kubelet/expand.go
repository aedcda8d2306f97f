package kubelet

import "strings"

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
