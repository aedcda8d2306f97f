package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/client-go/util/retry"
)

// Update sends the new inputs by server-side apply under the field manager that
// created the object, so that fields that left the inputs leave the object and
// those of other managers stay. Ignored fields follow handleIgnored. A preview
// is a dry run; with unknown inputs it returns the inputs.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/await/await.go, Update
func (p *Provider) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	s, err := p.configured()
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	kind, err := kindOf(req.Type)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	ctx, cancel := p.operation(ctx, req.URN)
	defer cancel()
	if req.NewInputs.ContainsUnknowns() {
		if req.Preview {
			return plugin.UpdateResponse{Properties: req.NewInputs}, nil
		}
		return plugin.UpdateResponse{}, fmt.Errorf("%s: inputs are unknown outside a preview", req.URN)
	}
	ignored, err := paths(req.IgnoreChanges)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	object := toObject(kind, req.NewInputs)
	manager, err := fieldManager(object, req.OldOutputs)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	live, err := s.update(ctx, req.ID, object, manager, ignored, req.Preview)
	if err != nil {
		return plugin.UpdateResponse{}, named(kind, object, err)
	}
	if req.Preview {
		return plugin.UpdateResponse{Properties: toOutputs(live, req.NewInputs, manager, object.GetAPIVersion())}, nil
	}
	ready, err := p.await(ctx, s, req.URN, "updated", object, live, req.Timeout)
	outputs := toOutputs(ready, req.NewInputs, manager, object.GetAPIVersion())
	if err != nil {
		return plugin.UpdateResponse{}, notInitialized(named(kind, live, err), identifier(live), outputs, req.NewInputs)
	}
	return plugin.UpdateResponse{Properties: outputs}, nil
}

func (s *session) update(ctx context.Context, id resource.ID, object *unstructured.Unstructured, manager string, ignored []resource.PropertyPath, preview bool) (*unstructured.Unstructured, error) {
	namespace, name, err := parseID(id)
	if err != nil {
		return nil, err
	}
	client, err := s.client(object.GroupVersionKind(), namespace)
	if err != nil {
		return nil, err
	}
	live, err := s.takeOver(ctx, client, name, manager, preview)
	if err != nil {
		return nil, err
	}
	if err := handleIgnored(object, live, manager, ignored); err != nil {
		return nil, err
	}
	// In a preview nothing was taken over yet: the fields that the create
	// owns as an Update would conflict with the same manager's Apply.
	force := preview && slices.Contains(updaters(live), manager)
	return s.apply(ctx, client, object, manager, preview, force)
}

// takeOver returns the live object after moving the fields that the create's
// POST owns, as an Update of the manager, to the same manager's Apply: else
// server-side apply would conflict with them and could never remove one. Fields
// that somebody set with kubectl are taken over as well, but, as by v4.30, not in
// a preview, which therefore conflicts with them unless it is forced.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/await/await.go, fixCSAFieldManagers
func (s *session) takeOver(ctx context.Context, client dynamic.ResourceInterface, name, manager string, preview bool) (*unstructured.Unstructured, error) {
	var live *unstructured.Unstructured
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		var err error
		if live, err = client.Get(ctx, name, metav1.GetOptions{}); err != nil || preview {
			return err
		}
		taken := sets.New[string]()
		for _, updater := range updaters(live) {
			if updater == manager || updater == "before-first-apply" || strings.HasPrefix(updater, "kubectl") {
				taken.Insert(updater)
			}
		}
		if len(taken) == 0 {
			return nil
		}
		patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, taken, manager)
		if err != nil || len(patch) == 0 {
			return err
		}
		// The patch names the resource version, so that a writer in between is
		// a conflict, which is tried again.
		live, err = client.Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{})
		return err
	})
	return live, err
}

// updaters are the managers that own fields by an Update.
func updaters(live *unstructured.Unstructured) []string {
	var managers []string
	for _, entry := range live.GetManagedFields() {
		if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" {
			managers = append(managers, entry.Manager)
		}
	}
	return managers
}
