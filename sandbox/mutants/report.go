package mutants

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

// Result is what became of one mutant.
type Result struct {
	Mutant
	// Place refused it in the sandbox, in these Words; empty where it survived.
	Place string `json:"place"`
	Words string `json:"words"`
	// ComponentTests and Goldens are "notice" or "pass"; empty where they were not asked.
	ComponentTests string `json:"componentTests,omitempty"`
	Goldens        string `json:"goldens,omitempty"`
	// Error is why the mutant could not be tried.
	Error string `json:"error,omitempty"`
}

// The verdicts.
const (
	refused  = "refused"
	excused  = "excused"
	survived = "survived"
	failed   = "failed"
)

// verdict is what became of the mutant, and in the sandbox's words or its own.
func (r Result) verdict() (verdict, words string) {
	switch {
	case r.Error != "":
		return failed, "ERROR: " + r.Error
	case r.Place != "":
		return refused, r.Place + ": " + r.Words
	case r.Reason != "":
		return excused, "survives: " + r.Reason
	}
	return survived, "SURVIVED: want it refused by " + r.Notice
}

// shown is the verdict as a line shows it.
func (r Result) shown() string {
	const most = 110
	verdict, words := r.verdict()
	if text := []rune(words); len(text) > most {
		words = string(text[:most]) + "…"
	}
	if verdict == refused || verdict == excused {
		return "✓ " + words
	}
	return "✗ " + words
}

// line is the mutant's in the progress.
func (r Result) line() string { return fmt.Sprintf("%-48s %-9s %s", r.Name, r.Stack, r.shown()) }

// Report is what became of all.
type Report struct {
	Mutants []Result `json:"mutants"`
	// Counts are by verdict: refused, excused, survived, failed.
	Counts map[string]int `json:"counts"`
	// OK is true where the sandbox refused every mutant that has no excuse.
	OK bool `json:"ok"`
}

func (r *Report) count() {
	r.Counts = map[string]int{refused: 0, excused: 0, survived: 0, failed: 0}
	for _, m := range r.Mutants {
		verdict, _ := m.verdict()
		r.Counts[verdict]++
	}
	r.OK = r.Counts[survived]+r.Counts[failed] == 0
}

// Write shows a table of all mutants, then the counts.
func (r *Report) Write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "mutant\tcomponent tests\tgoldens\tsandbox")
	for _, m := range r.Mutants {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name, cmp.Or(m.ComponentTests, "-"), cmp.Or(m.Goldens, "-"), m.shown())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d mutants: %d refused by the sandbox, %d excused, %d SURVIVED, %d not tried\n",
		len(r.Mutants), r.Counts[refused], r.Counts[excused], r.Counts[survived], r.Counts[failed])
	return err
}
