package provider_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

func TestAPreviewOfACreateLeavesComputedValuesUnknownAndMakesNothing(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	previewed, err := e.preview("core/v1:Service", "previewed", properties(object{
		"metadata": object{"name": "previewed", "namespace": "shop"},
		"spec":     object{"selector": object{"app": "web"}, "ports": []any{object{"port": 80}}},
	}))
	require.NoError(t, err)
	assert.Empty(t, previewed.ID)
	metadata := previewed.Properties["metadata"].ObjectValue()
	assert.Equal(t, "previewed", metadata["name"].StringValue())
	for _, field := range []resource.PropertyKey{"uid", "resourceVersion", "creationTimestamp"} {
		assert.True(t, metadata[field].IsComputed(), "%s is %v", field, metadata[field])
	}
	assert.NotContains(t, previewed.Properties, resource.PropertyKey("status"))
	assert.Equal(t, "ClusterIP", previewed.Properties["spec"].ObjectValue()["type"].StringValue(), "the API server's defaults are known")

	_, err = client.CoreV1().Services("shop").Get(t.Context(), "previewed", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
}

func TestAPreviewThatTheServerCannotRehearseReturnsTheInputs(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	inputs := properties(object{"metadata": object{"name": "early", "namespace": "not-yet"}})
	previewed, err := e.preview("core/v1:ConfigMap", "early", inputs)
	require.NoError(t, err, "the namespace may be created by the same update")
	assert.Equal(t, e.mustCheck(state{urn: urnOf("core/v1:ConfigMap", "early")}, inputs), previewed.Properties)

	unknown := inputs.Copy()
	unknown["data"] = resource.NewObjectProperty(resource.PropertyMap{"id": resource.MakeComputed(resource.NewStringProperty(""))})
	previewed, err = e.preview("core/v1:ConfigMap", "early", unknown)
	require.NoError(t, err)
	assert.True(t, previewed.Properties["data"].ObjectValue()["id"].IsComputed())
}

func TestAPreviewOfAnUpdateShowsTheResultAndChangesNothing(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	inputs := func(label string) object {
		return object{"metadata": object{"name": "rehearsed", "namespace": "shop", "labels": object{"a": label}}}
	}
	created := e.mustCreate("core/v1:ServiceAccount", "rehearsed", inputs("1"))
	news := e.mustCheck(created, properties(inputs("2")))
	preview := func(news resource.PropertyMap) plugin.UpdateResponse {
		response, err := e.provider.Update(t.Context(), plugin.UpdateRequest{
			URN: created.urn, ID: created.id, OldInputs: created.inputs, OldOutputs: created.outputs, NewInputs: news, Preview: true,
		})
		require.NoError(t, err)
		return response
	}
	previewed := state{outputs: preview(news).Properties}
	assert.Equal(t, "2", previewed.text("metadata.labels.a"))
	assert.Equal(t, created.text("metadata.uid"), previewed.text("metadata.uid"))
	live, err := client.CoreV1().ServiceAccounts("shop").Get(t.Context(), "rehearsed", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "1", live.Labels["a"])

	news["secrets"] = resource.MakeComputed(resource.NewStringProperty(""))
	assert.Equal(t, news, preview(news).Properties)

	_, diff := e.diff(created, inputs("1"))
	assert.Equal(t, plugin.DiffNone, diff.Changes)
	unknown, err := e.provider.Diff(t.Context(), plugin.DiffRequest{
		URN: created.urn, ID: created.id, OldInputs: created.inputs, OldOutputs: created.outputs, NewInputs: news, AllowUnknowns: true,
	})
	require.NoError(t, err)
	assert.Contains(t, unknown.ChangedKeys, resource.PropertyKey("secrets"), "an unknown value is a change")
}
