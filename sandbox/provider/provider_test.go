package provider_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/provider/providertest"
)

const boxToken = "shelf:index:Box"

// shelf is a cloud of boxes, one per name.
type shelf struct {
	owner string
	boxes map[string]map[string]any
}

type boxConfig struct {
	Owner *string `pulumi:"owner"`
	Loud  *bool   `pulumi:"loud"`
}

type boxLid struct {
	Color  string   `pulumi:"color"`
	Hinges *int     `pulumi:"hinges"`
	Weight *float64 `pulumi:"weight"`
}

type boxArgs struct {
	Name   string            `pulumi:"name"`
	Owner  *string           `pulumi:"owner"`
	Size   *int              `pulumi:"size"`
	Sealed *bool             `pulumi:"sealed"`
	Labels map[string]string `pulumi:"labels"`
	Lids   []boxLid          `pulumi:"lids"`
	Note   any               `pulumi:"note"`
}

func newShelf() *provider.Definition[*shelf] {
	boxes := map[string]map[string]any{}
	write := func(client *shelf, inputs resource.PropertyMap) (string, map[string]any, error) {
		outputs := provider.Plain(inputs)
		outputs["serial"] = "serial of " + provider.Text(inputs, "name")
		outputs["changed"] = "now"
		client.boxes[provider.Text(inputs, "name")] = outputs
		return provider.Text(inputs, "name"), outputs, nil
	}
	return &provider.Definition[*shelf]{
		Name: "shelf", Version: "1.2.3", Config: reflect.TypeFor[boxConfig](),
		Configure: func(config map[string]any) (*shelf, error) {
			owner, _ := config["owner"].(string)
			return &shelf{owner: owner, boxes: boxes}, nil
		},
		Types: []provider.Type[*shelf]{{
			Tok: boxToken, Args: reflect.TypeFor[boxArgs](), Required: []string{"labels"},
			Computed: []string{"changed", "owner", "serial"}, Settled: []string{"owner", "serial"},
			Immutable:   []string{"lids", "name", "owner"},
			Defaults:    map[string]any{"sealed": false},
			Adopted:     func(outputs map[string]any) string { return outputs["name"].(string) },
			DeleteFirst: true,
			Complete: func(client *shelf, inputs resource.PropertyMap) map[string]string {
				if client.owner == "" || inputs.HasValue("owner") {
					return nil
				}
				return map[string]string{"owner": client.owner}
			},
			Create: func(_ context.Context, client *shelf, inputs resource.PropertyMap) (string, map[string]any, error) {
				return write(client, inputs)
			},
			Update: func(_ context.Context, client *shelf, _ string, inputs resource.PropertyMap) (map[string]any, error) {
				_, outputs, err := write(client, inputs)
				return outputs, err
			},
			Read: func(_ context.Context, client *shelf, id string, _ resource.PropertyMap) (map[string]any, error) {
				return client.boxes[strings.TrimPrefix(id, "the box of ")], nil
			},
			Delete: func(_ context.Context, client *shelf, id string, _ resource.PropertyMap) error {
				delete(client.boxes, id)
				return nil
			},
		}},
		Functions: []provider.Function[*shelf]{{
			Tok: "shelf:index:whose", Args: reflect.TypeFor[struct{}](),
			Run: func(_ context.Context, client *shelf, _ resource.PropertyMap) (map[string]any, error) {
				return map[string]any{"owner": client.owner}, nil
			},
		}},
	}
}

func box(changes map[string]any) map[string]any {
	inputs := map[string]any{"name": "hats", "size": 3, "labels": map[string]any{"room": "attic"}}
	for key, value := range changes {
		inputs[key] = value
		if value == nil {
			delete(inputs, key)
		}
	}
	return inputs
}

func TestCheckReportsEveryProblemAtOnce(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	_, reasons := engine.Check(boxToken, "hats", resource.NewPropertyMapFromMap(map[string]any{
		"title": "hats", "size": 1.5, "sealed": "yes", "lids": []any{map[string]any{"colour": "red", "hinges": "two"}},
	}))
	assert.ElementsMatch(t, []string{
		`unknown property "title": want one of labels, lids, name, note, owner, sealed, size`,
		`"size": want a whole number, got number`,
		`"sealed": want a boolean, got string`,
		`unknown property "lids[0].colour": want one of color, hinges, weight`,
		`"lids[0].hinges": want a whole number, got string`,
		`missing required property "lids[0].color"`,
		`missing required property "name"`,
		`missing required property "labels"`,
	}, reasons)
}

