package engine

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
	result, err := operate(func(r Resource) { observed = append(observed, r.Operation+" "+r.Name) }, send(nil,
		before(step(apitype.OpCreate, "pulumi:pulumi:Stack", "waybill-acme")),
		before(step(apitype.OpCreate, "pulumi:providers:pulumi", "default")),
		before(step(apitype.OpCreateReplacement, token, "a")), after(step(apitype.OpCreateReplacement, token, "a")),
		before(step(apitype.OpReplace, token, "a")), after(step(apitype.OpDeleteReplaced, token, "a")),
		before(changed), after(changed),
		before(step(apitype.OpRead, token, "read")),
		before(step(apitype.OpSame, token, "c")), after(step(apitype.OpSame, token, "c")),
	))
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
	result, err := operate(nil, send(nil,
		before(step(apitype.OpRefresh, token, "gone")), after(step(apitype.OpDelete, token, "gone")),
		before(step(apitype.OpRefresh, token, "kept")), after(step(apitype.OpSame, token, "kept")),
	))
	require.NoError(t, err)
	assert.Equal(t, []Resource{{Type: token, Name: "gone", Operation: "delete", URN: urn(token, "gone")}}, result.Changed())
}

func TestAFailureIsInTheEnginesOwnWords(t *testing.T) {
	raw := func(code, stderr string) error {
		return errors.New("failed to run update: exit status 255\ncode: " + code + "\nstdout: a lot\nof lines\nstderr: " + stderr + "\n")
	}
	for name, c := range map[string]struct {
		sent []events.EngineEvent
		ends error
		want string
	}{
		"the engine reports":               {[]events.EngineEvent{said("warning", "w"), said("error", "<{%reset%}>refused<{%reset%}>")}, raw("255", "x"), "refused"},
		"the program reports":              {[]events.EngineEvent{said("error", "error: an unhandled error occurred: 1 error occurred:\n\t* no good")}, raw("255", ""), "error: no good"},
		"the CLI never reaches the engine": {nil, raw("255", "\x1b[31merror: no passphrase\x1b[0m"), "error: no passphrase"},
		"the CLI says nothing":             {nil, raw("255", ""), "failed to run update: exit status 255"},
		"the CLI is killed":                {nil, raw("-1", ""), "the Pulumi CLI was killed, and what it had in flight is in no state: run `fleet recover` (failed to run update: exit status 255)"},
		"the stack is locked":              {nil, raw("255", "error: the stack is currently locked by 1 lock(s)."), "error: the stack is currently locked by 1 lock(s).\nif nobody works on the stack, an update was killed: run `fleet recover`"},
		"the stack is in no backend":       {nil, raw("255", "error: no stack named 'acme' found"), ErrNotInBackend.Error()},
		"another error":                    {nil, errors.New("no such file"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := operate(nil, send(c.ends, c.sent...))
			require.EqualError(t, err, c.want)
			assert.Equal(t, name == "the stack is in no backend", errors.Is(err, ErrNotInBackend))
		})
	}
}

func TestAnOperationThatNeverReachesTheEngineEnds(t *testing.T) {
	ended := make(chan error)
	go func() {
		_, err := operate(nil, func(chan events.EngineEvent) error { return errors.New("refused at once") })
		ended <- err
	}()
	select {
	case err := <-ended:
		require.EqualError(t, err, "refused at once")
	case <-time.After(10 * time.Second):
		require.Fail(t, "it waits for events that nobody sends")
	}
}
