package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/internal/steps"
)

// Options say what runs, and where.
type Options struct {
	// Root is the project's folder: it holds Pulumi.yaml and the stack files,
	// and the CLI in .build/bin where PATH has none that is new enough.
	Root string
	// Program is what every stack runs.
	Program pulumi.RunFunc
	// Environment is added to that of this process for the CLI and for the
	// providers, which the CLI starts. The program does not see it.
	Environment map[string]string
	// Abort, once closed, ends what is in flight without waiting for it; nil
	// for never. It acts after the context of an operation has ended.
	Abort <-chan struct{}
}

// Engine opens the stacks of a project. It is safe for concurrent use.
type Engine struct {
	options Options
	command *command
}

// Open finds the Pulumi CLI.
func Open(options Options) (*Engine, error) {
	root, err := filepath.Abs(options.Root)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	options.Root = root
	found, err := findCLI(filepath.Join(root, ".build"))
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	found.abort = options.Abort
	return &Engine{options: options, command: found}, nil
}

// ErrNotInBackend is a stack that has a file and is not in the backend.
var ErrNotInBackend = errors.New("is not in the backend")

// Stack is one stack, ready for operations. Close it.
type Stack struct {
	stack   auto.Stack
	engine  *Engine
	command *command
	name    string
	// folder holds the copies of Pulumi.yaml and of the stack's file.
	folder string
}

// Stack prepares a stack that the backend may or may not have: the operations
// report ErrNotInBackend.
func (e *Engine) Stack(ctx context.Context, name string) (*Stack, error) {
	return e.open(ctx, name, nil)
}

func (e *Engine) open(ctx context.Context, name string, environment map[string]string) (_ *Stack, err error) {
	folder, err := os.MkdirTemp("", "fleet-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	s := &Stack{engine: e, command: e.command.forStack(), name: name, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, file := range []string{"Pulumi.yaml", "Pulumi." + name + ".yaml"} {
		text, err := os.ReadFile(filepath.Join(e.options.Root, file))
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil { //nolint:gosec // the folder was made for it
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	variables := map[string]string{
		"PULUMI_SKIP_UPDATE_CHECK": "true",
		// A file without a salt gets a fresh one in its copy, which is thrown
		// away: the stack's own secrets stay with the manager of its state.
		"PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
	}
	for _, more := range []map[string]string{e.options.Environment, environment} {
		for key, value := range more {
			variables[key] = value
		}
	}
	url, given := variables[backendKey]
	if !given {
		url = os.Getenv(backendKey)
	}
	if url != "" {
		variables[backendKey] = absolute(url, e.options.Root)
	}
	local, err := auto.NewLocalWorkspace(ctx, auto.WorkDir(e.options.Root), auto.Pulumi(s.command),
		auto.Program(e.options.Program), auto.EnvVars(variables))
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	s.stack, err = auto.SelectStack(ctx, name, unselected{local})
	return s, err
}

// backendKey names the variable that says where the stacks are.
const backendKey = "PULUMI_BACKEND_URL"

// absolute is the address of a backend, seen from the project's folder: the
// CLI would look for a relative folder of files from where each command runs.
// One that begins with ~ it looks for in the home itself.
func absolute(url, root string) string {
	path, isFile := strings.CutPrefix(url, "file://")
	if !isFile || strings.HasPrefix(path, "~") || filepath.IsAbs(path) {
		return url
	}
	path, query, asked := strings.Cut(path, "?")
	// What the caller wrote is a part of a URL already; the project's folder is a path.
	url = "file://" + filepath.ToSlash(filepath.Join(escaped(root), path))
	if asked {
		url += "?" + query
	}
	return url
}

// escaped is a path as a URL has it: a folder's name may hold any character.
func escaped(path string) string { return (&neturl.URL{Path: path}).EscapedPath() }

// Close deletes the stack's copies.
func (s *Stack) Close() error { return os.RemoveAll(s.folder) }

// configFile is the copy that the engine reads, and may write.
func (s *Stack) configFile() string { return filepath.Join(s.folder, "Pulumi."+s.name+".yaml") }

// Init makes the stack in the backend. Its secrets are encrypted as the stack's
// file says, and as the backend does by default where it says nothing.
func (s *Stack) Init(ctx context.Context) error {
	_, err := s.run(ctx, s.folder, "stack", "init", s.name, "--no-select")
	return err
}

// Cancel takes the lock of the stack away, as `pulumi cancel` does: on a shared
// backend it also ends an update that is still running.
func (s *Stack) Cancel(ctx context.Context) error {
	_, err := s.run(ctx, s.engine.options.Root, "cancel", "--yes", "--stack", s.name)
	return err
}

// Export reads the stack's state; its secrets stay encrypted.
func (s *Stack) Export(ctx context.Context) ([]byte, error) {
	text, err := s.run(ctx, s.engine.options.Root, "stack", "export", "--stack", s.name)
	return []byte(text), err
}

// Import writes the stack's state. The file that it goes through lies in the
// stack's own folder, which nobody else can read.
func (s *Stack) Import(ctx context.Context, state []byte) error {
	file := filepath.Join(s.folder, "state.json")
	if err := os.WriteFile(file, state, 0o600); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	_, err := s.run(ctx, s.engine.options.Root, "stack", "import", "--file", file, "--stack", s.name)
	return err
}

// run runs the CLI and gives its output; its own words are the error.
func (s *Stack) run(ctx context.Context, folder string, args ...string) (string, error) {
	var environment []string
	for key, value := range s.stack.Workspace().GetEnvVars() {
		environment = append(environment, key+"="+value)
	}
	stdout, stderr, _, err := s.command.Run(ctx, folder, nil, nil, nil, environment, args...)
	if err != nil {
		return "", refusal(s.name, stderr, err)
	}
	return stdout, nil
}

// refusal is what the CLI said before it came to the engine.
func refusal(stack, stderr string, err error) error {
	text := steps.Plain(stderr)
	for _, words := range []string{"is currently locked by", "Another update is currently in progress", "failed to load checkpoint: EOF"} {
		if strings.Contains(text, words) {
			return fmt.Errorf("%s\nif nobody works on the stack, an update was killed: whoever deploys it runs `fleet recover %s`", text, stack)
		}
	}
	if strings.Contains(text, "no stack named") && strings.Contains(text, "found") {
		return ErrNotInBackend
	}
	return errors.New(cmp.Or(text, err.Error()))
}

// unselected is a workspace in which a stack is named with each command and
// never selected.
type unselected struct{ auto.Workspace }

// SelectStack does nothing.
func (unselected) SelectStack(context.Context, string) error { return nil }