func TestCheckRefusesEachWrongKind(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	for property, value := range map[string]any{
		"name": 7, "size": "3", "sealed": 1, "labels": []any{"a"}, "lids": map[string]any{"color": "red"},
	} {
		_, reasons := engine.Check(boxToken, "hats", resource.NewPropertyMapFromMap(box(map[string]any{property: value})))
		assert.Len(t, reasons, 1, property)
	}
	_, reasons := engine.Check(boxToken, "hats", resource.NewPropertyMapFromMap(box(map[string]any{
		"labels": map[string]any{"room": 4}, "lids": []any{"red"}, "note": map[string]any{"anything": []any{1}},
	})))
	assert.ElementsMatch(t, []string{`"labels[\"room\"]": want a string, got number`, `"lids[0]": want an object, got string`}, reasons)
}

func TestCheckTakesUnknownAndSecretValuesOfAnyKind(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	inputs := resource.NewPropertyMapFromMap(box(nil))
	inputs["size"] = resource.MakeComputed(resource.NewStringProperty(""))
	inputs["name"] = resource.MakeSecret(resource.NewStringProperty("hats"))
	_, reasons := engine.Check(boxToken, "hats", inputs)
	assert.Empty(t, reasons)

	inputs["name"] = resource.MakeSecret(resource.NewNumberProperty(1))
	_, reasons = engine.Check(boxToken, "hats", inputs)
	assert.Equal(t, []string{`"name": want a string, got number`}, reasons)
}

func TestUnknownTypesAndFunctionsAreRefusedWithTheKnownOnes(t *testing.T) {
	instance := newShelf().Open()
	engine := providertest.New(t, instance, nil)
	_, err := instance.Check(t.Context(), plugin.CheckRequest{Type: "shelf:index:Crate"})
	assert.EqualError(t, err, `unknown resource type "shelf:index:Crate": the sandbox knows shelf:index:Box`)
	_, err = engine.Invoke("shelf:index:who", nil)
	assert.EqualError(t, err, `unknown function "shelf:index:who": the sandbox knows shelf:index:whose`)
	_, err = engine.Invoke("shelf:index:whose", map[string]any{"box": "hats"})
	assert.ErrorContains(t, err, `unknown property "box"`)
}

func TestUnknownConfigurationKeysAreRefused(t *testing.T) {
	response, err := newShelf().Open().CheckConfig(t.Context(), plugin.CheckConfigRequest{
		News: resource.NewPropertyMapFromMap(map[string]any{"ownr": "ann", "loud": "true", "version": "1.2.3"}),
	})
	require.NoError(t, err)
	require.Len(t, response.Failures, 1)
	assert.Equal(t, `unknown configuration key "ownr" of shelf: want one of loud, owner`, response.Failures[0].Reason)
}

func TestAProviderIsNotUsedBeforeItIsConfigured(t *testing.T) {
	_, err := newShelf().Open().Check(t.Context(), plugin.CheckRequest{Type: boxToken})
	assert.EqualError(t, err, "shelf: used before it was configured")
}

func TestPreviewsLeaveWhatTheCloudDecidesUnknown(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), map[string]any{"owner": "ann"})
	outputs := engine.Preview(boxToken, "hats", box(nil))
	assert.Equal(t, "hats", outputs["name"].StringValue())
	assert.Equal(t, "ann", outputs["owner"].StringValue(), "the configuration supplies it")
	assert.True(t, outputs["serial"].IsComputed())
	assert.True(t, outputs["changed"].IsComputed())

	created := engine.MustCreate(boxToken, "hats", box(nil))
	outputs = engine.PreviewUpdate(created, box(map[string]any{"size": 4}))
	assert.Equal(t, "serial of hats", outputs["serial"].StringValue(), "an update does not change it")
	assert.True(t, outputs["changed"].IsComputed())
	assert.Equal(t, 4.0, outputs["size"].NumberValue())
}

func TestAnImmutablePropertyForcesAReplacement(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	created := engine.MustCreate(boxToken, "hats", box(map[string]any{"lids": []any{map[string]any{"color": "red"}}}))

	same := engine.Diff(created, box(map[string]any{"lids": []any{map[string]any{"color": "red"}}}))
	assert.Equal(t, plugin.DiffNone, same.Changes)

	resized := engine.Diff(created, box(map[string]any{"size": 9, "lids": []any{map[string]any{"color": "red"}}}))
	assert.Equal(t, map[string]plugin.PropertyDiff{"size": {Kind: plugin.DiffUpdate, InputDiff: true}}, resized.DetailedDiff)
	assert.False(t, resized.Replace())
	assert.False(t, resized.DeleteBeforeReplace)

	repainted := engine.Diff(created, box(map[string]any{"lids": []any{map[string]any{"color": "blue"}}}))
	assert.Equal(t, map[string]plugin.PropertyDiff{"lids[0].color": {Kind: plugin.DiffUpdateReplace, InputDiff: true}}, repainted.DetailedDiff)
	assert.Equal(t, []resource.PropertyKey{"lids"}, repainted.ReplaceKeys)
	assert.True(t, repainted.DeleteBeforeReplace)
}

