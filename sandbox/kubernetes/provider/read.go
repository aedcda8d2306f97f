package provider

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Read fetches an object by its ID, NAMESPACE/NAME or NAME, for a refresh, an
// import or a program's Get. One that does not exist has an empty ID in the
// answer. The inputs that a refresh returns are the live values of the old
// inputs' fields; without old inputs they are all fields but the cluster's own.
//
// A refresh with Options.Await reports, as v4.30 does, an object that is not
// ready as not initialized.
func (p *Provider) Read(ctx context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	s, err := p.configured()
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	kind, err := kindOf(req.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	namespace, name, err := parseID(req.ID)
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", req.Type, err)
	}
	ctx, cancel := p.operation(ctx, req.URN)
	defer cancel()
	client, err := s.client(kind, namespace)
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", req.Type, err)
	}
	live, err := client.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return plugin.ReadResponse{}, nil
	case err != nil:
		return plugin.ReadResponse{}, fmt.Errorf("%s %s: %w", kind.Kind, req.ID, err)
	}

	object := toObject(kind, req.Inputs)
	manager, err := fieldManager(object, req.State)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	fromCluster := len(req.Inputs) == 0
	var liveInputs map[string]any
	if fromCluster {
		liveInputs = inputsOf(live)
	} else {
		liveInputs = prune(live.Object, normalize(object).Object)
	}
	inputs := resource.NewPropertyMapFromMap(liveInputs)
	markSecrets(inputs, req.Inputs)
	outputs := toOutputs(live, req.Inputs, manager, kind.GroupVersion().String())

	if !fromCluster {
		if err := p.checkReady(ctx, s, object, live); err != nil {
			return plugin.ReadResponse{}, notInitialized(named(kind, live, err), string(req.ID), outputs, inputs)
		}
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: req.ID, Inputs: inputs, Outputs: outputs}}, nil
}

// inputsOf takes off a live object what no program sets.
func inputsOf(live *unstructured.Unstructured) map[string]any {
	inputs := live.DeepCopy().Object
	delete(inputs, "status")
	for _, field := range readOnly {
		unstructured.RemoveNestedField(inputs, "metadata", field)
	}
	unstructured.RemoveNestedField(inputs, "metadata", "annotations", "deployment.kubernetes.io/revision")
	unstructured.RemoveNestedField(inputs, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	return inputs
}
