package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"sigs.k8s.io/yaml"
)

// placeholder stands for every secret of a stack file. It is JSON, for a
// program may check the form of a configuration file.
const placeholder = `{"sandbox": "a placeholder for the stack's secret"}`

// copyProject writes the project into work as the engine shall see it, and
// returns the keys that are to be set to the placeholder. The salt of the
// copy's own secrets is kept from the last time. Propagation stands in place of
// what the copy says of refresher.propagation; empty leaves it.
func copyProject(project, work, stack, propagation string) (secrets []string, err error) {
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
	file, err := StackFile(project, stack)
	if err != nil {
		return nil, err
	}
	original, err := workspace.LoadProjectStack(sink, settings, file)
	if err != nil {
		return nil, fmt.Errorf("stack file %s: %w", file, err)
	}
	own, copied := workspace.ProjectStack{Config: config.Map{}}, filepath.Join(work, filepath.Base(file))
	if last, err := workspace.LoadProjectStack(sink, settings, copied); err == nil {
		own.EncryptionSalt = last.EncryptionSalt
	}
	for key, value := range original.Config {
		if value.Secure() {
			secrets = append(secrets, key.String())
			continue
		}
		if propagation != "" && key.Name() == "customer" {
			if value, err = impatient(value, propagation); err != nil {
				return nil, fmt.Errorf("stack file %s: %w", file, err)
			}
		}
		own.Config[key] = value
	}
	return secrets, own.Save(copied)
}

// impatient is the customer's object with another refresher.propagation, where it
// has a refresher.
func impatient(customer config.Value, propagation string) (config.Value, error) {
	text, err := customer.Value(config.NopDecrypter)
	if err != nil {
		return customer, err
	}
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		return customer, err
	}
	refresher, found := object["refresher"].(map[string]any)
	if !found {
		return customer, nil
	}
	refresher["propagation"] = propagation
	changed, err := json.Marshal(object)
	return config.NewObjectValue(string(changed)), err
}

// edited is a stack's file with its object waybill:customer changed.
func edited(file []byte, change func(customer map[string]any)) ([]byte, error) {
	var content map[string]any
	if err := yaml.Unmarshal(file, &content); err != nil {
		return nil, err
	}
	config, _ := content["config"].(map[string]any)
	customer, found := config["waybill:customer"].(map[string]any)
	if !found {
		return nil, errors.New("the stack's file has no object waybill:customer")
	}
	change(customer)
	return yaml.Marshal(content)
}

// StackFile is the file of a project's stack: in the project's folder, or among
// its examples. An unknown stack's error names those that are there.
func StackFile(project, stack string) (string, error) {
	var known []string
	for _, folder := range []string{project, filepath.Join(project, "examples")} {
		files, _ := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml")) // fails on a bad pattern only
		for _, file := range files {
			base := filepath.Base(file)
			name := base[len("Pulumi.") : len(base)-len(".yaml")]
			if name == stack {
				return file, nil
			}
			known = append(known, name)
		}
	}
	slices.Sort(known)
	return "", fmt.Errorf("stack %q: has no Pulumi.%[1]s.yaml, at the root or in examples: want one of %s", stack, strings.Join(slices.Compact(known), ", "))
}

// Words are those of a stack's file that are of use before it is deployed.
type Words struct {
	// Platform is where the product runs.
	Platform string `json:"platform"`
	// Side is whose half the stack builds.
	Side string `json:"side"`
	// Adopt are the IDs of what was made by hand and is taken over.
	Adopt     map[string]string `json:"adopt"`
	Refresher struct {
		// Image is the refresher's; empty where none runs.
		Image string `json:"image"`
		// Propagation is how long it waits for a right; empty for the default.
		Propagation string `json:"propagation"`
	} `json:"refresher"`
}

// Describe reads the Words of a stack's file.
func Describe(project, stack string) (Words, error) {
	path, err := StackFile(project, stack)
	if err != nil {
		return Words{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Words{}, err
	}
	var file struct {
		Config struct {
			Customer Words `json:"waybill:customer"`
		} `json:"config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return Words{}, fmt.Errorf("%s: %w", path, err)
	}
	file.Config.Customer.Side = cmp.Or(file.Config.Customer.Side, "both")
	return file.Config.Customer, nil
}
