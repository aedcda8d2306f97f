package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

// Create sends the object by POST, so that one that exists already is an error
// and not overwritten; with upsertExistingObjects by server-side apply. A
// missing namespace is waited for, up to five tries, because a program may not
// have said what depends on what.
// https://github.com/pulumi/pulumi-kubernetes/pull/4278
//
// A preview is a dry run of the same request. As with v4.30 it returns the
// inputs as they are where that cannot work: with unknown inputs, before the
// namespace exists, where the object exists already (it may be about to be
// replaced) and where the credential may not.
func (p *Provider) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	s, err := p.configured()
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	kind, err := kindOf(req.Type)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	ctx, cancel := p.operation(ctx, req.URN)
	defer cancel()
	if req.Properties.ContainsUnknowns() {
		if req.Preview {
			return plugin.CreateResponse{Properties: req.Properties}, nil
		}
		return plugin.CreateResponse{}, fmt.Errorf("%s: inputs are unknown outside a preview", req.URN)
	}
	object := toObject(kind, req.Properties)
	manager, err := fieldManager(object, nil)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	live, err := s.create(ctx, object, manager, req.Preview)
	switch {
	case err == nil:
	case req.Preview && (namespaceIsMissing(err) || apierrors.IsForbidden(err) || apierrors.IsAlreadyExists(err)):
		return plugin.CreateResponse{Properties: req.Properties}, nil
	default:
		return plugin.CreateResponse{}, named(kind, object, err)
	}
	if req.Preview {
		outputs := toOutputs(live, req.Properties, manager, object.GetAPIVersion())
		forgetComputed(outputs)
		return plugin.CreateResponse{Properties: outputs}, nil
	}

	ready, err := p.await(ctx, s, req.URN, "created", object, live, req.Timeout)
	outputs := toOutputs(ready, req.Properties, manager, object.GetAPIVersion())
	if err != nil {
		return plugin.CreateResponse{}, notInitialized(named(kind, live, err), identifier(live), outputs, req.Properties)
	}
	return plugin.CreateResponse{ID: resource.ID(identifier(live)), Properties: outputs}, nil
}

// forgetComputed makes unknown, in the outputs of a dry run, what the created
// object will have another value of, and drops the status, whose absence means
// unknown to the program's SDK in a preview.
func forgetComputed(outputs resource.PropertyMap) {
	delete(outputs, "status")
	metadata := reveal(outputs["metadata"])
	if !metadata.IsObject() {
		return
	}
	for _, field := range []resource.PropertyKey{"uid", "resourceVersion", "creationTimestamp"} {
		metadata.ObjectValue()[field] = resource.MakeComputed(resource.NewStringProperty(""))
	}
	delete(metadata.ObjectValue(), "managedFields")
}

// missingRetry is v4.30's patience with what does not exist yet: five more
// tries, 1 to 16 seconds apart.
var missingRetry = wait.Backoff{Steps: 6, Duration: time.Second, Factor: 2}

// create makes the object, or dry-runs that.
func (s *session) create(ctx context.Context, object *unstructured.Unstructured, manager string, preview bool) (*unstructured.Unstructured, error) {
	var live *unstructured.Unstructured
	var problem error
	send := func(ctx context.Context) (bool, error) {
		var client dynamic.ResourceInterface
		if client, problem = s.client(object.GroupVersionKind(), object.GetNamespace()); problem == nil {
			if s.settings.upsert {
				live, problem = s.apply(ctx, client, object, manager, preview, preview)
			} else {
				live, problem = client.Create(ctx, object, metav1.CreateOptions{
					FieldManager: manager, FieldValidation: metav1.FieldValidationStrict, DryRun: dryRun(preview),
				})
			}
		}
		again := !preview && (apierrors.IsNotFound(problem) || meta.IsNoMatchError(problem))
		return !again, nil
	}
	if err := wait.ExponentialBackoffWithContext(ctx, missingRetry, send); err != nil && problem == nil {
		return nil, err
	}
	return live, problem
}

// apply is a server-side apply with strict field validation. Without force, a
// field that another manager set to another value is a conflict.
func (s *session) apply(ctx context.Context, client dynamic.ResourceInterface, object *unstructured.Unstructured, manager string, preview, force bool) (*unstructured.Unstructured, error) {
	force = force || s.settings.patchForce || annotated(object, patchForceAnnotation)
	patch, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	live, err := client.Patch(ctx, object.GetName(), types.ApplyPatchType, patch, metav1.PatchOptions{
		FieldManager: manager, Force: &force, FieldValidation: metav1.FieldValidationStrict, DryRun: dryRun(preview),
	})
	if apierrors.IsConflict(err) {
		return nil, fmt.Errorf("another field manager owns what field manager %q would set (enablePatchForce or the annotation %s takes it over): %w",
			manager, patchForceAnnotation, err)
	}
	return live, err
}

func dryRun(preview bool) []string {
	if preview {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// namespaceIsMissing tells a missing namespace from other things not found.
func namespaceIsMissing(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) &&
		status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}

// fieldManager is the object's field manager: its annotation's, else the one
// in the resource's outputs, else a new one.
func fieldManager(object *unstructured.Unstructured, outputs resource.PropertyMap) (string, error) {
	if name := annotation(object, fieldManagerAnnotation); name != "" {
		return name, nil
	}
	if recorded := reveal(outputs[fieldManagerKey]); recorded.IsString() {
		return recorded.StringValue(), nil
	}
	return resource.NewUniqueName(nil, "pulumi-kubernetes-", 0, 0, nil)
}
