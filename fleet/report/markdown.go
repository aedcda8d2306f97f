package report

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// marker is the first line of the Markdown, by which a workflow finds the
// comment that it wrote before and replaces it. Each shard has one of its own:
// runners that share the work do not overwrite each other's comment.
func (r *Report) marker() string {
	if r.Shard == "" {
		return "<!-- waybill-fleet -->"
	}
	return "<!-- waybill-fleet " + r.Shard + " -->"
}

// most is how long the Markdown may become. GitHub refuses a comment of more
// than 65,536 characters; a workflow may add words of its own.
const most = 60_000

// WriteMarkdown writes a comment for a pull request: what failed first, then
// what changed with its resources, then how many stacks did not. Where it would
// be too long for a comment, details are left out, never a stack.
func (r *Report) WriteMarkdown(out io.Writer) error {
	_, err := io.WriteString(out, r.markdown(most))
	return err
}

func (r *Report) markdown(most int) string {
	var head, tail strings.Builder
	title := "Fleet " + r.Command
	if r.Shard != "" {
		title += ", shard " + r.Shard
	}
	fmt.Fprintf(&head, "%s\n## %s: %s\n", r.marker(), title, r.Summary)
	failed, stopped := r.with(Failed), r.with(Interrupted, NotStarted)
	changed := r.with(Changed, New)
	var details []string
	if len(failed) > 0 {
		fmt.Fprint(&head, "\n### Failed\n\n")
		markdownTable(&head, failed)
		for _, row := range failed {
			details = append(details, why(row))
		}
	}
	if len(stopped) > 0 {
		fmt.Fprint(&head, "\n### Not done\n\n")
		markdownTable(&head, stopped)
		for _, row := range stopped {
			if len(row.Errors) > 0 {
				details = append(details, why(row))
			}
		}
	}
	if len(changed) > 0 {
		fmt.Fprint(&head, "\n### Changed\n\n")
		markdownTable(&head, changed)
		for _, row := range changed {
			details = append(details, resources(row))
		}
	}
	if n := r.Summary.Unchanged + r.Summary.NotDeployed; n > 0 {
		fmt.Fprintf(&tail, "\n%s.\n", Summary{Unchanged: r.Summary.Unchanged, NotDeployed: r.Summary.NotDeployed})
	}
	left := most - head.Len() - tail.Len() - 200 // the last line
	for i, detail := range details {
		if len(detail) > left {
			fmt.Fprintf(&head, "\nThe details of %d more stacks are left out: a comment has no room for them.\n", len(details)-i)
			break
		}
		head.WriteString(detail)
		left -= len(detail)
	}
	return head.String() + tail.String()
}

func markdownTable(out *strings.Builder, rows []*Row) {
	fmt.Fprintln(out, "| customer | platform | create | update | replace | delete | status | time |")
	fmt.Fprintln(out, "|---|---|--:|--:|--:|--:|---|--:|")
	for _, row := range rows {
		fmt.Fprintf(out, "| %s | %s | %d | %d | %d | %d | %s | %s |\n", escaped(row.name()), escaped(row.Platform),
			row.Create, row.Update, row.Replace, row.Delete, row.Status, row.took())
	}
}

// why is what went wrong with one stack.
func why(row *Row) string {
	return fmt.Sprintf("\n<details open><summary>%s: why</summary>\n\n%s\n</details>\n", escaped(row.name()), fenced(row.Errors))
}

// resources is the folded list of what changes in one stack.
func resources(row *Row) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n<details><summary>%s: %d resources</summary>\n\n", escaped(row.name()), len(row.Resources))
	fmt.Fprint(&out, "| operation | type | name | properties |\n|---|---|---|---|\n")
	for _, resource := range row.Resources {
		properties := make([]string, 0, len(resource.Properties))
		for _, path := range resource.Properties {
			properties = append(properties, escaped(path))
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", resource.Operation, escaped(resource.Type), escaped(resource.Name), strings.Join(properties, ", "))
	}
	fmt.Fprint(&out, "\n</details>\n")
	return out.String()
}

// markdownMarks are what Markdown would take for its own in a line of text.
var markdownMarks = strings.NewReplacer("\\", "\\\\", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]",
	"#", "\\#", "~", "\\~", "@", "@<!-- -->")

// escaped shows a text as it is, in one line of a table, and mentions nobody.
func escaped(text string) string { return markdownMarks.Replace(html.EscapeString(plain(text))) }

// fenced shows lines as they are, whatever backquotes they hold.
func fenced(lines []string) string {
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	shown := make([]string, 0, len(lines))
	for _, line := range lines {
		shown = append(shown, plain(line))
	}
	return fence + "\n" + strings.Join(shown, "\n") + "\n" + fence + "\n"
}
