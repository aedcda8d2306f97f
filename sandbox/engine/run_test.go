package engine

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A CLI that fails before it comes to the engine opens no stream of events, and
// closes none.
func TestAnOperationWithoutEventsEnds(t *testing.T) {
	result, err := (&Engine{}).run(func(chan events.EngineEvent) error { return errors.New("the stack is locked") }, nil)
	require.ErrorContains(t, err, "the stack is locked")
	assert.Empty(t, result.Resources)
}

func TestEveryEventOfAnOperationIsCollected(t *testing.T) {
	var seen []string
	e := &Engine{observe: func(step Step) { seen = append(seen, step.Operation+" "+step.Name) }}
	result, err := e.run(func(stream chan events.EngineEvent) error {
		for _, operation := range []apitype.OpType{apitype.OpImport, apitype.OpCreate} {
			metadata := apitype.StepEventMetadata{Op: operation, Type: "a:b:C", URN: "urn:pulumi:s::p::a:b:C::" + string(operation), New: &apitype.StepEventStateMetadata{}}
			stream <- events.EngineEvent{EngineEvent: apitype.EngineEvent{ResOutputsEvent: &apitype.ResOutputsEvent{Metadata: metadata}}}
		}
		return nil
	}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"create import", "create create"}, seen)
	assert.True(t, result.Resources[0].Imported)
	assert.False(t, result.Resources[1].Imported)
}
