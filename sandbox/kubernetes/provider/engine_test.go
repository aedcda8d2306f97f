package provider_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

// engine drives a provider through the SDK's own client and server, in the
// order in which Pulumi's engine does.
type engine struct {
	t        *testing.T
	provider plugin.Provider

	mutex sync.Mutex
	log   []string
}

// connect serves a provider to an engine without configuring it.
func connect(t *testing.T, options provider.Options) *engine {
	t.Helper()
	e := &engine{t: t}
	options.Kubeconfig = kubeconfigPath
	options.Log = func(_ resource.URN, message string) {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.log = append(e.log, message)
	}
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	pulumirpc.RegisterResourceProviderServer(server, plugin.NewProviderServer(provider.New(options)))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///provider",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	e.provider = plugin.NewProviderWithClient(nil, pulumirpc.NewResourceProviderClient(connection), false)
	_, err = e.provider.Handshake(t.Context(), plugin.ProviderHandshakeRequest{})
	require.NoError(t, err)
	return e
}

// open connects and configures.
func open(t *testing.T, options provider.Options, settings map[string]any) *engine {
	t.Helper()
	e := connect(t, options)
	inputs := properties(settings)
	if _, ok := inputs["context"]; !ok {
		inputs["context"] = resource.NewStringProperty("customer")
	}
	urn := resource.NewURN("dev", "waybill", "", "pulumi:providers:kubernetes", "cluster")
	checked, err := e.provider.CheckConfig(t.Context(), plugin.CheckConfigRequest{URN: urn, News: inputs, Olds: resource.PropertyMap{}})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	name, kind, id := urn.Name(), urn.Type(), resource.ID("id")
	_, err = e.provider.Configure(t.Context(), plugin.ConfigureRequest{URN: &urn, Name: &name, Type: &kind, ID: &id, Inputs: checked.Properties})
	require.NoError(t, err)
	return e
}

func (e *engine) messages() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return append([]string(nil), e.log...)
}

// state is what the engine keeps of a resource.
type state struct {
	urn             resource.URN
	id              resource.ID
	inputs, outputs resource.PropertyMap
}

func (s state) text(path string) string {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil {
		return err.Error()
	}
	value, ok := parsed.Get(bare(resource.NewObjectProperty(s.outputs)))
	if !ok {
		return ""
	}
	if !value.IsString() {
		return value.String()
	}
	return value.StringValue()
}

// bare takes the secrets off a value, so that a path can lead through them.
func bare(value resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsSecret():
		return bare(value.SecretValue().Element)
	case value.IsObject():
		inner := resource.PropertyMap{}
		for key, property := range value.ObjectValue() {
			inner[key] = bare(property)
		}
		return resource.NewObjectProperty(inner)
	default:
		return value
	}
}

func properties(values map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(values)
}

func urnOf(token, name string) resource.URN {
	return resource.NewURN("dev", "waybill", "", tokens.Type("kubernetes:"+token), name)
}

// check returns the checked inputs of a new resource, or of an update of old.
func (e *engine) check(old state, news resource.PropertyMap) (plugin.CheckResponse, error) {
	olds := old.inputs
	if olds == nil {
		olds = resource.PropertyMap{}
	}
	return e.provider.Check(e.t.Context(), plugin.CheckRequest{
		URN: old.urn, Olds: olds, News: news, AllowUnknowns: true, RandomSeed: []byte(string(old.urn) + "seed seed seed seed seed seed seed"),
	})
}

func (e *engine) mustCheck(old state, news resource.PropertyMap) resource.PropertyMap {
	e.t.Helper()
	checked, err := e.check(old, news)
	require.NoError(e.t, err)
	require.Empty(e.t, checked.Failures)
	return checked.Properties
}

// create makes a resource.
func (e *engine) create(token, name string, news map[string]any) (state, error) {
	e.t.Helper()
	s := state{urn: urnOf(token, name)}
	s.inputs = e.mustCheck(s, properties(news))
	response, err := e.provider.Create(e.t.Context(), plugin.CreateRequest{URN: s.urn, Properties: s.inputs, Timeout: timeoutSeconds})
	s.id, s.outputs = response.ID, response.Properties
	return s, err
}

func (e *engine) mustCreate(token, name string, news map[string]any) state {
	e.t.Helper()
	s, err := e.create(token, name, news)
	require.NoError(e.t, err)
	return s
}

// timeoutSeconds is the custom timeout of every operation of the tests.
const timeoutSeconds = 30

// preview returns what a create would be previewed with.
func (e *engine) preview(token, name string, news resource.PropertyMap) (plugin.CreateResponse, error) {
	e.t.Helper()
	s := state{urn: urnOf(token, name)}
	inputs := e.mustCheck(s, news)
	return e.provider.Create(e.t.Context(), plugin.CreateRequest{URN: s.urn, Properties: inputs, Preview: true})
}

// diff checks and compares; ignored inputs are set back first, as the engine does.
func (e *engine) diff(old state, news map[string]any, ignore ...string) (resource.PropertyMap, plugin.DiffResponse) {
	e.t.Helper()
	wanted := resource.NewObjectProperty(properties(news))
	for _, text := range ignore {
		path, err := resource.ParsePropertyPath(text)
		require.NoError(e.t, err)
		value, ok := path.Get(resource.NewObjectProperty(old.inputs))
		if ok {
			_, ok = path.Add(wanted, value)
			require.True(e.t, ok)
		} else {
			path.Delete(wanted)
		}
	}
	inputs := e.mustCheck(old, wanted.ObjectValue())
	response, err := e.provider.Diff(e.t.Context(), plugin.DiffRequest{
		URN: old.urn, ID: old.id, OldInputs: old.inputs, OldOutputs: old.outputs, NewInputs: inputs, AllowUnknowns: true, IgnoreChanges: ignore,
	})
	require.NoError(e.t, err)
	return inputs, response
}

// update changes a resource in place if there is a difference.
func (e *engine) update(old state, news map[string]any, ignore ...string) (state, error) {
	e.t.Helper()
	inputs, diff := e.diff(old, news, ignore...)
	require.False(e.t, diff.Replace(), "%v", diff.ChangedKeys)
	old.inputs = inputs
	if diff.Changes == plugin.DiffNone {
		return old, nil
	}
	response, err := e.provider.Update(e.t.Context(), plugin.UpdateRequest{
		URN: old.urn, ID: old.id, OldInputs: old.inputs, OldOutputs: old.outputs, NewInputs: inputs, IgnoreChanges: ignore, Timeout: timeoutSeconds,
	})
	old.outputs = response.Properties
	return old, err
}

func (e *engine) mustUpdate(old state, news map[string]any, ignore ...string) state {
	e.t.Helper()
	s, err := e.update(old, news, ignore...)
	require.NoError(e.t, err)
	return s
}

// refresh reads a resource back; an empty ID means that it is gone.
func (e *engine) refresh(old state) (state, error) {
	response, err := e.provider.Read(e.t.Context(), plugin.ReadRequest{URN: old.urn, ID: old.id, Inputs: old.inputs, State: old.outputs})
	return state{urn: old.urn, id: response.ID, inputs: response.Inputs, outputs: response.Outputs}, err
}

func (e *engine) mustRefresh(old state) state {
	e.t.Helper()
	s, err := e.refresh(old)
	require.NoError(e.t, err)
	return s
}

func (e *engine) delete(old state) error {
	_, err := e.provider.Delete(e.t.Context(), plugin.DeleteRequest{
		URN: old.urn, ID: old.id, Inputs: old.inputs, Outputs: old.outputs, Timeout: timeoutSeconds,
	})
	return err
}
