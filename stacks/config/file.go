package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill.example/waybill/stacks/schema"
)

// File reads the configuration of a stack file, and checks the file as a whole:
// unknown top-level keys included. Nothing is deployed or decrypted, so that what
// would be checked of a secret's text is not.
func File(path string, problems *Problems) (*Settings, error) {
	if err := checkStackFile(path, problems); err != nil {
		return nil, err
	}
	file, err := Read(path)
	if err != nil {
		return nil, err
	}
	return file.Settings(problems), nil
}

// StackFile is a stack file as the engine reads it.
type StackFile struct {
	// Stack is the stack's name, Project the project's, Root the project's folder.
	Stack, Project, Root string
	// Values are the configuration by full key, waybill:customer. What is secret has
	// the value Hidden, and its key is among Secrets.
	Values  map[string]string
	Secrets []string
}

// Hidden stands for every secret of a stack file: nothing is decrypted.
const Hidden = "{}"

// Read reads a stack file, and judges nothing. The project's Pulumi.yaml is beside
// the file or in the folder above.
func Read(path string) (*StackFile, error) {
	if _, err := os.Stat(path); err != nil { // the engine's reader takes one that is missing for an empty one
		return nil, err
	}
	root, project, err := loadProject(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	stack, err := workspace.LoadProjectStack(sink, project, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file := &StackFile{Stack: StackOf(path), Project: project.Name.String(), Root: root, Values: map[string]string{}}
	for key, value := range stack.Config {
		text := Hidden
		if value.Secure() {
			file.Secrets = append(file.Secrets, key.String())
		} else if text, err = value.Value(config.NopDecrypter); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, key, err)
		}
		file.Values[key.String()] = text
	}
	slices.Sort(file.Secrets)
	return file, nil
}

// Settings are those of the file's configuration; nil where it cannot be understood.
func (f *StackFile) Settings(problems *Problems) *Settings {
	from := source{
		stack:  f.Stack,
		get:    func(key string) (string, bool) { text, found := f.Values[key]; return text, found },
		secret: func(key string) bool { return slices.Contains(f.Secrets, key) },
	}
	s := from.settings(problems)
	if _, found := f.Values[ProductConfigKey]; found && s != nil {
		s.ProductConfig = pulumi.String("") // that there is one is all that matters here
	}
	return s
}

// StackOf is the name of a stack file's stack: NAME of Pulumi.NAME.yaml.
func StackOf(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "Pulumi."), ".yaml")
}

func loadProject(folder string) (root string, project *workspace.Project, err error) {
	if folder, err = filepath.Abs(folder); err != nil { // "." has no folder above
		return "", nil, err
	}
	for _, at := range []string{folder, filepath.Dir(folder)} {
		path := filepath.Join(at, "Pulumi.yaml")
		if _, err := os.Stat(path); err == nil {
			project, err = workspace.LoadProject(path)
			return at, project, err
		}
	}
	return "", nil, fmt.Errorf("%s: want Pulumi.yaml there or in the folder above", folder)
}

// checkStackFile holds a file to the published schema of stack files, but for
// the customer's object and the secrets, which are checked by themselves: a
// secret in the clear is not to be repeated.
func checkStackFile(path string, problems *Problems) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var raw any
	if err := encoding.YAML.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if text, err = json.Marshal(raw); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	findings, err := schema.Check(schema.Stack, document)
	if err != nil {
		return err
	}
	for _, f := range findings {
		inside := len(f.Path) >= 2 && f.Path[0] == "config" && (f.Path[1] == CustomerKey || f.Path[1] == ProductConfigKey)
		if !inside {
			problems.Add(f.Key(), "%s", f.Text)
		}
	}
	return nil
}
