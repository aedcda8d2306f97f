package provider

import (
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Annotations that steer v4.30.
// https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/
const (
	autonamedAnnotation    = "pulumi.com/autonamed"
	skipAwaitAnnotation    = "pulumi.com/skipAwait"
	timeoutAnnotation      = "pulumi.com/timeoutSeconds"
	patchForceAnnotation   = "pulumi.com/patchForce"
	fieldManagerAnnotation = "pulumi.com/patchFieldManager"
	propagationAnnotation  = "pulumi.com/deletionPropagationPolicy"
	replaceUnready         = "pulumi.com/replaceUnready"
)

// annotation reads one annotation; an unknown one is empty.
func annotation(object *unstructured.Unstructured, name string) string {
	value, _, _ := unstructured.NestedString(object.Object, "metadata", "annotations", name)
	return value
}

func annotated(object *unstructured.Unstructured, name string) bool {
	return annotation(object, name) == "true"
}

// timeout is how long to wait: the resource's custom timeout (in seconds, 0 if
// none), else its annotation, else the default.
func timeout(custom float64, object *unstructured.Unstructured, fallback time.Duration) time.Duration {
	if custom > 0 {
		return time.Duration(custom * float64(time.Second))
	}
	if seconds, err := strconv.Atoi(annotation(object, timeoutAnnotation)); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return fallback
}

// propagation is how a deletion treats dependents: in the foreground, so that
// a Deployment is gone only after its pods are, unless an annotation says else.
func propagation(object *unstructured.Unstructured) metav1.DeletionPropagation {
	switch annotation(object, propagationAnnotation) {
	case "orphan", "Orphan":
		return metav1.DeletePropagationOrphan
	case "background", "Background":
		return metav1.DeletePropagationBackground
	default:
		return metav1.DeletePropagationForeground
	}
}
