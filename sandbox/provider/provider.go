package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// instance is a provider package as one provider resource of a program sees it.
type instance[C any] struct {
	plugin.UnimplementedProvider
	definition *Definition[C]
	types      map[string]*Type[C]
	functions  map[string]*Function[C]

	mutex      sync.RWMutex
	client     C
	configured bool
}

// Open returns a fresh instance, which waits for its Configure.
func (d *Definition[C]) Open() plugin.Provider {
	i := &instance[C]{
		definition: d,
		types:      make(map[string]*Type[C], len(d.Types)),
		functions:  make(map[string]*Function[C], len(d.Functions)),
	}
	for n := range d.Types {
		i.types[d.Types[n].Tok] = &d.Types[n]
	}
	for n := range d.Functions {
		i.functions[d.Functions[n].Tok] = &d.Functions[n]
	}
	return i
}

// Close has nothing to release: the cloud outlives its callers.
func (i *instance[C]) Close() error { return nil }

// Attach answers an engine that found this provider through
// PULUMI_DEBUG_PROVIDERS. Nothing is logged through the engine.
func (i *instance[C]) Attach(string) error { return nil }

// Handshake accepts secrets as such, so that the base decides what stays secret.
func (i *instance[C]) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

// GetPluginInfo returns the version of the SDK whose provider this stands for.
func (i *instance[C]) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	version, err := semver.Parse(i.definition.Version)
	if err != nil {
		return plugin.PluginInfo{}, fmt.Errorf("%s: version %q: %w", i.definition.Name, i.definition.Version, err)
	}
	return plugin.PluginInfo{Version: &version}, nil
}

// GetSchema names the package only: programs bring the SDK.
func (i *instance[C]) GetSchema(context.Context, plugin.GetSchemaRequest) (plugin.GetSchemaResponse, error) {
	schema, err := json.Marshal(map[string]string{"name": i.definition.Name, "version": i.definition.Version})
	return plugin.GetSchemaResponse{Schema: schema}, err
}

// GetMapping knows no other ecosystem.
func (i *instance[C]) GetMapping(context.Context, plugin.GetMappingRequest) (plugin.GetMappingResponse, error) {
	return plugin.GetMappingResponse{}, nil
}

// GetMappings knows no other ecosystem.
func (i *instance[C]) GetMappings(context.Context, plugin.GetMappingsRequest) (plugin.GetMappingsResponse, error) {
	return plugin.GetMappingsResponse{}, nil
}

// SignalCancellation has nothing to cancel beyond the requests' own contexts.
func (i *instance[C]) SignalCancellation(context.Context) error { return nil }

// engineKeys are configuration keys that belong to the engine, not to the provider.
var engineKeys = []string{"version", "pluginDownloadURL", "__internal"}

