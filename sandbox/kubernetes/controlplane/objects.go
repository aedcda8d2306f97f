package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"waybill.example/waybill/sandbox/state"
)

// byHand is the field manager of `kubectl apply`.
const byHand = "kubectl-client-side-apply"

// apply creates the objects that somebody applied by hand, and keeps which were
// made.
func (c *Cluster) apply(ctx context.Context, api discovery.DiscoveryInterface) error {
	if len(c.config.Objects) == 0 {
		return nil
	}
	made, err := state.OpenStore[map[string]bool](c.files.applied)
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(api)
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client, err := dynamic.NewForConfig(c.RESTConfig())
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	for i, text := range c.config.Objects {
		object := &unstructured.Unstructured{}
		if err := json.Unmarshal(text, &object.Object); err != nil {
			return fmt.Errorf("objects[%d]: %w", i, err)
		}
		name := nameOf(object)
		if made.Read()[name] {
			continue
		}
		if err := create(ctx, client, mapper, object); err != nil {
			return fmt.Errorf("objects[%d] %s: %w", i, name, err)
		}
		err := made.Update(func(names *map[string]bool) error {
			(*names)[name] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func nameOf(object *unstructured.Unstructured) string {
	return strings.Join([]string{object.GetAPIVersion(), object.GetKind(), object.GetNamespace(), object.GetName()}, "/")
}

func create(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Create(ctx, object, metav1.CreateOptions{FieldManager: byHand, FieldValidation: metav1.FieldValidationStrict})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
