package mutants

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// grace is how long an interrupted process may take to end.
const grace = time.Minute

// workshop is the folder of one mutant, or of none: the changed file, what is built of
// it, the state.
type workshop struct{ root, dir string }

func (w workshop) path(name string) string { return filepath.Join(w.dir, name) }
func (w workshop) overlay() string         { return w.path("overlay.json") }

// build builds what the mutant is a part of, the program or the refresher's image, and
// gives the option by which the sandbox runs it.
func (w workshop) build(ctx context.Context, m Mutant) (option []string, err error) {
	text, err := m.Mutated(w.root)
	if err != nil {
		return nil, err
	}
	changed, program, image := w.path("changed.go"), w.path("program"), w.path("image")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(w.root, m.File): changed}})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.WriteFile(changed, text, 0o600), os.WriteFile(w.overlay(), overlay, 0o600)); err != nil {
		return nil, err
	}
	if m.module() != refresher {
		return []string{"--program", program}, w.run(ctx, "go", append([]string{"build", "-o", program}, w.flags()...)...)
	}
	// The fault may be in the image's builder, which gets the overlay, or in the source
	// that it builds, which is a copy.
	if err := os.CopyFS(w.path(refresher), os.DirFS(filepath.Join(w.root, refresher))); err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.path(m.File), text, 0o600); err != nil {
		return nil, err
	}
	return []string{"--refresher", image}, w.run(ctx, "go", "run", "-C", refresher, "-overlay", w.overlay(), "./cmd/image", "--version", "0.0.0-mutant",
		"--source", w.path(refresher), "--platforms", "linux/"+runtime.GOARCH, "--output", image)
}

// flags build what is run once, and need not be fast, in two thirds of the time.
func (w workshop) flags() []string {
	return []string{"-overlay", w.overlay(), "-gcflags", "waybill.example/waybill/...=-N -l", "-ldflags", "-s -w"}
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
	if w.run(ctx, "go", slices.Concat([]string{"test", "-C", module, "-vet=off"}, w.flags(), arguments)...) != nil {
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
	c := exec.CommandContext(ctx, name, arguments...)
	c.Dir, c.WaitDelay = dir, grace
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	return c
}

//go:embed mutants.yaml
var table []byte

// Mutant is one fault, and who has to notice it.
type Mutant struct {
	// Name says what the fault does, in words with hyphens; no other has it.
	Name string `json:"name"`
	// Kind is what is wrong: condition, schedule, order. The test lists them.
	Kind string `json:"kind"`
	// File is the path of a file in the project. Old occurs in it once, and becomes New.
	File string `json:"file"`
	Old  string `json:"old"`
	New  string `json:"new"`
	// Stack is the one whose `up` has to refuse the fault.
	Stack string `json:"stack"`
	// Notice says where: engine, hop NAME, or case and what it tries.
	Notice string `json:"notice"`
	// Reason excuses a mutant that survives: it changes nothing that a cloud or a
	// cluster does.
	Reason string `json:"reason,omitempty"`
}

// Table is every mutant, in the order of the table.
func Table() ([]Mutant, error) {
	var all []Mutant
	if err := yaml.UnmarshalStrict(table, &all); err != nil {
		return nil, fmt.Errorf("mutants.yaml: %w", err)
	}
	return all, nil
}

// Mutated is the text of the mutant's file with the fault in it.
func (m Mutant) Mutated(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, fmt.Errorf("mutant %s: %w", m.Name, err)
	}
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("mutant %s: old occurs %d times in %s: want it once", m.Name, n, m.File)
	}
	return bytes.Replace(text, []byte(m.Old), []byte(m.New), 1), nil
}
