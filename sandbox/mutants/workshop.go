package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// grace is how long an interrupted process may take to end.
const grace = time.Minute

// workshop is the folder of one mutant, or of none: the tools, the changed file, the state.
type workshop struct{ root, dir string }

func (w workshop) path(name ...string) string {
	return filepath.Join(append([]string{w.dir}, name...)...)
}

// open links to all that `make tools` built.
func (w workshop) open() error {
	if err := os.MkdirAll(w.path("tools", "bin"), 0o750); err != nil {
		return err
	}
	for _, folder := range []string{"", "bin"} {
		built, err := filepath.Glob(filepath.Join(w.root, ".build", folder, "*"))
		if err != nil {
			return err
		}
		for _, tool := range built {
			if err := os.Symlink(tool, w.path("tools", folder, filepath.Base(tool))); err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
	}
	return nil
}

// build makes the one tool anew that the mutant is a part of: the refresher's image, or
// the sandbox, which holds the program.
func (w workshop) build(ctx context.Context, m Mutant) error {
	text, err := m.Mutated(w.root)
	if err != nil {
		return err
	}
	changed := w.path("changed.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(w.root, m.File): changed}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(changed, text, 0o600), os.WriteFile(w.path("overlay.json"), overlay, 0o600)); err != nil {
		return err
	}
	if m.module() != refresher {
		tool := w.path("tools", "bin", "sandbox")
		return errors.Join(os.Remove(tool), w.run(ctx, "go", "build", "-C", "sandbox", "-overlay", w.path("overlay.json"), "-o", tool, "./cmd/sandbox"))
	}
	// The image's builder knows no overlay, but builds another source.
	if err := os.CopyFS(w.path(refresher), os.DirFS(filepath.Join(w.root, refresher))); err != nil {
		return err
	}
	image := w.path("tools", "refresher-image")
	return errors.Join(os.Remove(image), os.WriteFile(w.path(m.File), text, 0o600),
		w.run(ctx, "go", "run", "-C", refresher, "./cmd/image", "--version", "0.0.0-mutant",
			"--source", w.path(refresher), "--platforms", "linux/"+runtime.GOARCH, "--output", image))
}

const refresher = "refresher"

// module is the folder of the mutant's module.
func (m Mutant) module() string {
	if strings.HasPrefix(m.File, refresher+"/") {
		return refresher
	}
	return "."
}

// packages are those whose tests are about the mutant's file.
func (m Mutant) packages() string {
	folder, _, _ := strings.Cut(strings.TrimPrefix(filepath.Dir(m.File), refresher+"/"), "/internal/")
	return "./" + folder + "/..."
}

// test says whether tests notice the mutant.
func (w workshop) test(ctx context.Context, module string, arguments ...string) string {
	if w.run(ctx, "go", append([]string{"test", "-C", module, "-overlay", w.path("overlay.json")}, arguments...)...) != nil {
		return "notice"
	}
	return "pass"
}

// run runs a command in the project's folder.
func (w workshop) run(ctx context.Context, name string, arguments ...string) error {
	output, err := command(ctx, w.root, name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, arguments[0], err, strings.TrimSpace(string(output)))
	}
	return nil
}

// command is a process that is interrupted, and not killed, when the context ends: it
// clears up what it made.
func command(ctx context.Context, dir, name string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, arguments...) //nolint:gosec // the go command, and the sandbox that it built
	c.Dir, c.WaitDelay = dir, grace
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	return c
}
