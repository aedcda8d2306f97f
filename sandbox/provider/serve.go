package provider

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// Server serves one provider package to any number of engines.
type Server struct {
	name   string
	port   int
	stop   func()
	closed <-chan struct{}
	failed error
}

// Serve listens on 127.0.0.1 at a port of the system's choice and serves the
// provider package called name. For each connection it calls open once, and
// closes that instance when the connection ends. It serves until ctx ends or
// Close is called.
func Serve(ctx context.Context, name string, open func() plugin.Provider) (*Server, error) {
	cancel := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Init: func(server *grpc.Server) error {
			server.RegisterService(perConnection(pulumirpc.ResourceProvider_ServiceDesc), nil)
			return nil
		},
		Cancel:  cancel,
		Options: []grpc.ServerOption{grpc.StatsHandler(instances{open: open})},
	})
	if err != nil {
		return nil, fmt.Errorf("serve provider %s: %w", name, err)
	}
	closed := make(chan struct{})
	server := &Server{
		name:   name,
		port:   handle.Port,
		stop:   sync.OnceFunc(func() { close(cancel) }),
		closed: closed,
	}
	detach := context.AfterFunc(ctx, server.stop)
	go func() {
		server.failed = <-handle.Done
		detach()
		close(closed)
	}()
	return server, nil
}

// Port is the port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Attachment is this server's entry in PULUMI_DEBUG_PROVIDERS, name:port;
// several are joined by commas.
func (s *Server) Attachment() string { return fmt.Sprintf("%s:%d", s.name, s.port) }

// Close lets running requests end, closes every connection and returns what
// made the server fail, if anything did. A second call does nothing more.
func (s *Server) Close() error {
	s.stop()
	<-s.closed
	if s.failed != nil {
		return fmt.Errorf("provider %s: %w", s.name, s.failed)
	}
	return nil
}

// connection holds what one connection is served by.
type connection struct {
	provider plugin.Provider
	server   pulumirpc.ResourceProviderServer
}

type connectionKey struct{}

// perConnection is the service with each method sent to the instance of the
// caller's connection in place of one instance for all.
func perConnection(service grpc.ServiceDesc) *grpc.ServiceDesc {
	service.HandlerType = (*any)(nil)
	methods := make([]grpc.MethodDesc, len(service.Methods))
	for i, method := range service.Methods {
		handle := method.Handler
		method.Handler = func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			return handle(instanceOf(ctx), ctx, decode, interceptor)
		}
		methods[i] = method
	}
	streams := make([]grpc.StreamDesc, len(service.Streams))
	for i, stream := range service.Streams {
		handle := stream.Handler
		stream.Handler = func(_ any, s grpc.ServerStream) error { return handle(instanceOf(s.Context()), s) }
		streams[i] = stream
	}
	service.Methods, service.Streams = methods, streams
	return &service
}

func instanceOf(ctx context.Context) pulumirpc.ResourceProviderServer {
	// TagConn put it there: gRPC derives the context of every call from its
	// connection's.
	return ctx.Value(connectionKey{}).(*connection).server
}

// instances opens an instance when a connection begins and closes it when the
// connection ends.
type instances struct {
	open func() plugin.Provider
}

func (i instances) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	instance := i.open()
	return context.WithValue(ctx, connectionKey{}, &connection{
		provider: instance,
		server:   detailed{plugin.NewProviderServer(instance)},
	})
}

func (i instances) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); !ended {
		return
	}
	// Nobody is left to tell: the engine has gone.
	_ = ctx.Value(connectionKey{}).(*connection).provider.Close()
}

func (instances) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (instances) HandleRPC(context.Context, stats.RPCStats) {}

// detailed completes the answers of plugin.NewProviderServer. An engine reads a
// detailed diff only where the answer says that it has one, which that server
// never does, and it sends a removed property that forces a replacement as one
// that is removed in place. Without this, `pulumi preview --diff` shows no
// property at all.
type detailed struct {
	pulumirpc.ResourceProviderServer
}

// Diff marks the answer as detailed where it is.
func (d detailed) Diff(ctx context.Context, request *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return marked(d.ResourceProviderServer.Diff(ctx, request))
}

// DiffConfig marks the answer as detailed where it is.
func (d detailed) DiffConfig(ctx context.Context, request *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return marked(d.ResourceProviderServer.DiffConfig(ctx, request))
}

func marked(response *pulumirpc.DiffResponse, err error) (*pulumirpc.DiffResponse, error) {
	if err != nil {
		return nil, err
	}
	response.HasDetailedDiff = len(response.GetDetailedDiff()) > 0
	for path, change := range response.GetDetailedDiff() {
		if change.GetKind() == pulumirpc.PropertyDiff_DELETE && slices.Contains(response.GetReplaces(), path) {
			change.Kind = pulumirpc.PropertyDiff_DELETE_REPLACE
		}
	}
	return response, nil
}
