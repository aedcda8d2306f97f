package rehearsal

import (
	"fmt"
	"strings"
)

// servers are who grants each hop.
var servers = map[string]string{
	hopKubernetes: "API server", hopEntra: "Entra", hopSTS: "STS", hopIAM: "service account", hopECR: "ECR",
	hopExecution: "execution role", hopLogs: "log group", hopSecret: "pull secret", hopRegistry: "registry",
}

// Diagram draws the hops of a walk as a Mermaid flowchart: from a pod of each
// environment to its image, and from one of each workload to its identity. Each
// arrow has what the hop's server saw. https://mermaid.js.org/syntax/flowchart.html
func Diagram(hops []Hop) string {
	var text strings.Builder
	text.WriteString("flowchart LR\n")
	from, environment := "", ""
	for i, hop := range hops {
		if from == "" || hop.Environment != environment || strings.HasPrefix(hop.Detail, ofWorkload) {
			from, environment = fmt.Sprintf("pod%d", i), hop.Environment
			fmt.Fprintf(&text, "  %s[%s]\n", from, label(strings.TrimSpace("pod "+environment)))
		}
		to, saw := fmt.Sprintf("hop%d", i), strings.Split(hop.Detail, ", ")
		fmt.Fprintf(&text, "  %s -->|%s| %s[%s]\n", from, label(append([]string{hop.Name}, saw...)...), to, label(servers[hop.Name]))
		from = to
	}
	return text.String()
}

// entities stand for what would end a quoted label or be read as HTML in it.
// https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
var entities = strings.NewReplacer(`#`, "#35;", `"`, "#quot;", `&`, "#amp;", `<`, "#lt;", `>`, "#gt;", "`", "#96;", "\n", " ")

// label is a quoted label of one or more lines.
func label(lines ...string) string {
	escaped := make([]string, 0, len(lines))
	for _, line := range lines {
		escaped = append(escaped, entities.Replace(line))
	}
	return `"` + strings.Join(escaped, "<br/>") + `"`
}
