package kubelet

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"waybill.example/waybill/sandbox/network"
)

const (
	// authorityPath is where containers find the certificate authorities that
	// the kubelet was given.
	authorityPath = "/etc/ssl/sandbox-ca.pem"
	// deafPort is one on which nothing listens: that of tcpmux (RFC 1078).
	deafPort = "1"
	// apiServerName is the API server's where pods have a proxy: clients never ask a
	// proxy for an address of loopback. Its certificate has the name, and no pattern
	// of NO_PROXY has it by chance.
	apiServerName = "kubernetes"
)

// environment is the container's whole environment. Of two variables of one
// name the later counts: a container runtime's, the image's, the cluster's, and
// those of env in their order.
func (c *container) environment(ofImage []string) (map[string]string, error) {
	cluster := c.w.clusterEnvironment()
	own := map[string]string{}
	for _, variable := range c.spec.Env {
		value, found, err := c.w.value(&variable, own, cluster)
		if err != nil {
			return nil, err
		}
		if found {
			own[variable.Name] = value
		}
	}
	environment := map[string]string{"HOSTNAME": c.w.pod.Name, "HOME": "/"}
	for _, variable := range ofImage {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	maps.Copy(environment, cluster)
	maps.Copy(environment, own)
	return environment, nil
}

// value is that of a variable of the pod; one that it refers to may be optional and
// not be there.
func (w *worker) value(variable *corev1.EnvVar, known ...map[string]string) (value string, found bool, err error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return expand(variable.Value, known...), true, nil
	case from.FieldRef != nil:
		value, err = w.field(from.FieldRef.FieldPath)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		reference := from.ConfigMapKeyRef
		configMap, err := w.configMap(reference.Name, reference.Optional)
		if err != nil || configMap == nil {
			return "", false, err
		}
		if value, found = configMap.Data[reference.Key]; !found && !ptr.Deref(reference.Optional, false) {
			err = fmt.Errorf("couldn't find key %s in ConfigMap %s/%s", reference.Key, w.pod.Namespace, reference.Name)
		}
		return value, found, err
	default: // The product's: unexecutable refuses it in what runs.
		return "", false, nil
	}
}

// field is the value of a field of the pod, as the downward API gives it
// (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/).
func (w *worker) field(path string) (string, error) {
	fields := map[string]string{
		"metadata.name": w.pod.Name, "metadata.namespace": w.pod.Namespace, "metadata.uid": string(w.pod.UID),
		"spec.nodeName": w.pod.Spec.NodeName, "spec.serviceAccountName": w.pod.Spec.ServiceAccountName,
		"status.hostIP": hostAddress, "status.podIP": w.address,
	}
	value, known := fields[path]
	if !known {
		return "", fmt.Errorf("field %q: want one of %q: the sandbox has no others", path, slices.Sorted(maps.Keys(fields)))
	}
	return value, nil
}

// references are $(NAME), and $$, which stands for $, so that $$(NAME) is none
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/,
// "args").
var references = regexp.MustCompile(`\$(\$|\([^)]*\))`)

// expand replaces references by the variables' values; one that is not defined stays
// as it is.
func expand(text string, variables ...map[string]string) string {
	return references.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		for _, known := range variables {
			if value, ok := known[found[2:len(found)-1]]; ok {
				return value
			}
		}
		return found
	})
}

// clusterEnvironment is what every container gets: the API server's address
// (the real one: there is no service network), the public authorities, and the
// proxy variables by which it reaches the sandbox. Where the cluster has a proxy
// of its own, the pod has to bring those variables itself. Where the pod's network
// policies do not allow it the API server, nobody listens at the address.
func (w *worker) clusterEnvironment() map[string]string {
	host, port := w.k.apiServer.Hostname(), w.k.apiServer.Port()
	if w.k.config.Policies.APIServer(w.ctx, w.pod) != nil {
		port = deafPort
	}
	environment := map[string]string{
		"KUBERNETES_SERVICE_HOST":       host,
		"KUBERNETES_SERVICE_PORT":       port,
		"KUBERNETES_SERVICE_PORT_HTTPS": port,
		"SSL_CERT_FILE":                 authorityPath,
	}
	if w.k.config.Egress != nil {
		environment["KUBERNETES_SERVICE_HOST"] = apiServerName
		return environment
	}
	environment["HTTPS_PROXY"], environment["HTTP_PROXY"] = w.proxy, w.proxy
	environment["NO_PROXY"] = strings.Join([]string{host, "localhost", "127.0.0.1", ".svc", ".cluster.local"}, ",")
	return environment
}

// reachProxy opens the pod's way to the cluster's proxy, where there is one and the
// pod's network policies allow it; otherwise nobody listens there.
func (w *worker) reachProxy() error {
	if w.k.config.Egress == nil {
		return nil
	}
	w.outside = network.Loopback()
	if w.k.config.Policies.Proxy(w.ctx, w.pod) != nil {
		return nil
	}
	address, stop, err := w.k.config.Egress.Listen(w.ctx)
	if err != nil {
		return err
	}
	w.outside, w.forget = address, stop
	return nil
}

// hosts are the names that the pod can resolve: no others, as its name service
// reads this file alone. Where the cluster has a proxy, public hosts are at an
// address where nobody takes a connection but that proxy, at its port.
func (w *worker) hosts() string {
	hosts := fmt.Sprintf("127.0.0.1\tlocalhost\n%s\t%s\n", w.address, w.pod.Name)
	if egress := w.k.config.Egress; egress != nil {
		names := append([]string{egress.Host()}, w.k.config.Network.Hosts()...)
		hosts += fmt.Sprintf("%s\t%s\n%s\t%s\n", w.k.apiServer.Hostname(), apiServerName, w.outside, strings.Join(names, " "))
	}
	return hosts
}
