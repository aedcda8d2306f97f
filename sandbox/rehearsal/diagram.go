package rehearsal

import (
	"context"
	"fmt"
	"strings"
)

// Diagram is the deployed chain as a Mermaid flowchart: who stands on it, and
// for each hop what the one shows to the other. Issuer, subject and audience
// are those of real tokens, the cluster's and Entra's, taken for this.
func (r *Rehearsal) Diagram(ctx context.Context) (string, error) {
	if r.amazon != nil {
		return r.amazon.diagram(ctx)
	}
	c := r.chain
	text, err := r.accountToken(ctx, c.namespace, c.account, c.audience)
	if err != nil {
		return "", err
	}
	cluster, err := parse(text)
	if err != nil {
		return "", err
	}
	if text, err = r.entraToken(ctx, variation{}); err != nil {
		return "", fmt.Errorf("rehearsal: %w", err)
	}
	entra, err := parse(text)
	if err != nil {
		return "", err
	}
	project, _, _ := strings.Cut(c.repository, "/")
	pool := fmt.Sprintf("iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s", c.projectNumber, c.pool)
	subject := claim(entra, "sub")

	f := &flowchart{}
	f.group("customer", "Customer: cluster, Entra tenant "+c.tenantID)
	f.node("refresher", "refresher", "ServiceAccount "+c.namespace+"/"+c.account)
	f.node("identity", "managed identity", "client "+c.clientID, "principal "+c.principalID)
	f.node("secret", "pull secret", c.namespace+"/"+c.secret)
	f.node("kubelet", "kubelet", "Deployment "+c.namespace+"/"+c.deployment.Name)
	f.end()
	f.group("vendor", "Vendor: project "+project+" ("+c.projectNumber+")")
	f.node("provider", "workload identity provider", c.pool+"/"+c.provider)
	f.node("account", "service account", c.recipient)
	f.node("registry", "Artifact Registry", c.registry+"/"+c.repository)
	f.end()
	f.edge("refresher", "identity", "kubernetes", tokenLines(cluster)...)
	f.edge("identity", "provider", "entra", tokenLines(entra)...)
	f.edge("provider", "account", "sts",
		"audience //"+pool+"/providers/"+c.provider, "principal principal://"+pool+"/subject/"+subject)
	f.edge("account", "secret", "iam", "access token of "+c.recipient)
	f.edge("secret", "kubelet", "secret", "credentials for "+c.registry)
	f.edge("kubelet", "registry", "registry", "pulls "+c.image)
	return f.String(), nil
}

// tokenLines are what a verifier reads of a token.
func tokenLines(t *token) []string {
	return []string{"issuer " + claim(t, "iss"), "subject " + claim(t, "sub"), "audience " + claim(t, "aud")}
}

// claim is a claim as text; several audiences are joined.
func claim(t *token, name string) string {
	switch value := t.claims[name].(type) {
	case string:
		return value
	case []any:
		parts := make([]string, 0, len(value))
		for _, part := range value {
			parts = append(parts, fmt.Sprint(part))
		}
		return strings.Join(parts, " ")
	default:
		return ""
	}
}

// flowchart writes Mermaid. https://mermaid.js.org/syntax/flowchart.html
type flowchart struct {
	text   strings.Builder
	indent string
}

func (f *flowchart) group(id, title string) {
	f.line("subgraph %s[%s]", id, label(title))
	f.indent = "  "
}

func (f *flowchart) end() {
	f.indent = ""
	f.line("end")
}

func (f *flowchart) node(id string, lines ...string) { f.line("%s[%s]", id, label(lines...)) }

func (f *flowchart) edge(from, to, hop string, lines ...string) {
	f.line("%s -->|%s| %s", from, label(append([]string{hop}, lines...)...), to)
}

func (f *flowchart) line(format string, values ...any) {
	fmt.Fprintf(&f.text, "  "+f.indent+format+"\n", values...)
}

func (f *flowchart) String() string { return "flowchart LR\n" + f.text.String() }

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
