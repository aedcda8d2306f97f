package kubelet

import (
	"fmt"
	"maps"
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
	// defaultPath is a container runtime's.
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// environment is the container's whole environment. Of two variables of one
// name the later counts: a container runtime's, the image's, the cluster's,
// those of envFrom, and those of env in their order.
func (c *container) environment() (map[string]string, error) {
	cluster := c.w.clusterEnvironment()
	own := map[string]string{}
	for _, from := range c.spec.EnvFrom {
		if err := c.w.addAll(own, from); err != nil {
			return nil, err
		}
	}
	for _, variable := range c.spec.Env {
		if variable.ValueFrom == nil {
			own[variable.Name] = expand(variable.Value, own, cluster)
			continue
		}
		value, found, err := c.w.resolve(variable.ValueFrom)
		if err != nil {
			return nil, err
		}
		if found {
			own[variable.Name] = value
		}
	}
	environment := map[string]string{"PATH": defaultPath, "HOSTNAME": c.w.pod.Name}
	for _, variable := range c.image.Config.Env {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	maps.Copy(environment, cluster)
	maps.Copy(environment, own)
	return environment, nil
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
	environment["HTTPS_PROXY"] = w.proxy
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

// addAll adds the variables of a whole ConfigMap or Secret.
func (w *worker) addAll(environment map[string]string, from corev1.EnvFromSource) error {
	switch {
	case from.ConfigMapRef != nil:
		found, err := w.configMap(from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		if err != nil || found == nil {
			return err
		}
		for key, value := range found.Data {
			environment[from.Prefix+key] = value
		}
	case from.SecretRef != nil:
		found, err := w.secret(from.SecretRef.Name, from.SecretRef.Optional)
		if err != nil || found == nil {
			return err
		}
		for key, value := range found.Data {
			environment[from.Prefix+key] = string(value)
		}
	}
	return nil
}

// resolve finds the value that a variable refers to; an optional one may not
// be there.
func (w *worker) resolve(from *corev1.EnvVarSource) (value string, found bool, err error) {
	switch {
	case from.FieldRef != nil:
		value, err = w.field(from.FieldRef.FieldPath)
		return value, err == nil, err
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
	case from.SecretKeyRef != nil:
		reference := from.SecretKeyRef
		secret, err := w.secret(reference.Name, reference.Optional)
		if err != nil || secret == nil {
			return "", false, err
		}
		data, found := secret.Data[reference.Key]
		if !found && !ptr.Deref(reference.Optional, false) {
			err = fmt.Errorf("couldn't find key %s in Secret %s/%s", reference.Key, w.pod.Namespace, reference.Name)
		}
		return string(data), found, err
	default:
		return "", false, nil
	}
}
