package provider

import (
	"context"
	"slices"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

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
