package stacks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validate reports everything that is wrong with a stack file, unknown
// top-level keys included, a line each. It deploys and decrypts nothing; the
// other party's documents are an update's to check. The project's Pulumi.yaml is
// beside the file, or in the folder above, as for the examples.
func Validate(path string) error {
	var problems problems
	if err := checkStackFile(path, &problems); err != nil {
		return err
	}
	s, err := fileSettings(path, &problems)
	if err != nil {
		return err
	}
	if err := problems.join(); err != nil {
		return err
	}
	return s.plan()
}

// plan checks the arguments of every component that the stack would register.
func (s *settings) plan() error {
	switch s.Platform {
	case platformEKS:
		return newEKS(s).validate()
	case platformECS:
		_, err := planService(s)
		if grant := ecrGrantArgs(s); grant != nil {
			err = errors.Join(err, grant.Validate())
		}
		return err
	default:
		return newGoogle(s).validate()
	}
}

// checkStackFile holds a file to the published schema of stack files, but for
// the customer's object and the secrets, which are checked by themselves: a
// secret in the clear is not to be repeated.
func checkStackFile(path string, problems *problems) error {
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
	schema, err := compileSchema(stackSchema)
	if err != nil {
		return err
	}
	findings, err := checkSchema(schema, document)
	if err != nil {
		return err
	}
	for _, f := range findings {
		inside := len(f.path) >= 2 && f.path[0] == "config" && (f.path[1] == customerKey || f.path[1] == productConfigKey)
		if !inside {
			problems.add(dotted(f.path), "%s", f.text)
		}
	}
	return nil
}

// projectOf is the Pulumi.yaml of a stack file's project: beside it, or in the
// folder above.
func projectOf(path string) string {
	folder := filepath.Dir(path)
	if beside := filepath.Join(folder, "Pulumi.yaml"); exists(beside) {
		return beside
	}
	return filepath.Join(folder, "..", "Pulumi.yaml")
}

// stackFile is where a stack of the project in the working directory has its
// file: at the root, or among the examples.
func stackFile(stack string) string {
	name := "Pulumi." + stack + ".yaml"
	if example := filepath.Join("examples", name); !exists(name) && exists(example) {
		return example
	}
	return name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fileSettings are a stack file's settings. A secret is not decrypted: what
// would be checked of its text is not.
func fileSettings(path string, problems *problems) (*settings, error) {
	project, err := workspace.LoadProject(projectOf(path))
	if err != nil {
		return nil, err
	}
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	stack, err := workspace.LoadProjectStack(sink, project, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values, secrets := map[string]string{}, map[string]bool{}
	for key, value := range stack.Config {
		text := "{}"
		if !value.Secure() {
			if text, err = value.Value(config.NopDecrypter); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, key, err)
			}
		}
		values[key.String()], secrets[key.String()] = text, value.Secure()
	}
	given := configuration{
		get:    func(key string) (string, bool) { text, found := values[key]; return text, found },
		secret: func(key string) bool { return secrets[key] },
	}
	s := given.settings(problems)
	if _, found := values[productConfigKey]; found && s != nil {
		s.productConfig = pulumi.String("") // that there is one is all that matters here
	}
	return s, nil
}
