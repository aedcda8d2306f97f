package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	pulumisdk "github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"waybill.example/waybill/sandbox/child"
)

// host is the language host that engines attach to: it runs the program that
// `make` built as a process, as Pulumi's own host for Go runs a prebuilt one. A
// changed program needs no other sandbox.
// https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	executable, root string
	// engine is the address of the engine that attached last: each Engine has a
	// host of its own, and runs one operation at a time.
	engine atomic.Value
}

// serveHost serves programs until ctx ends, and returns the value of
// PULUMI_DEBUG_LANGUAGES that attaches engines.
func serveHost(ctx context.Context, executable, root string) (string, error) {
	if _, err := os.Stat(executable); err != nil {
		return "", fmt.Errorf("engine: the program is not built (run `make build`): %w", err)
	}
	cancel := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{executable: executable, root: root})
			return nil
		},
	})
	if err != nil {
		return "", fmt.Errorf("engine: serve the program: %w", err)
	}
	context.AfterFunc(ctx, func() { close(cancel) })
	return fmt.Sprintf("go:%d", handle.Port), nil
}

func (h *host) Handshake(_ context.Context, r *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine.Store(r.GetEngineAddress())
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (*host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{}, nil
}

// GetRequiredPackages are none: every provider is attached.
func (*host) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// Run runs the program once. Paths of its configuration are relative to the
// project, and not to the copy that the engine works on.
func (h *host) Run(ctx context.Context, r *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	config, err := json.Marshal(r.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(r.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	engine, _ := h.engine.Load().(string)
	runtime.LockOSThread() // the kernel ties the program's life to the thread that started it
	defer runtime.UnlockOSThread()
	var said bytes.Buffer
	program := exec.CommandContext(ctx, h.executable) //nolint:gosec // the program that make built
	program.Dir, program.Stdout, program.Stderr = h.root, &said, &said
	program.SysProcAttr = child.Attributes()
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = 10 * time.Second
	program.Env = append(os.Environ(),
		pulumi.EnvProject+"="+r.GetProject(), pulumi.EnvStack+"="+r.GetStack(), pulumi.EnvOrganization+"="+r.GetOrganization(),
		pulumi.EnvPulumiRootDirectory+"="+h.root, pulumi.EnvConfig+"="+string(config), pulumi.EnvConfigSecretKeys+"="+string(secrets),
		pulumi.EnvDryRun+"="+strconv.FormatBool(r.GetDryRun()), pulumi.EnvParallel+"="+strconv.Itoa(int(r.GetParallel())),
		pulumi.EnvMonitor+"="+r.GetMonitorAddress(), pulumi.EnvEngine+"="+engine,
	)
	var exit *exec.ExitError
	switch err := program.Run(); {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case errors.As(err, &exit) && exit.ExitCode() == constant.ExitStatusLoggedError:
		return &pulumirpc.RunResponse{Bail: true}, nil // the engine has the error already
	default:
		return &pulumirpc.RunResponse{Error: strings.TrimSpace(fmt.Sprintf("%v\n%s", err, &said))}, nil
	}
}

// CLI is a Pulumi CLI, which is the engine.
type CLI struct {
	auto.PulumiCommand
	Path string
}

// String names the version and the path.
func (c CLI) String() string { return fmt.Sprintf("v%s (%s)", c.Version(), c.Path) }

// InstalledCLI is the CLI of PATH, where it is at least as new as the SDK that
// the program is built with.
func InstalledCLI() (CLI, bool) {
	path, err := exec.LookPath("pulumi")
	if err != nil {
		return CLI{}, false
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Version: pulumisdk.Version})
	if err != nil || command.Version().LT(pulumisdk.Version) {
		return CLI{}, false
	}
	return CLI{command, path}, true
}

// FindCLI takes the installed CLI where there is one, and the one that was built
// in tools/bin otherwise.
func FindCLI(tools string) (CLI, error) {
	if cli, found := InstalledCLI(); found {
		return cli, nil
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: tools})
	if err != nil {
		return CLI{}, fmt.Errorf("engine: there is no Pulumi CLI of version %s or newer on PATH, and none in %s/bin (run `make tools`): %w", pulumisdk.Version, tools, err)
	}
	return CLI{command, filepath.Join(tools, "bin", "pulumi")}, nil
}

// frugal is a CLI that does not run for what nobody reads: the Automation API asks for
// outputs and history after each operation, and selects a stack that every command
// names. Each run derives the key of the passphrase anew, which takes most of a second.
type frugal struct {
	auto.PulumiCommand
	dir string // the state directory
}

// Run runs the CLI, or answers for it.
func (f frugal) Run(
	ctx context.Context, folder string, stdin io.Reader, stdout, stderr []io.Writer, environment []string, args ...string,
) (string, string, int, error) {
	switch {
	case len(args) < 2 || args[0] != "stack":
	case args[1] == "history":
		return "[]", "", 0, nil
	case args[1] == "output":
		return "{}", "", 0, nil
	case args[1] == "select" && len(checkpoints(f.dir, args[len(args)-1])) > 0:
		return "", "", 0, nil
	}
	return f.PulumiCommand.Run(ctx, folder, stdin, stdout, stderr, environment, args...)
}
