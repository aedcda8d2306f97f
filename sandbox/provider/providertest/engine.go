// Package providertest drives a provider through the calls that the engine
// makes, in the engine's order, for the tests of embedded providers.
package providertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"
)

// Engine calls one configured provider.
type Engine struct {
	t        testing.TB
	provider plugin.Provider
}

// Resource is a resource that exists, with what the engine keeps about it.
type Resource struct {
	ID      resource.ID
	Inputs  resource.PropertyMap
	Outputs resource.PropertyMap

	urn resource.URN
}

// New checks the configuration and configures the provider with it.
func New(t testing.TB, provider plugin.Provider, config map[string]any) *Engine {
	t.Helper()
	inputs := resource.NewPropertyMapFromMap(config)
	checked, err := provider.CheckConfig(t.Context(), plugin.CheckConfigRequest{News: inputs, AllowUnknowns: true})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	_, err = provider.Configure(t.Context(), plugin.ConfigureRequest{Inputs: checked.Properties})
	require.NoError(t, err)
	return &Engine{t: t, provider: provider}
}

func urn(token, name string) resource.URN {
	return resource.NewURN("stack", "project", "", tokens.Type(token), name)
}

// Check returns the checked inputs and the problems, one line each.
func (e *Engine) Check(token, name string, inputs resource.PropertyMap) (resource.PropertyMap, []string) {
	e.t.Helper()
	return e.check(token, name, nil, inputs)
}

func (e *Engine) check(token, name string, olds, news resource.PropertyMap) (resource.PropertyMap, []string) {
	e.t.Helper()
	response, err := e.provider.Check(e.t.Context(), plugin.CheckRequest{
		URN: urn(token, name), Name: name, Type: tokens.Type(token), Olds: olds, News: news,
		AllowUnknowns: true, RandomSeed: []byte("a seed for the tests of the sandbox"),
	})
	require.NoError(e.t, err)
	var reasons []string
	for _, failure := range response.Failures {
		reasons = append(reasons, failure.Reason)
	}
	return response.Properties, reasons
}

// Preview returns the outputs that the preview of a creation shows.
func (e *Engine) Preview(token, name string, inputs map[string]any) resource.PropertyMap {
	e.t.Helper()
	created, err := e.create(token, name, resource.NewPropertyMapFromMap(inputs), true)
	require.NoError(e.t, err)
	require.Empty(e.t, created.ID)
	return created.Outputs
}

// Create checks and creates. What Check refuses is an error here, too.
func (e *Engine) Create(token, name string, inputs map[string]any) (Resource, error) {
	e.t.Helper()
	return e.create(token, name, resource.NewPropertyMapFromMap(inputs), false)
}

// CreateFrom is Create for inputs that hold secrets.
func (e *Engine) CreateFrom(token, name string, inputs resource.PropertyMap) (Resource, error) {
	e.t.Helper()
	return e.create(token, name, inputs, false)
}

func (e *Engine) create(token, name string, inputs resource.PropertyMap, preview bool) (Resource, error) {
	e.t.Helper()
	checked, reasons := e.Check(token, name, inputs)
	if len(reasons) > 0 {
		return Resource{}, fmt.Errorf("check: %s", strings.Join(reasons, "\n"))
	}
	response, err := e.provider.Create(e.t.Context(), plugin.CreateRequest{
		URN: urn(token, name), Name: name, Type: tokens.Type(token), Properties: checked, Preview: preview,
	})
	return Resource{ID: response.ID, Inputs: checked, Outputs: response.Properties, urn: urn(token, name)}, err
}

// MustCreate is Create where a refusal fails the test.
func (e *Engine) MustCreate(token, name string, inputs map[string]any) Resource {
	e.t.Helper()
	created, err := e.Create(token, name, inputs)
	require.NoError(e.t, err)
	require.NotEmpty(e.t, created.ID)
	return created
}

