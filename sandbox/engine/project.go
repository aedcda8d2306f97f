package engine

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// placeholder stands for every secret of a stack file. It is JSON, for a
// program may check the form of a configuration file.
const placeholder = `{"sandbox": "a placeholder for the stack's secret"}`

// copyProject writes the project into work as the engine shall see it, and
// returns the keys that are to be set to the placeholder. The salt of the
// copy's own secrets is kept from the last time.
func copyProject(project, work, stack string) (secrets []string, err error) {
	text, err := os.ReadFile(filepath.Join(project, "Pulumi.yaml"))
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, "Pulumi.yaml"), text, 0o600); err != nil { //nolint:gosec // the state directory is the caller's
		return nil, fmt.Errorf("project: %w", err)
	}
	settings, err := workspace.LoadProject(filepath.Join(work, "Pulumi.yaml"))
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	// The loader reports through a sink what it only warns of.
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	name := "Pulumi." + stack + ".yaml"
	if _, err := os.Stat(filepath.Join(project, name)); err != nil {
		return nil, fmt.Errorf("stack %q has no file %s: the stacks here are %s", stack, name, knownStacks(project))
	}
	original, err := workspace.LoadProjectStack(sink, settings, filepath.Join(project, name))
	if err != nil {
		return nil, fmt.Errorf("stack file %s: %w", name, err)
	}
	own := workspace.ProjectStack{Config: config.Map{}}
	if last, err := workspace.LoadProjectStack(sink, settings, filepath.Join(work, name)); err == nil {
		own.EncryptionSalt = last.EncryptionSalt
	}
	for key, value := range original.Config {
		if value.Secure() {
			secrets = append(secrets, key.String())
			continue
		}
		own.Config[key] = value
	}
	return secrets, own.Save(filepath.Join(work, name))
}

func knownStacks(project string) []string {
	files, _ := filepath.Glob(filepath.Join(project, "Pulumi.*.yaml")) // fails on a bad pattern only
	names := make([]string, 0, len(files))
	for _, file := range files {
		base := filepath.Base(file)
		names = append(names, base[len("Pulumi."):len(base)-len(".yaml")])
	}
	return names
}
