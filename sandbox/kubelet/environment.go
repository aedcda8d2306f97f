package kubelet

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

const (
	// authorityPath is where containers find the certificate authorities that
	// the kubelet was given.
	authorityPath = "/etc/ssl/sandbox-ca.pem"
	// deafPort is one on which nothing listens: that of tcpmux (RFC 1078).
	deafPort = "1"
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
// (the real one: there is no service network), and the proxy variables as a
// cluster sets them whose egress goes through one. Where the pod's network
// policies do not allow it the API server, nobody listens at the address.
func (w *worker) clusterEnvironment() map[string]string {
	host, port := w.k.apiServer.Hostname(), w.k.apiServer.Port()
	if w.k.config.Policies.APIServer(w.ctx, w.pod) != nil {
		port = deafPort
	}
	return map[string]string{
		"KUBERNETES_SERVICE_HOST":       host,
		"KUBERNETES_SERVICE_PORT":       port,
		"KUBERNETES_SERVICE_PORT_HTTPS": port,
		"HTTPS_PROXY":                   w.proxy,
		"NO_PROXY":                      strings.Join([]string{host, "localhost", "127.0.0.1", ".svc", ".cluster.local"}, ","),
		"SSL_CERT_FILE":                 authorityPath,
	}
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
