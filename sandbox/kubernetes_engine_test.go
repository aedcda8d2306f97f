package sandbox_test

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/engine"
)

// typed adds to an object's inputs what the SDK takes from its type.
func typed(token string, inputs pulumi.Map) pulumi.Map {
	parts := strings.Split(token, ":")
	whole := pulumi.Map{"apiVersion": text(strings.TrimPrefix(parts[1], "core/")), "kind": text(parts[2])}
	maps.Copy(whole, inputs)
	return whole
}

// The provider drops a field that Kubernetes does not have without a word: it is
// the API server that is asked here, about what the stack recorded.
func everyFieldIsKnown(t *testing.T, p *project, s *sandbox.Sandbox) {
	deployed, err := engine.Deployed(filepath.Join(p.root, ".sandbox", p.stack), p.stack)
	require.NoError(t, err)
	strict, err := dynamic.NewForConfig(s.Clusters[0].RESTConfig())
	require.NoError(t, err)
	apply := func(inputs map[string]any) error {
		object := unstructured.Unstructured{Object: inputs}
		resources, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
		written, err := json.Marshal(inputs)
		require.NoError(t, err)
		force := true
		_, err = strict.Resource(resources).Namespace(object.GetNamespace()).Patch(context.Background(), object.GetName(), "application/apply-patch+yaml",
			written, metav1.PatchOptions{FieldManager: "strict", Force: &force, DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		return err
	}
	var kinds []string
	for _, recorded := range deployed {
		if !strings.HasPrefix(string(recorded.Type), "kubernetes:") {
			continue
		}
		kinds = append(kinds, recorded.URN.Name())
		inputs := recorded.Inputs
		// The state has secret values encrypted.
		maps.DeleteFunc(inputs, func(_ string, value any) bool {
			object, ok := value.(map[string]any)
			return ok && object[resource.SigKey] != nil
		})
		assert.NoError(t, apply(inputs), recorded.URN.Name())
		inputs["datum"] = "value"
		assert.ErrorContains(t, apply(inputs), "datum", recorded.URN.Name())
	}
	for _, name := range []string{"pull-refresh", "pull-first-refresh", "workload-deployment", "workload-service"} {
		assert.True(t, slices.Contains(kinds, name), name)
	}
}
