package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	// Executable is the plugin's file name, as Pulumi has it everywhere.
	Executable = "pulumi-resource-kubernetes"
	// downloadTime bounds a download: a build takes minutes, but it needs nobody
	// who may be behind a firewall that answers nothing.
	downloadTime = 20 * time.Second
)

// Plugin is one executable of the provider.
type Plugin struct {
	Path    string
	Version semver.Version
}

// String names the version and the path.
func (p Plugin) String() string { return fmt.Sprintf("v%s (%s)", p.Version, p.Path) }

// Find takes the newest installed plugin that will do, see [Installed], and
// otherwise the one that was built in the folder tools.
func Find(ctx context.Context, tools string, wanted semver.Version) (Plugin, error) {
	if plugin, found := Installed(ctx, tools, wanted); found {
		return plugin, nil
	}
	plugin, err := ask(ctx, builtIn(tools))
	if err != nil {
		return Plugin{}, fmt.Errorf("kubernetes provider: none of version %s or newer is installed, and none is in %s/bin (run `make tools`): %w", wanted, tools, err)
	}
	return plugin, nil
}

// Installed is a plugin of the wanted version or a newer one of the same major
// version: the newest that a Pulumi CLI installed for the operator, else the one
// on PATH, else what [Download] put into the folder tools.
func Installed(ctx context.Context, tools string, wanted semver.Version) (Plugin, bool) {
	home := os.Getenv("PULUMI_HOME")
	if user, err := os.UserHomeDir(); err == nil && home == "" {
		home = filepath.Join(user, ".pulumi")
	}
	if plugin, found := newest(home, wanted); found {
		return plugin, true
	}
	if path, err := exec.LookPath(Executable); err == nil {
		// One that does not answer is none that could be used.
		if plugin, err := ask(ctx, path); err == nil && serves(plugin.Version, wanted) {
			return plugin, true
		}
	}
	return newest(downloads(tools), wanted)
}

// newest is the newest plugin that will do in a home of the Pulumi CLI.
func newest(home string, wanted semver.Version) (best Plugin, found bool) {
	const prefix = "resource-kubernetes-v"
	folders, _ := filepath.Glob(filepath.Join(home, "plugins", prefix+"*")) // fails on a bad pattern only
	for _, folder := range folders {
		version, err := semver.Parse(strings.TrimPrefix(filepath.Base(folder), prefix))
		if err != nil || !serves(version, wanted) || found && version.LE(best.Version) {
			continue
		}
		// A download that did not end has a folder without the executable.
		if path, err := exec.LookPath(filepath.Join(folder, Executable)); err == nil {
			best, found = Plugin{Path: path, Version: version}, true
		}
	}
	return best, found
}

func serves(version, wanted semver.Version) bool {
	return version.Major == wanted.Major && version.GE(wanted)
}

func builtIn(tools string) string   { return filepath.Join(tools, "bin", Executable) }
func downloads(tools string) string { return filepath.Join(tools, "pulumi") }

// Built reports whether the folder tools holds a plugin that make built.
func Built(tools string) bool {
	_, err := exec.LookPath(builtIn(tools))
	return err == nil
}

// Download has the Pulumi CLI install the wanted version in the folder tools,
// which takes seconds or fails.
func Download(ctx context.Context, cli auto.PulumiCommand, tools string, wanted semver.Version) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	_, problem, _, err := cli.Run(ctx, tools, nil, nil, nil,
		[]string{"PULUMI_HOME=" + downloads(tools), "PULUMI_SKIP_UPDATE_CHECK=true"},
		"plugin", "install", "resource", "kubernetes", "v"+wanted.String())
	if ctx.Err() != nil {
		return fmt.Errorf("it takes longer than %s", downloadTime)
	}
	if err != nil {
		// The last line says how it ended, those before it tell of each try.
		lines := strings.Split(strings.TrimSpace(problem), "\n")
		return errors.New(lines[len(lines)-1])
	}
	return nil
}

// ask starts a plugin to learn its version.
func ask(ctx context.Context, path string) (plugin Plugin, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "waybill-plugin")
	if err != nil {
		return Plugin{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	process, address, err := start(ctx, Config{Plugin: Plugin{Path: path}, Dir: dir}, "ask.log")
	if err != nil {
		return Plugin{}, err
	}
	defer func() { err = errors.Join(err, process.Stop()) }()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return Plugin{}, err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	info, err := pulumirpc.NewResourceProviderClient(connection).GetPluginInfo(ctx, &emptypb.Empty{})
	if err != nil {
		return Plugin{}, fmt.Errorf("%s: %w", path, err)
	}
	version, err := semver.ParseTolerant(info.GetVersion())
	if err != nil {
		return Plugin{}, fmt.Errorf("%s: version %q: %w", path, info.GetVersion(), err)
	}
	return Plugin{Path: path, Version: version}, nil
}
