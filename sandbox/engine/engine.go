package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox/state"
)

// Options say what runs, and where.
type Options struct {
	// CLI runs the operations.
	CLI CLI
	// Project holds Pulumi.yaml and the stack files.
	Project string
	// Stack is the name in Pulumi.<name>.yaml.
	Stack string
	// Propagation stands in place of the configured refresher.propagation, such as
	// 5s; empty leaves it.
	Propagation string
	// Beside are stacks that are made in the backend where they are not there, so
	// that the program can refer to them: a reference to an unknown stack fails.
	Beside []string
	// State is the stack's state directory.
	State *state.Dir
	// Providers is the value of PULUMI_DEBUG_PROVIDERS.
	Providers string
	// Executable is the program, as `make` built it.
	Executable string
	// Program runs in place of Executable; nil means Executable.
	Program pulumi.RunFunc
	// Observe is called with each step as it ends; nil for none.
	Observe func(steps.Resource)
}

// Engine is one stack, ready for operations.
type Engine struct {
	stack   auto.Stack
	state   string // the state directory
	observe func(steps.Resource)
}

// Open prepares the stack: it copies the project, makes the stack where it
// does not exist, and takes away a lock that a killed process left. The state
// directory is locked by its own process, so that a lock found there is stale.
func Open(ctx context.Context, options Options) (*Engine, error) {
	work, err := options.State.Sub("project")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	secrets, err := copyProject(options.Project, work, options.Stack, options.Propagation)
	if err != nil {
		return nil, err
	}
	environment, err := Environment(options.State, options.Providers)
	if err != nil {
		return nil, err
	}
	if options.Program == nil {
		if environment["PULUMI_DEBUG_LANGUAGES"], err = serveHost(ctx, options.Executable, options.Project); err != nil {
			return nil, err
		}
	}
	upsert := func(name string) (auto.Stack, error) {
		return auto.UpsertStackLocalSource(ctx, name, work,
			auto.Pulumi(frugal{options.CLI.PulumiCommand, options.State.Path()}), auto.Program(options.Program), auto.EnvVars(environment),
			auto.PulumiHome(environment["PULUMI_HOME"]), auto.SecretsProvider("passphrase"))
	}
	for _, other := range options.Beside {
		if _, err := upsert(other); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	stack, err := upsert(options.Stack)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	for _, key := range secrets {
		if err := stack.SetConfig(ctx, key, auto.ConfigValue{Value: placeholder, Secret: true}); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	if locks, err := filepath.Glob(options.State.Path("backend", ".pulumi", "locks", "*", "*", "*", "*.json")); err == nil && len(locks) > 0 {
		if err := stack.Cancel(ctx); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	return &Engine{stack: stack, state: options.State.Path(), observe: options.Observe}, nil
}

// Environment is what a Pulumi CLI needs to work on the same state with the
// same providers.
func Environment(dir *state.Dir, providers string) (map[string]string, error) {
	passphrase, err := passphrase(dir.Path("passphrase"))
	if err != nil {
		return nil, err
	}
	backend, err := dir.Sub("backend")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	home, err := dir.Sub("home")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return map[string]string{
		"PULUMI_BACKEND_URL":                          (&url.URL{Scheme: "file", Path: backend}).String(), // any character of a path
		"PULUMI_HOME":                                 home,
		"PULUMI_CONFIG_PASSPHRASE":                    passphrase,
		"PULUMI_DEBUG_PROVIDERS":                      providers,
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
	}, nil
}

// passphrase is random, and the same for every run on one state directory.
func passphrase(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return string(text), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("engine: %w", err)
	}
	fresh := rand.Text()
	if err := os.WriteFile(path, []byte(fresh), 0o600); err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	return fresh, nil
}

// Up deploys the stack.
func (e *Engine) Up(ctx context.Context, options ...optup.Option) (*Result, error) {
	result, err := e.run(func(stream chan events.EngineEvent) error {
		_, err := e.stack.Up(ctx, append(options, optup.EventStreams(stream), optup.SuppressProgress())...)
		return err
	})
	if err == nil {
		result.Outputs, err = e.Outputs()
	}
	return result, err
}

// Preview plans an update and changes nothing.
func (e *Engine) Preview(ctx context.Context, options ...optpreview.Option) (*Result, error) {
	return e.run(func(stream chan events.EngineEvent) error {
		_, err := e.stack.Preview(ctx, append(options, optpreview.EventStreams(stream), optpreview.SuppressProgress())...)
		return err
	})
}

// UpWith deploys the stack with its file's object waybill:customer changed.
func (e *Engine) UpWith(ctx context.Context, change func(customer map[string]any)) (result *Result, err error) {
	err = e.changed(change, func(file string) error {
		result, err = e.Up(ctx, optup.ConfigFile(file))
		return err
	})
	return result, err
}

// PreviewWith previews the stack with that object changed.
func (e *Engine) PreviewWith(ctx context.Context, change func(customer map[string]any)) (result *Result, err error) {
	err = e.changed(change, func(file string) error {
		result, err = e.Preview(ctx, optpreview.ConfigFile(file))
		return err
	})
	return result, err
}

// changed runs with a changed copy of the stack's file.
func (e *Engine) changed(change func(customer map[string]any), run func(file string) error) (err error) {
	dir := e.stack.Workspace().WorkDir()
	text, err := os.ReadFile(filepath.Join(dir, "Pulumi."+e.stack.Name()+".yaml"))
	if err == nil {
		text, err = edited(text, change)
	}
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	file := filepath.Join(dir, "changed.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil { //nolint:gosec // the state directory is the caller's
		return fmt.Errorf("engine: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	return run(file)
}

// Refresh reads the clouds into the stack's state.
func (e *Engine) Refresh(ctx context.Context, options ...optrefresh.Option) (*Result, error) {
	return e.run(func(stream chan events.EngineEvent) error {
		_, err := e.stack.Refresh(ctx, append(options, optrefresh.EventStreams(stream), optrefresh.SuppressProgress())...)
		return err
	})
}

// Destroy deletes what the stack made.
func (e *Engine) Destroy(ctx context.Context, options ...optdestroy.Option) (*Result, error) {
	return e.run(func(stream chan events.EngineEvent) error {
		_, err := e.stack.Destroy(ctx, append(options, optdestroy.EventStreams(stream), optdestroy.SuppressProgress())...)
		return err
	})
}

// Outputs of the stack as it was last deployed; none where it never was, or
// was destroyed. Secret ones are "[secret]".
func (e *Engine) Outputs() (map[string]any, error) {
	resources, err := Deployed(e.state, e.stack.Name())
	if err != nil {
		return nil, err
	}
	for _, r := range resources {
		if r.Type == resource.RootStackType {
			return shown(r.Outputs), nil
		}
	}
	return map[string]any{}, nil
}

// Result is what an operation did.
type Result struct {
	steps.Result
	// Outputs of the stack after an update; secret ones are "[secret]".
	Outputs map[string]any
}

// providersVersion is what the engine says of a Kubernetes provider that was
// built or found on PATH; the sandbox has said which one it uses.
var providersVersion = regexp.MustCompile(`using pulumi-resource-kubernetes from |resource plugin kubernetes is expected to have version`)

func (e *Engine) run(operation func(chan events.EngineEvent) error) (*Result, error) {
	collected, err := steps.Collect(operation, e.observe)
	result := &Result{Result: *collected}
	result.Warnings = slices.DeleteFunc(result.Warnings, providersVersion.MatchString)
	if err != nil {
		// The raw error of the Automation API repeats the whole output.
		return result, cmp.Or(result.Err(), fmt.Errorf("engine: %w", err))
	}
	return result, nil
}
