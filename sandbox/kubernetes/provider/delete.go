package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// deleteTimeout is v4.30's, for objects without a timeout of their own.
const deleteTimeout = 5 * time.Minute

// Delete deletes the object, its dependents first, and returns when it is gone.
// What is gone already is no error. The cascade and the end of a namespace are
// the work of the cluster's controllers.
func (p *Provider) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	s, err := p.configured()
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	kind, err := kindOf(req.Type)
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	namespace, name, err := parseID(req.ID)
	if err != nil {
		return plugin.DeleteResponse{}, fmt.Errorf("%s: %w", req.Type, err)
	}
	ctx, cancel := p.operation(ctx, req.URN)
	defer cancel()
	client, err := s.client(kind, namespace)
	if meta.IsNoMatchError(err) {
		return plugin.DeleteResponse{}, nil
	}
	if err != nil {
		return plugin.DeleteResponse{}, fmt.Errorf("%s: %w", req.Type, err)
	}
	object := toObject(kind, req.Inputs)
	policy := propagation(object)
	live, err := client.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		err = client.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &policy})
	}
	switch {
	case apierrors.IsNotFound(err):
		return plugin.DeleteResponse{}, nil
	case err != nil:
		return plugin.DeleteResponse{}, fmt.Errorf("%s %s: %w", kind.Kind, req.ID, err)
	case annotated(object, skipAwaitAnnotation) && deletesWithoutWaiting[kind.GroupKind()]:
		return plugin.DeleteResponse{}, nil
	}
	if err := awaitGone(ctx, client, live, timeout(req.Timeout, object, deleteTimeout)); err != nil {
		return plugin.DeleteResponse{}, fmt.Errorf("%s %s: %w", kind.Kind, req.ID, err)
	}
	return plugin.DeleteResponse{}, nil
}

// deletesWithoutWaiting are the kinds for which skipAwait acts on deletion too.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/metadata/overrides.go
var deletesWithoutWaiting = map[schema.GroupKind]bool{
	{Kind: "Namespace"}:                  true,
	{Kind: "Pod"}:                        true,
	{Kind: "ReplicationController"}:      true,
	{Group: "apps", Kind: "DaemonSet"}:   true,
	{Group: "apps", Kind: "Deployment"}:  true,
	{Group: "apps", Kind: "StatefulSet"}: true,
	jobKind:                              true,
}

// awaitGone returns when the object is gone or another one has its name.
func awaitGone(ctx context.Context, client dynamic.ResourceInterface, deleted *unstructured.Unstructured, limit time.Duration) error {
	last := deleted
	err := poll(ctx, limit, func(ctx context.Context) (bool, error) {
		live, err := client.Get(ctx, deleted.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && live.GetUID() != deleted.GetUID() {
			return true, nil
		}
		if err == nil {
			last = live
		}
		return false, nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("deletion has not ended: %w", err), remaining(last))
	}
	return nil
}

// remaining says what keeps an object: its finalizers, and for a namespace the
// conditions that its controller set.
func remaining(object *unstructured.Unstructured) error {
	var reasons []string
	finalizers := object.GetFinalizers()
	spec, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "finalizers")
	if finalizers = append(slices.Clone(finalizers), spec...); len(finalizers) > 0 {
		reasons = append(reasons, "finalizers: "+strings.Join(finalizers, ", "))
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		fields, _ := condition.(map[string]any)
		if fields["status"] == "True" {
			reasons = append(reasons, fmt.Sprintf("%v: %v", fields["type"], fields["message"]))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return errors.New(strings.Join(reasons, "; "))
}
