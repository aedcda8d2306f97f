package rehearsal

import (
	"context"
	"fmt"
	"strings"

	"waybill.example/waybill/sandbox/oidc"
)

// Diagram is what was deployed as a Mermaid flowchart: for each environment who
// stands on its chain, and for each hop what the one shows to the other. Issuer,
// subject and audience are those of real tokens, the cluster's and Entra's,
// taken for this.
func (r *Rehearsal) Diagram(ctx context.Context) (string, error) {
	f := &flowchart{}
	for _, w := range r.ways {
		f.environment = w.base().environment
		if err := w.draw(ctx, f); err != nil {
			return "", w.base().explain(err)
		}
	}
	if err := drawWorkloads(ctx, f, r.workloads); err != nil {
		return "", err
	}
	return f.String(), nil
}

// drawn are the lines that a verifier reads of the token a walk starts with.
func (c *chain) drawn(ctx context.Context) ([]string, error) {
	text, err := c.subjectToken(ctx, start{})
	if err != nil {
		return nil, err
	}
	t, err := parse(text)
	if err != nil {
		return nil, err
	}
	return tokenLines(t), nil
}

// drawPull draws the last two hops: the kubelet reads the pull secret and pulls.
func (c *chain) drawPull(f *flowchart) {
	f.edge("secret", "kubelet", hopSecret, "credentials for "+c.registry)
	f.edge("kubelet", "registry", hopRegistry, "pulls "+c.image)
}

// drawCustomer draws whom every chain with a refresher has on the customer's
// side, and those between them; the group is left open.
func (c *chain) drawCustomer(f *flowchart, title string, between func()) {
	f.group("customer", "Customer", title)
	f.node("refresher", "refresher", "ServiceAccount "+c.namespace+"/"+c.account)
	between()
	f.node("secret", "pull secret", c.namespace+"/"+c.secret)
	f.node("kubelet", "kubelet", "Deployment "+c.namespace+"/"+c.deployment.Name)
	f.end()
}

// tokenLines are what a verifier reads of a token.
func tokenLines(t *oidc.Token) []string {
	return []string{"issuer " + t.Claims.Text("iss"), "subject " + t.Claims.Text("sub"), "audience " + strings.Join(t.Claims.Audiences(), " ")}
}

// flowchart writes Mermaid. https://mermaid.js.org/syntax/flowchart.html
type flowchart struct {
	// environment tells what is drawn from what was drawn for another; empty for
	// the environment "default".
	environment string
	text        strings.Builder
	indent      string
}

// id is an ID of the environment's own.
func (f *flowchart) id(name string) string {
	if f.environment == "" {
		return name
	}
	return name + "_" + strings.ReplaceAll(f.environment, "-", "_")
}

func (f *flowchart) group(id, party, title string) {
	if f.environment != "" {
		party += ", environment " + f.environment
	}
	f.line("subgraph %s[%s]", f.id(id), label(party+": "+title))
	f.indent = "  "
}

func (f *flowchart) end() {
	f.indent = ""
	f.line("end")
}

func (f *flowchart) node(id string, lines ...string) { f.line("%s[%s]", f.id(id), label(lines...)) }

func (f *flowchart) edge(from, to, hop string, lines ...string) {
	f.line("%s -->|%s| %s", f.id(from), label(append([]string{hop}, lines...)...), f.id(to))
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

func (a *amazon) draw(ctx context.Context, f *flowchart) error {
	customer := "account " + a.home.Account + ", " + a.home.Region
	if a.vendorRole() {
		customer = "cluster " + a.cluster.Context
	}
	switch {
	case a.refreshes():
		return a.drawRefresher(ctx, f, customer)
	case a.onECS():
		a.drawTask(f, customer)
	default:
		f.group("customer", "Customer", customer)
		f.node("kubelet", "kubelet", "Deployment "+a.namespace+"/"+a.deployment.Name, "node's role "+a.roleARN)
		f.end()
		a.drawVendor(f, "kubelet")
	}
	return nil
}

// drawVendor draws the vendor's side, and what the one who pulls asks of it.
func (a *amazon) drawVendor(f *flowchart, puller string) {
	f.group("vendor", "Vendor", "account "+a.vendor.Account+", "+a.vendor.Region)
	if !a.refreshes() {
		f.node("ecr", "ECR", "api.ecr."+a.vendor.Region+"."+a.vendor.Partition().Suffix)
	}
	if a.vendorRole() {
		a.drawRole(f)
	}
	f.node("registry", "ECR repository", a.registry+"/"+a.chain.repository)
	f.end()
	if !a.refreshes() {
		f.edge(puller, "ecr", hopECR, "principal "+a.roleARN)
	}
	f.edge(puller, "registry", hopRegistry, "pulls "+a.image)
}

// drawTask draws the customer's side on ECS.
func (a *amazon) drawTask(f *flowchart, customer string) {
	f.group("customer", "Customer", customer)
	f.node("service", "service", a.service)
	f.node("agent", "agent", "execution role "+a.roleARN)
	f.node("logs", "log group", a.logGroup)
	f.end()
	f.edge("service", "agent", hopExecution, "principal ecs-tasks.amazonaws.com")
	a.drawVendor(f, "agent")
	f.edge("agent", "logs", hopLogs, "principal "+a.roleARN)
}

// drawRole draws whom the refresher asks for the role, and the role, on the side of
// their account.
func (a *amazon) drawRole(f *flowchart) {
	trust := []string{"AWS STS", "sts." + a.home.Region + "." + a.home.Partition().Suffix}
	if a.podIdentity() {
		trust = []string{"EKS Pod Identity", a.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"]}
	}
	f.node("issuer", trust...)
	f.node("role", "IAM role", a.roleARN)
}

// drawRefresher draws the customer's side where a refresher walks, with the
// issuer, subject and audience of a token that the cluster gives for this.
func (a *amazon) drawRefresher(ctx context.Context, f *flowchart, customer string) error {
	token, err := a.drawn(ctx)
	if err != nil {
		return err
	}
	a.drawCustomer(f, customer, func() {
		if !a.vendorRole() {
			a.drawRole(f)
		}
	})
	f.edge("refresher", "issuer", hopKubernetes, token...)
	f.edge("issuer", "role", hopSTS, "principal "+a.roleARN)
	f.edge("role", "secret", hopECR, "authorization token of "+a.vendor.Region)
	f.edge("secret", "kubelet", hopSecret, "credentials for "+a.registry)
	a.drawVendor(f, "kubelet")
	return nil
}
