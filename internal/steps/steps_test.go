package steps

import (
	"errors"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// urn is a resource's in some stack.
func urn(token, name string) string { return "urn:pulumi:acme::waybill::" + token + "::" + name }

func step(op apitype.OpType, token, name string) apitype.StepEventMetadata {
	return apitype.StepEventMetadata{Op: op, Type: token, URN: urn(token, name)}
}

func before(metadata apitype.StepEventMetadata) events.EngineEvent {
	return events.EngineEvent{EngineEvent: apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{Metadata: metadata}}}
}

func after(metadata apitype.StepEventMetadata) events.EngineEvent {
	return events.EngineEvent{EngineEvent: apitype.EngineEvent{ResOutputsEvent: &apitype.ResOutputsEvent{Metadata: metadata}}}
}

func said(severity, text string) events.EngineEvent {
	return events.EngineEvent{EngineEvent: apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: severity, Message: text}}}
}

// send is an operation that ends as given after these events.
func send(ends error, sent ...events.EngineEvent) func(chan events.EngineEvent) error {
	return func(stream chan events.EngineEvent) error {
		for _, event := range sent {
			stream <- event
		}
		close(stream)
		return ends
	}
}

func TestEveryResourceCountsOnceAndTheStackNever(t *testing.T) {
	const token = "kubernetes:core/v1:ConfigMap"
	changed := step(apitype.OpUpdate, token, "b")
	changed.DetailedDiff = map[string]apitype.PropertyDiff{"data.b": {}, "data.a": {}}
	var observed []string
	result, err := Collect(send(nil,
		before(step(apitype.OpCreate, "pulumi:pulumi:Stack", "waybill-acme")),
		before(step(apitype.OpCreate, "pulumi:providers:pulumi", "default")),
		before(step(apitype.OpCreateReplacement, token, "a")), after(step(apitype.OpCreateReplacement, token, "a")),
		before(step(apitype.OpReplace, token, "a")), after(step(apitype.OpDeleteReplaced, token, "a")),
		before(changed), after(changed),
		before(step(apitype.OpRead, token, "read")),
		before(step(apitype.OpSame, token, "c")), after(step(apitype.OpSame, token, "c")),
	), func(r Resource) { observed = append(observed, r.Operation+" "+r.Name) })
	require.NoError(t, err)
	assert.Equal(t, []Resource{
		{Type: token, Name: "a", Operation: "replace", URN: urn(token, "a")},
		{Type: token, Name: "b", Operation: "update", Properties: []string{"data.a", "data.b"}, URN: urn(token, "b")},
		{Type: token, Name: "c", Operation: "same", URN: urn(token, "c")},
	}, result.Resources)
	assert.Len(t, result.Changed(), 2)
	assert.Equal(t, []string{"replace a", "replace a", "update b", "same c"}, observed)
}

// A refresh says refresh before it has looked, and what it found afterwards.
func TestARefreshCountsWhatItFound(t *testing.T) {
	const token = "gcp:serviceaccount/account:Account"
	result, err := Collect(send(nil,
		before(step(apitype.OpRefresh, token, "gone")), after(step(apitype.OpDelete, token, "gone")),
		before(step(apitype.OpRefresh, token, "kept")), after(step(apitype.OpSame, token, "kept")),
	), nil)
	require.NoError(t, err)
	assert.Equal(t, []Resource{{Type: token, Name: "gone", Operation: "delete", URN: urn(token, "gone")}}, result.Changed())
}

// What is retained leaves the state alone; what a refresh does not find is gone.
func TestWhatIsRetainedIsKept(t *testing.T) {
	const token = "kubernetes:core/v1:Namespace"
	retained := func(op apitype.OpType, name string) apitype.StepEventMetadata {
		metadata := step(op, token, name)
		metadata.Old = &apitype.StepEventStateMetadata{RetainOnDelete: true}
		return metadata
	}
	result, err := Collect(send(nil,
		before(retained(apitype.OpDelete, "a")), after(retained(apitype.OpDelete, "a")),
		before(retained(apitype.OpRefresh, "b")), after(retained(apitype.OpDelete, "b")),
		before(step(apitype.OpDelete, token, "c")), after(step(apitype.OpDelete, token, "c")),
	), nil)
	require.NoError(t, err)
	var got []string
	for _, resource := range result.Changed() {
		got = append(got, resource.Operation+" "+resource.Name)
	}
	assert.Equal(t, []string{"keep a", "delete b", "delete c"}, got)
}

func TestAnOperationThatNeverReachesTheEngineEnds(t *testing.T) {
	ended := make(chan error)
	go func() {
		_, err := Collect(func(chan events.EngineEvent) error { return errors.New("refused at once") }, nil)
		ended <- err
	}()
	select {
	case err := <-ended:
		require.EqualError(t, err, "refused at once")
	case <-time.After(10 * time.Second):
		require.Fail(t, "it waits for events that nobody sends")
	}
}

func TestWhatTheEngineSaysIsPlain(t *testing.T) {
	result, err := Collect(send(nil,
		said("warning", "w"), said("error", "<{%reset%}>refused<{%reset%}>"),
		said("error", "error: an unhandled error occurred: 1 error occurred:\n\t* no good"),
		said("error", "error: an unhandled error occurred: program failed: \n1 error occurred:\n\t* no better\n  at all"),
	), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"w"}, result.Warnings)
	require.EqualError(t, result.Err(), "refused\nerror: no good\nerror: no better\n  at all")
	assert.NoError(t, new(Result).Err())
}

func TestAnImportAndAChildSayWhatTheyAre(t *testing.T) {
	const token = "kubernetes:core/v1:Secret"
	child := step(apitype.OpImport, token, "pull-secret")
	child.New = &apitype.StepEventStateMetadata{Parent: urn("waybill:kubernetes:PullSecret", "pull")}
	top := step(apitype.OpCreate, token, "top")
	top.New = &apitype.StepEventStateMetadata{Parent: urn("pulumi:pulumi:Stack", "waybill-acme")}
	result, err := Collect(send(nil, after(child), after(top), events.EngineEvent{EngineEvent: apitype.EngineEvent{
		ResOpFailedEvent: &apitype.ResOpFailedEvent{Metadata: top},
	}}), nil)
	require.NoError(t, err)
	assert.Equal(t, []Resource{
		{Type: token, Name: "pull-secret", Parent: "pull", Operation: "create", Imported: true, URN: child.URN},
		{Type: token, Name: "top", Operation: "create", Failed: true, URN: top.URN},
	}, result.Resources)
}
