package sandbox

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"

	"github.com/blang/semver"

	"waybill.example/waybill/sandbox/engine"
	kubernetes "waybill.example/waybill/sandbox/kubernetes/provider"
)

//go:embed go.mod
var module string

// kubernetesSDK is the version of the SDK that the program is built with: a
// plugin has to be at least as new.
var kubernetesSDK = semver.MustParse(regexp.MustCompile(`pulumi-kubernetes/sdk/v4 v(\S+)`).FindStringSubmatch(module)[1])

// Installed reports whether nothing has to be built for one of Pulumi's tools:
// "pulumi", the CLI, or "pulumi-resource-kubernetes", its Kubernetes provider.
// A provider that is neither installed nor built is downloaded into the folder
// tools, where the network lets it within seconds.
func Installed(ctx context.Context, tools, tool string, progress func(message string)) (bool, error) {
	switch tool {
	case "pulumi":
		_, found := engine.InstalledCLI()
		return found, nil
	case kubernetes.Executable:
		if _, found := kubernetes.Installed(ctx, tools, kubernetesSDK); found || kubernetes.Built(tools) {
			return found, nil
		}
	default:
		return false, fmt.Errorf("tool %q: want pulumi or %s", tool, kubernetes.Executable)
	}
	cli, err := engine.FindCLI(tools)
	if err != nil {
		return false, err
	}
	progress(fmt.Sprintf("downloading the Kubernetes provider v%s", kubernetesSDK))
	if err := kubernetes.Download(ctx, cli, tools, kubernetesSDK); err != nil {
		progress(fmt.Sprintf("it cannot be downloaded and is built: %v", err))
		return false, nil
	}
	_, found := kubernetes.Installed(ctx, tools, kubernetesSDK)
	return found, nil
}

// findTools says which tools of Pulumi's this run uses.
func (s *Sandbox) findTools(ctx context.Context) (err error) {
	if s.cli, err = engine.FindCLI(s.options.Tools); err != nil {
		return err
	}
	if s.plugin, err = kubernetes.Find(ctx, s.options.Tools, kubernetesSDK); err != nil {
		return err
	}
	s.options.Progress(fmt.Sprintf("using Pulumi %s and its Kubernetes provider %s", s.cli, s.plugin))
	return nil
}
