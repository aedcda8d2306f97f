package provider_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"waybill.example/waybill/sandbox/provider"
)

func dial(t *testing.T, server *provider.Server) (pulumirpc.ResourceProviderClient, *grpc.ClientConn) {
	t.Helper()
	connection, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", server.Port()), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return pulumirpc.NewResourceProviderClient(connection), connection
}

func serve(t *testing.T, open func() plugin.Provider) *provider.Server {
	t.Helper()
	server, err := provider.Serve(t.Context(), "shelf", open)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

func configure(t *testing.T, client pulumirpc.ResourceProviderClient, owner string) {
	t.Helper()
	args, err := structpb.NewStruct(map[string]any{"owner": owner})
	require.NoError(t, err)
	_, err = client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: args, AcceptSecrets: true})
	require.NoError(t, err)
}

func owner(t *testing.T, client pulumirpc.ResourceProviderClient) string {
	t.Helper()
	answer, err := client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "shelf:index:whose"})
	require.NoError(t, err)
	return answer.GetReturn().GetFields()["owner"].GetStringValue()
}

func TestTwoConnectionsKeepTheirConfigurationsApart(t *testing.T) {
	server := serve(t, newShelf().Open)
	ann, _ := dial(t, server)
	bob, _ := dial(t, server)
	configure(t, ann, "ann")
	configure(t, bob, "bob")
	assert.Equal(t, "ann", owner(t, ann))
	assert.Equal(t, "bob", owner(t, bob))
}

func TestAServedProviderAnswersWhatAnEngineAsksFirst(t *testing.T) {
	server := serve(t, newShelf().Open)
	assert.Equal(t, fmt.Sprintf("shelf:%d", server.Port()), server.Attachment())
	client, _ := dial(t, server)

	handshake, err := client.Handshake(t.Context(), &pulumirpc.ProviderHandshakeRequest{EngineAddress: "127.0.0.1:1"})
	require.NoError(t, err)
	assert.True(t, handshake.GetAcceptSecrets())
	_, err = client.Attach(t.Context(), &pulumirpc.PluginAttach{Address: "127.0.0.1:1"})
	require.NoError(t, err)
	info, err := client.GetPluginInfo(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	assert.Equal(t, "1.2.3", info.GetVersion())
	schema, err := client.GetSchema(t.Context(), &pulumirpc.GetSchemaRequest{})
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"shelf","version":"1.2.3"}`, schema.GetSchema())
	_, err = client.Cancel(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
}

// closing counts the instances that were closed.
type closing struct {
	plugin.Provider
	closed *atomic.Int32
}

func (c closing) Close() error {
	c.closed.Add(1)
	return c.Provider.Close()
}

func TestAnInstanceEndsWithItsConnection(t *testing.T) {
	var opened, closed atomic.Int32
	definition := newShelf()
	server := serve(t, func() plugin.Provider {
		opened.Add(1)
		return closing{Provider: definition.Open(), closed: &closed}
	})
	first, connection := dial(t, server)
	configure(t, first, "ann")
	second, _ := dial(t, server)
	configure(t, second, "bob")
	assert.Equal(t, int32(2), opened.Load())

	require.NoError(t, connection.Close())
	require.Eventually(t, func() bool { return closed.Load() == 1 }, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, "bob", owner(t, second))
}

func TestServingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, err := provider.Serve(ctx, "shelf", newShelf().Open)
	require.NoError(t, err)
	client, _ := dial(t, server)
	configure(t, client, "ann")
	cancel()
	require.NoError(t, server.Close())
	_, err = client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "shelf:index:whose"})
	assert.Error(t, err)
}

func marshal(t *testing.T, properties map[string]any) *structpb.Struct {
	t.Helper()
	result, err := structpb.NewStruct(properties)
	require.NoError(t, err)
	return result
}

func TestTheEngineIsToldThatADiffIsDetailed(t *testing.T) {
	server := serve(t, newShelf().Open)
	client, _ := dial(t, server)
	configure(t, client, "ann")
	diff := func(olds, news map[string]any) *pulumirpc.DiffResponse {
		t.Helper()
		answer, err := client.Diff(t.Context(), &pulumirpc.DiffRequest{
			Id: "hats", Urn: "urn:pulumi:stack::project::shelf:index:Box::hats",
			OldInputs: marshal(t, olds), Olds: marshal(t, olds), News: marshal(t, news),
		})
		require.NoError(t, err)
		return answer
	}

	same := diff(box(nil), box(nil))
	assert.Equal(t, pulumirpc.DiffResponse_DIFF_NONE, same.GetChanges())
	assert.False(t, same.GetHasDetailedDiff())

	changed := diff(box(nil), box(map[string]any{"size": 4, "sealed": true}))
	assert.True(t, changed.GetHasDetailedDiff())
	assert.Equal(t, pulumirpc.PropertyDiff_UPDATE, changed.GetDetailedDiff()["size"].GetKind())
	assert.Equal(t, pulumirpc.PropertyDiff_ADD, changed.GetDetailedDiff()["sealed"].GetKind())
	assert.Empty(t, changed.GetReplaces())

	removed := diff(box(map[string]any{"owner": "bob", "sealed": true}), box(map[string]any{"owner": nil}))
	assert.True(t, removed.GetHasDetailedDiff())
	assert.Equal(t, pulumirpc.PropertyDiff_DELETE, removed.GetDetailedDiff()["sealed"].GetKind())

	replaced := diff(box(map[string]any{"lids": []any{map[string]any{"color": "red"}}}), box(nil))
	assert.Equal(t, pulumirpc.PropertyDiff_DELETE_REPLACE, replaced.GetDetailedDiff()["lids"].GetKind())
	assert.Equal(t, []string{"lids"}, replaced.GetReplaces())
}
