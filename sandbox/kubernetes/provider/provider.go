package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// version is that of the provider whose behaviour this package follows, and of
// the SDK that the program is built with.
var version = semver.MustParse("4.30.0")

// Options are what the sandbox decides, as opposed to the program.
type Options struct {
	// Kubeconfig is the path of the sandbox's kubeconfig. Its clusters are the
	// only ones that can be reached, and it is the default of the provider's
	// setting kubeconfig. It is read when a connection is configured. Required.
	Kubeconfig string
	// Await waits, as v4.30 does, for Jobs to complete, for Deployments to
	// become available and for Services to have endpoints. Something must then
	// play the kubelet. Without it every such object is logged as not waited for.
	Await bool
	// Log receives what a user should see about a resource: the API server's
	// warnings, and what was not waited for. It is called from several
	// goroutines. Nil discards.
	Log func(urn resource.URN, message string)
}

// Provider is one connection's provider: the engine opens a connection per
// explicit provider resource and configures each by itself (docs/facts.md §6).
type Provider struct {
	plugin.UnimplementedProvider

	options  Options
	lifetime context.Context
	cancel   context.CancelFunc

	mutex   sync.Mutex
	session *session // nil until Configure
}

var _ plugin.GrpcProvider = (*Provider)(nil)

// New returns a provider for one connection, not configured yet.
func New(options Options) *Provider {
	if options.Log == nil {
		options.Log = func(resource.URN, string) {}
	}
	lifetime, cancel := context.WithCancel(context.Background())
	return &Provider{options: options, lifetime: lifetime, cancel: cancel}
}

// Attach is told where the engine listens. Nothing here calls back: messages
// go to Options.Log.
func (p *Provider) Attach(string) error { return nil }

// Handshake says what the provider understands, as v4.30 does.
func (p *Provider) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{
		AcceptSecrets:                   true,
		AcceptOutputs:                   true,
		SupportsAutonamingConfiguration: true,
	}, nil
}

// GetPluginInfo returns v4.30.0.
func (p *Provider) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	return plugin.PluginInfo{Version: &version}, nil
}

// SignalCancellation ends what is being waited for: a create or update then
// reports the object as created but not initialized.
func (p *Provider) SignalCancellation(context.Context) error {
	p.cancel()
	return nil
}

// Close ends everything that still runs.
func (p *Provider) Close() error {
	p.cancel()
	return nil
}

// Invoke refuses every function: the sandbox plays none of v4.30's (Helm,
// Kustomize, YAML).
func (p *Provider) Invoke(_ context.Context, req plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	return plugin.InvokeResponse{}, fmt.Errorf("function %q: the sandbox's kubernetes provider has no functions", req.Tok)
}

// configured returns the connection's session.
func (p *Provider) configured() (*session, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.session == nil {
		return nil, errors.New("the kubernetes provider is not configured")
	}
	return p.session, nil
}

// operation returns a context that ends with the request and with the provider,
// and that carries the resource for the API server's warnings.
func (p *Provider) operation(ctx context.Context, urn resource.URN) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, urnKey{}, urn))
	stop := context.AfterFunc(p.lifetime, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// urnKey is the context key of the resource that a request is about.
type urnKey struct{}
