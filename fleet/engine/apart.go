package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"waybill.example/waybill/internal/steps"
)

// PreviewApart previews the first update of a stack that the backend does not
// have, and leaves the backend as it is: the empty stack that an engine wants
// lives in a backend of its own, which is thrown away. Secrets of the stack's
// file are decrypted as they would be for the stack itself.
//
// A program that reads another stack's outputs does not find it there.
func (s *Stack) PreviewApart(ctx context.Context, observe func(steps.Resource)) (_ *steps.Result, err error) {
	backend := filepath.Join(s.folder, "backend")
	if err := os.Mkdir(backend, 0o700); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	environment := map[string]string{backendKey: "file://" + escaped(backend)}
	salted, err := hasSecretsManager(s.configFile())
	if err != nil {
		return nil, err
	}
	if !salted {
		// The file has no secret: any passphrase will do, and nobody needs one.
		environment["PULUMI_CONFIG_PASSPHRASE"] = rand.Text()
	}
	apart, err := s.engine.open(ctx, s.name, environment)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, apart.Close()) }()
	if err := apart.Init(ctx); err != nil {
		return nil, err
	}
	result, err := apart.Preview(ctx, observe)
	if err != nil && strings.Contains(err.Error(), "unknown stack") {
		err = fmt.Errorf("%w\nthis stack is not in the backend yet and was previewed apart from it, where it finds no other: make it with --init", err)
	}
	return result, err
}

// hasSecretsManager tells whether a stack file says how its secrets are
// encrypted.
func hasSecretsManager(path string) (bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("engine: %w", err)
	}
	var file struct {
		Salt     string `json:"encryptionsalt"`
		Provider string `json:"secretsprovider"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return false, fmt.Errorf("engine: %w", err)
	}
	return file.Salt != "" || file.Provider != "", nil
}
