package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteJSON writes the report as one document.
func (r *Report) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteTable writes a line for each stack, then what failed, then the counts.
func (r *Report) WriteTable(out io.Writer) error {
	// A write that fails is reported once, by the last.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CUSTOMER\tPLATFORM\tCREATE\tUPDATE\tREPLACE\tDELETE\tSTATUS\tTIME")
	for i := range r.Stacks {
		row := &r.Stacks[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(row.name()), plain(row.Platform),
			count(row.Create), count(row.Update), count(row.Replace), count(row.Delete), row.Status, row.took())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i := range r.Stacks {
		row := &r.Stacks[i]
		if len(row.Errors) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s:\n", plain(row.name()))
		for _, line := range row.Errors {
			fmt.Fprintln(out, " ", plain(line))
		}
	}
	_, err := fmt.Fprintf(out, "\n%s in %s: %s\n", r.Command, time.Duration(r.Seconds*float64(time.Second)).Round(100*time.Millisecond), r.Summary)
	return err
}

// count shows no zero: a table of fifty stacks is read for what changed.
func count(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// plain keeps what a provider says from moving a terminal's cursor.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// String is the counts of the statuses that there are.
func (s Summary) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		word Status
	}{
		{s.Failed, Failed}, {s.Interrupted, Interrupted}, {s.NotStarted, NotStarted},
		{s.Changed, Changed}, {s.New, New}, {s.Unchanged, Unchanged}, {s.NotDeployed, NotDeployed},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if len(parts) == 0 {
		return "no stack"
	}
	return strings.Join(parts, ", ")
}
