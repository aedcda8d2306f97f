package provider

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// replacingFields are the fields, by kind, whose change replaces an object,
// beside those that session.replacing adds. It is v4.30's table for the kinds
// that a current API server serves, not the API server's own list of immutable
// fields: a change of another immutable field is refused by the server.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/provider/diff.go
var replacingFields = map[schema.GroupKind][]fieldPattern{
	{Group: "apps", Kind: "DaemonSet"}:  fieldPatterns("spec.selector"),
	{Group: "apps", Kind: "Deployment"}: fieldPatterns("spec.selector"),
	{Group: "apps", Kind: "StatefulSet"}: fieldPatterns(
		"spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"),
	jobKind:                 fieldPatterns("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
	{Kind: "Secret"}:        fieldPatterns("type"),
	{Kind: "Service"}:       fieldPatterns("spec.clusterIP"),
	{Kind: "ResourceQuota"}: fieldPatterns("spec.scopes"),
	{Kind: "PersistentVolumeClaim"}: fieldPatterns(
		"spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
	{Kind: "PersistentVolume"}: fieldPatterns(
		"spec.awsElasticBlockStore", "spec.azureDisk", "spec.azureFile", "spec.cephfs", "spec.cinder", "spec.csi", "spec.fc",
		"spec.flexVolume", "spec.flocker", "spec.gcePersistentDisk", "spec.glusterfs", "spec.hostPath", "spec.iscsi", "spec.local",
		"spec.nfs", "spec.photonPersistentDisk", "spec.portworxVolume", "spec.quobyte", "spec.rbd", "spec.scaleIO",
		"spec.storageos", "spec.vsphereVolume"),
	{Kind: "Pod"}: append(podFields, append(containerFields("spec.containers"), containerFields("spec.initContainers")...)...),
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        fieldPatterns("roleRef"),
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: fieldPatterns("roleRef"),
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  fieldPatterns("parameters", "provisioner"),
}

var jobKind = schema.GroupKind{Group: "batch", Kind: "Job"}

var podFields = fieldPatterns(
	"spec.affinity", "spec.automountServiceAccountToken", "spec.dnsConfig", "spec.dnsPolicy", "spec.enableServiceLinks",
	"spec.hostAliases", "spec.hostIPC", "spec.hostNetwork", "spec.hostPID", "spec.hostname", "spec.imagePullSecrets",
	"spec.nodeName", "spec.nodeSelector", "spec.overhead", "spec.preemptionPolicy", "spec.priority", "spec.priorityClassName",
	"spec.readinessGates", "spec.restartPolicy", "spec.runtimeClassName", "spec.schedulerName", "spec.securityContext",
	"spec.serviceAccount", "spec.serviceAccountName", "spec.shareProcessNamespace", "spec.subdomain",
	"spec.terminationGracePeriodSeconds", "spec.volumes")

// containerFields are the fields of the containers in the list at the path.
func containerFields(list string) []fieldPattern {
	var patterns []fieldPattern
	for _, field := range []string{
		"args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe", "resources",
		"securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices",
		"volumeMounts", "workingDir",
	} {
		patterns = append(patterns, fieldPatterns(list+".*."+field)...)
	}
	return patterns
}

// fieldPattern is a field's path; * stands for any position in a list.
type fieldPattern []string

func fieldPatterns(paths ...string) []fieldPattern {
	var patterns []fieldPattern
	for _, path := range paths {
		patterns = append(patterns, strings.Split(path, "."))
	}
	return patterns
}

// touched reports whether a change at the path, of the given value, is one of
// the field: at it, below it, or above it with the field inside the value.
func (f fieldPattern) touched(path resource.PropertyPath, value any) bool {
	for i, element := range path {
		if i == len(f) {
			return true
		}
		if _, position := element.(int); position && f[i] == "*" || element == f[i] {
			continue
		}
		return false
	}
	return f[len(path):].within(value)
}

// within reports whether the value has the field.
func (f fieldPattern) within(value any) bool {
	if len(f) == 0 {
		return true
	}
	switch value := value.(type) {
	case map[string]any:
		inner, ok := value[f[0]]
		return ok && f[1:].within(inner)
	case []any:
		for _, item := range value {
			if f[0] == "*" && f[1:].within(item) {
				return true
			}
		}
	}
	return false
}