func TestAChangeOfWhatTheConfigurationSuppliesIsAChange(t *testing.T) {
	definition := newShelf()
	created := providertest.New(t, definition.Open(), map[string]any{"owner": "ann"}).MustCreate(boxToken, "hats", box(nil))

	same := providertest.New(t, definition.Open(), map[string]any{"owner": "ann"})
	assert.Equal(t, plugin.DiffNone, same.Diff(created, box(nil)).Changes)
	assert.Equal(t, plugin.DiffNone, same.Diff(created, box(map[string]any{"owner": "ann"})).Changes, "the program writes it out")
	assert.Equal(t, plugin.DiffSome, same.Diff(created, box(map[string]any{"owner": "bob"})).Changes)

	moved := providertest.New(t, definition.Open(), map[string]any{"owner": "bob"}).Diff(created, box(nil))
	assert.Equal(t, []resource.PropertyKey{"owner"}, moved.ReplaceKeys)
}

func TestARefreshTakesWhatChangedInTheCloudAndNothingElse(t *testing.T) {
	definition := newShelf()
	instance := definition.Open()
	engine := providertest.New(t, instance, map[string]any{"owner": "ann"})
	created := engine.MustCreate(boxToken, "hats", box(nil))
	assert.Equal(t, created.Inputs, engine.Refresh(created).Inputs)

	// Somebody seals and resizes the box, and takes its labels off, by hand.
	byHand := providertest.New(t, definition.Open(), nil)
	changed := box(map[string]any{"size": 5, "sealed": true, "owner": "ann"})
	_, err := byHand.Update(created, changed)
	require.NoError(t, err)
	refreshed := engine.Refresh(created)
	assert.Equal(t, 5.0, refreshed.Inputs["size"].NumberValue())
	assert.True(t, refreshed.Inputs["sealed"].BoolValue())
	assert.NotContains(t, refreshed.Inputs, resource.PropertyKey("owner"), "nobody changed it")

	require.NoError(t, byHand.Delete(created))
	assert.Empty(t, engine.Refresh(created).ID)
}

func TestAnImportTakesItsInputsFromTheCloud(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	engine.MustCreate(boxToken, "hats", box(nil))
	imported := engine.Import(boxToken, "adopted", "hats")
	assert.Equal(t, resource.NewPropertyMapFromMap(box(nil)), imported.Inputs)
	assert.Equal(t, "serial of hats", imported.Text(t, "serial"))
}

func TestAnImportedResourceKeepsItsOwnID(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	engine.MustCreate(boxToken, "hats", box(nil))
	imported := engine.Import(boxToken, "adopted", "the box of hats")
	assert.Equal(t, "hats", string(imported.ID))
	assert.Equal(t, imported.ID, engine.Refresh(imported).ID)
	assert.Empty(t, engine.Import(boxToken, "adopted", "the box of shoes").ID)
}

func TestADefaultAndItsAbsenceAreTheSame(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	absent := engine.MustCreate(boxToken, "hats", box(nil))
	given := engine.MustCreate(boxToken, "shoes", box(map[string]any{"name": "shoes", "sealed": false}))
	for _, same := range []plugin.DiffResult{
		engine.Diff(absent, box(map[string]any{"sealed": false})),
		engine.Diff(given, box(map[string]any{"name": "shoes"})),
	} {
		assert.Equal(t, plugin.DiffNone, same.Changes)
	}
	assert.Equal(t, []resource.PropertyKey{"sealed"}, engine.Diff(given, box(map[string]any{"name": "shoes", "sealed": true})).ChangedKeys)
	assert.Equal(t, []resource.PropertyKey{"sealed"}, engine.Diff(absent, box(map[string]any{"sealed": true})).ChangedKeys)
}

func TestSecretInputsAreSecretOutputs(t *testing.T) {
	engine := providertest.New(t, newShelf().Open(), nil)
	inputs := resource.NewPropertyMapFromMap(box(nil))
	inputs["labels"] = resource.NewObjectProperty(resource.PropertyMap{
		"room": resource.MakeSecret(resource.NewStringProperty("attic")),
	})
	created, err := engine.CreateFrom(boxToken, "hats", inputs)
	require.NoError(t, err)
	assert.True(t, created.Outputs["labels"].IsSecret())
	assert.False(t, created.Outputs["name"].IsSecret())
}

func TestDecodeRefusesUnknownValues(t *testing.T) {
	var target struct{ Name string }
	err := provider.Decode(resource.PropertyMap{"name": resource.MakeComputed(resource.NewStringProperty(""))}, &target)
	assert.ErrorContains(t, err, "a value is not known yet")
}
