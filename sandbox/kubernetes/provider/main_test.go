package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// fakeVersion makes this test binary a plugin of that version.
const fakeVersion = "WAYBILL_TEST_PLUGIN"

func TestMain(m *testing.M) {
	version := os.Getenv(fakeVersion)
	if version == "" {
		os.Exit(m.Run())
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{Init: func(server *grpc.Server) error {
		pulumirpc.RegisterResourceProviderServer(server, &fake{version: version})
		return nil
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(handle.Port)
	if err := <-handle.Done; err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// fake keeps one configuration, as the real provider does, and tells it, its
// process and its environment in place of a schema.
type fake struct {
	pulumirpc.UnimplementedResourceProviderServer
	version, context string
}

func (f *fake) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: f.version}, nil
}

func (f *fake) Configure(_ context.Context, request *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	f.context = request.GetVariables()["kubernetes:config:context"] //nolint:staticcheck // what engines send to this day
	return &pulumirpc.ConfigureResponse{}, nil
}

func (f *fake) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	told := append([]string{f.context, fmt.Sprint(os.Getpid())}, os.Environ()...)
	return &pulumirpc.GetSchemaResponse{Schema: strings.Join(told, "\n")}, nil
}

// plugin writes an executable that is a plugin of that version.
func plugin(t *testing.T, path, version string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	script(t, path, fmt.Sprintf("%s='%s' exec '%s'", fakeVersion, version, self))
}

func script(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}