// Diff checks new inputs of a resource and compares.
func (e *Engine) Diff(of Resource, inputs map[string]any) plugin.DiffResult {
	e.t.Helper()
	checked, reasons := e.check(string(of.urn.Type()), of.urn.Name(), of.Inputs, resource.NewPropertyMapFromMap(inputs))
	require.Empty(e.t, reasons)
	result, err := e.provider.Diff(e.t.Context(), plugin.DiffRequest{
		URN: of.urn, Name: of.urn.Name(), Type: of.urn.Type(), ID: of.ID,
		OldInputs: of.Inputs, OldOutputs: of.Outputs, NewInputs: checked, AllowUnknowns: true,
	})
	require.NoError(e.t, err)
	return result
}

// PreviewUpdate returns the outputs that the preview of an update shows.
func (e *Engine) PreviewUpdate(of Resource, inputs map[string]any) resource.PropertyMap {
	e.t.Helper()
	updated, err := e.update(of, inputs, true)
	require.NoError(e.t, err)
	return updated.Outputs
}

// Update changes a resource in place.
func (e *Engine) Update(of Resource, inputs map[string]any) (Resource, error) {
	e.t.Helper()
	return e.update(of, inputs, false)
}

func (e *Engine) update(of Resource, inputs map[string]any, preview bool) (Resource, error) {
	e.t.Helper()
	checked, reasons := e.check(string(of.urn.Type()), of.urn.Name(), of.Inputs, resource.NewPropertyMapFromMap(inputs))
	if len(reasons) > 0 {
		return Resource{}, fmt.Errorf("check: %s", strings.Join(reasons, "\n"))
	}
	response, err := e.provider.Update(e.t.Context(), plugin.UpdateRequest{
		URN: of.urn, Name: of.urn.Name(), Type: of.urn.Type(), ID: of.ID,
		OldInputs: of.Inputs, OldOutputs: of.Outputs, NewInputs: checked, Preview: preview,
	})
	of.Inputs, of.Outputs = checked, response.Properties
	return of, err
}

// Refresh reads a resource; its ID is empty where it is gone.
func (e *Engine) Refresh(of Resource) Resource {
	e.t.Helper()
	response, err := e.provider.Read(e.t.Context(), plugin.ReadRequest{
		URN: of.urn, Name: of.urn.Name(), Type: of.urn.Type(), ID: of.ID, Inputs: of.Inputs, State: of.Outputs,
	})
	require.NoError(e.t, err)
	of.ID, of.Inputs, of.Outputs = response.ID, response.Inputs, response.Outputs
	return of
}

// Import adopts a resource by its ID.
func (e *Engine) Import(token, name, id string) Resource {
	e.t.Helper()
	return e.Refresh(Resource{ID: resource.ID(id), urn: urn(token, name)})
}

// Delete deletes a resource.
func (e *Engine) Delete(of Resource) error {
	e.t.Helper()
	_, err := e.provider.Delete(e.t.Context(), plugin.DeleteRequest{
		URN: of.urn, Name: of.urn.Name(), Type: of.urn.Type(), ID: of.ID, Inputs: of.Inputs, Outputs: of.Outputs,
	})
	return err
}

// Invoke calls a function.
func (e *Engine) Invoke(token string, args map[string]any) (resource.PropertyMap, error) {
	e.t.Helper()
	response, err := e.provider.Invoke(e.t.Context(), plugin.InvokeRequest{
		Tok: tokens.ModuleMember(token), Args: resource.NewPropertyMapFromMap(args),
	})
	if len(response.Failures) > 0 {
		return nil, fmt.Errorf("check: %s", response.Failures[0].Reason)
	}
	return response.Properties, err
}

// Text is an output that must hold a known string.
func (r Resource) Text(t testing.TB, output resource.PropertyKey) string {
	t.Helper()
	require.True(t, r.Outputs[output].IsString(), "output %s: %v", output, r.Outputs[output])
	return r.Outputs[output].StringValue()
}
