package mutants

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

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