// CheckConfig refuses unknown configuration keys. Values that are not strings
// arrive as JSON text, so kinds are left to Configure.
func (i *instance[C]) CheckConfig(_ context.Context, request plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	known := fieldsOf(i.definition.Config)
	var failures []plugin.CheckFailure
	for _, key := range request.News.StableKeys() {
		if _, ok := known[string(key)]; ok || slices.Contains(engineKeys, string(key)) {
			continue
		}
		failures = append(failures, plugin.CheckFailure{
			Property: key,
			Reason: fmt.Sprintf("unknown configuration key %q of %s: want one of %s",
				key, i.definition.Name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")),
		})
	}
	return plugin.CheckConfigResponse{Properties: request.News, Failures: failures}, nil
}

// DiffConfig reports changes; none replaces the provider resource.
func (i *instance[C]) DiffConfig(_ context.Context, request plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	difference := request.OldInputs.DiffIncludeUnknowns(request.NewInputs)
	if difference == nil {
		return plugin.DiffResult{Changes: plugin.DiffNone}, nil
	}
	return plugin.DiffResult{Changes: plugin.DiffSome, ChangedKeys: difference.ChangedKeys()}, nil
}

// Configure takes the configuration of the provider resource that this
// connection serves.
func (i *instance[C]) Configure(_ context.Context, request plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	config := Plain(request.Inputs)
	for key, value := range config {
		field, known := fieldsOf(i.definition.Config)[key]
		text, isText := value.(string)
		if !known || !isText || isString(field) {
			continue
		}
		var decoded any
		if err := json.Unmarshal([]byte(text), &decoded); err != nil {
			return plugin.ConfigureResponse{}, fmt.Errorf("%s: configuration key %s %q: want JSON: %w", i.definition.Name, key, text, err)
		}
		config[key] = decoded
	}
	client, err := i.definition.Configure(config)
	if err != nil {
		return plugin.ConfigureResponse{}, fmt.Errorf("%s: %w", i.definition.Name, err)
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.client, i.configured = client, true
	return plugin.ConfigureResponse{}, nil
}

// NotModelled refuses a key or a property that would change what a provider does.
func NotModelled(key string) error {
	return fmt.Errorf("%s: the sandbox does not model it: leave it out", key)
}

// Check refuses what the type's arguments do not allow and what the sandbox does
// not model, and returns the inputs with defaults filled in.
func (i *instance[C]) Check(_ context.Context, request plugin.CheckRequest) (plugin.CheckResponse, error) {
	resourceType, client, err := i.lookup(request.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	inputs := withoutNulls(request.News)
	if resourceType.Default != nil {
		resourceType.Default(client, request, inputs)
	}
	failures := checkObject("", inputs, resourceType.Args, resourceType.Required)
	for _, property := range resourceType.Unmodelled {
		if _, given := inputs[property]; given {
			failures = append(failures, plugin.CheckFailure{Property: property, Reason: NotModelled(string(property)).Error()})
		}
	}
	if _, given := inputs[resourceType.Name]; resourceType.Name != "" && !given {
		failures = append(failures, plugin.CheckFailure{
			Property: resourceType.Name, Reason: fmt.Sprintf("%s: the sandbox does not model made-up names: give one", resourceType.Name),
		})
	}
	if resourceType.Validate != nil {
		failures = append(failures, resourceType.Validate(sound(inputs, failures))...)
	}
	return plugin.CheckResponse{Properties: inputs, Failures: failures}, nil
}

// sound leaves out the properties that already failed or hold unknown values.
func sound(inputs resource.PropertyMap, failures []plugin.CheckFailure) resource.PropertyMap {
	result := resource.PropertyMap{}
	for key, value := range inputs {
		failed := slices.ContainsFunc(failures, func(f plugin.CheckFailure) bool { return within(string(f.Property), string(key)) })
		if !failed && !value.ContainsUnknowns() {
			result[key] = value
		}
	}
	return result
}

// Diff says what an update would change and whether it replaces the resource.
func (i *instance[C]) Diff(_ context.Context, request plugin.DiffRequest) (plugin.DiffResponse, error) {
	resourceType, client, err := i.lookup(request.Type)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	return resourceType.diff(client, request, i.definition.Stateful), nil
}

// Create makes a resource. A preview asks the cloud nothing.
func (i *instance[C]) Create(ctx context.Context, request plugin.CreateRequest) (plugin.CreateResponse, error) {
	resourceType, client, err := i.lookup(request.Type)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if request.Preview {
		return plugin.CreateResponse{Properties: resourceType.previewed(client, request.Properties, nil)}, nil
	}
	id, raw, err := resourceType.Create(ctx, client, resourceType.completed(client, request.Properties))
	outputs := withSecrets(resource.NewPropertyMapFromMap(raw), request.Properties)
	if err != nil {
		err = withState(err, resource.ID(id), request.Properties, outputs)
	}
	return plugin.CreateResponse{ID: resource.ID(id), Properties: outputs}, err
}

// Read looks a resource up, for a refresh or an import. One that is gone is
// answered with an empty ID.
func (i *instance[C]) Read(ctx context.Context, request plugin.ReadRequest) (plugin.ReadResponse, error) {
	resourceType, client, err := i.lookup(request.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	state := request.State
	if len(state) == 0 {
		state = nil // on the wire, an import's absent state is an empty one
	}
	raw, err := resourceType.Read(ctx, client, string(request.ID), state)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	if raw == nil {
		return plugin.ReadResponse{}, nil
	}
	outputs := withSecrets(resource.NewPropertyMapFromMap(raw), request.Inputs)
	id, inputs := request.ID, resourceType.refreshed(request.Inputs, request.State, outputs)
	if len(request.Inputs) == 0 {
		if inputs, err = resourceType.imported(string(request.ID), outputs); err != nil {
			return plugin.ReadResponse{}, err
		}
		if resourceType.Adopted != nil {
			id = resource.ID(resourceType.Adopted(raw))
		}
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: id, Inputs: inputs, Outputs: outputs}}, nil
}

// Update changes a resource in place. A preview asks the cloud nothing.
func (i *instance[C]) Update(ctx context.Context, request plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	resourceType, client, err := i.lookup(request.Type)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if request.Preview {
		return plugin.UpdateResponse{Properties: resourceType.previewed(client, request.NewInputs, request.OldOutputs)}, nil
	}
	if resourceType.Update == nil {
		return plugin.UpdateResponse{}, fmt.Errorf("%s %q: no property can be changed in place", request.Type, request.ID)
	}
	raw, err := resourceType.Update(ctx, client, string(request.ID), resourceType.completed(client, request.NewInputs))
	outputs := withSecrets(resource.NewPropertyMapFromMap(raw), request.NewInputs)
	if err != nil {
		err = withState(err, request.ID, request.NewInputs, outputs)
	}
	return plugin.UpdateResponse{Properties: outputs}, err
}

// Delete removes a resource.
func (i *instance[C]) Delete(ctx context.Context, request plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	resourceType, client, err := i.lookup(request.Type)
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	return plugin.DeleteResponse{}, resourceType.Delete(ctx, client, string(request.ID), request.Outputs)
}

// Invoke answers a function.
func (i *instance[C]) Invoke(ctx context.Context, request plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	function, known := i.functions[string(request.Tok)]
	if !known {
		return plugin.InvokeResponse{}, fmt.Errorf("unknown function %q: the sandbox knows %s",
			request.Tok, strings.Join(slices.Sorted(maps.Keys(i.functions)), ", "))
	}
	client, err := i.configuredClient()
	if err != nil {
		return plugin.InvokeResponse{}, err
	}
	args := withoutNulls(request.Args)
	if failures := checkObject("", args, function.Args, nil); len(failures) > 0 {
		return plugin.InvokeResponse{Failures: failures}, nil
	}
	result, err := function.Run(ctx, client, args)
	if err != nil {
		return plugin.InvokeResponse{}, fmt.Errorf("%s: %w", request.Tok, err)
	}
	return plugin.InvokeResponse{Properties: resource.NewPropertyMapFromMap(result)}, nil
}

func (i *instance[C]) lookup(token tokens.Type) (*Type[C], C, error) {
	client, err := i.configuredClient()
	if err != nil {
		return nil, client, err
	}
	resourceType, known := i.types[string(token)]
	if !known {
		return nil, client, fmt.Errorf("unknown resource type %q: the sandbox knows %s",
			token, strings.Join(slices.Sorted(maps.Keys(i.types)), ", "))
	}
	return resourceType, client, nil
}

func (i *instance[C]) configuredClient() (C, error) {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	if !i.configured {
		return i.client, fmt.Errorf("%s: used before it was configured", i.definition.Name)
	}
	return i.client, nil
}

// completed is the inputs with what the provider's configuration supplies.
func (t *Type[C]) completed(client C, inputs resource.PropertyMap) resource.PropertyMap {
	result := withoutNulls(inputs)
	if t.Complete != nil {
		for name, value := range t.Complete(client, inputs) {
			result[resource.PropertyKey(name)] = resource.NewStringProperty(value)
		}
	}
	return result
}
