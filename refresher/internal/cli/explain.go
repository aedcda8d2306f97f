package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/settings"
)

// The verdicts of an explanation.
const (
	verdictOK         = "ok"
	verdictRefused    = "refused"
	verdictNotReached = "not reached"
)

// explanation is the JSON form of explain. Its fields are a contract.
type explanation struct {
	Trust    string         `json:"trust,omitempty"`
	Images   []string       `json:"images,omitempty"`
	Missing  []string       `json:"missing,omitempty"` // images that the registry does not hold
	Secret   string         `json:"secret,omitempty"`  // NAMESPACE/NAME, of several joined by ", "
	Hops     []explainedHop `json:"hops"`
	Problems []string       `json:"problems,omitempty"` // of the configuration; then there are no hops
	OK       bool           `json:"ok"`
	Exit     int            `json:"exit"`
}

type explainedHop struct {
	Name     string            `json:"name"`
	Verdict  string            `json:"verdict"`
	Issuer   string            `json:"issuer,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Audience string            `json:"audience,omitempty"`
	Expires  string            `json:"expires,omitempty"` // RFC 3339, UTC
	Missing  []string          `json:"missing,omitempty"` // at the registry: images that it does not hold
	Image    string            `json:"image,omitempty"`   // at the registry: the image that was refused
	Attempts int               `json:"attempts,omitempty"`
	Status   int               `json:"status,omitempty"` // HTTP
	Error    string            `json:"error,omitempty"`
	Cause    string            `json:"cause,omitempty"`
	Remedy   string            `json:"remedy,omitempty"`
	Claims   map[string]string `json:"claims,omitempty"` // of the refused token
}

func (p *Program) explainCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "explain",
		Short: "Walk the chain without writing, and show every hop",
		Long: "Explain walks the chain without writing, and shows every hop's issuer, subject, audience, expiry and " +
			"verdict.\n" +
			"The last hop asks the API server whether it would admit the patch (a server-side dry run).\n" +
			"Each hop is tried once, without waiting for changes to propagate or for the network.",
		Example: "  refresher explain --json",
		Args:    cobra.NoArgs,
		Run:     func(c *cobra.Command, _ []string) { p.code = p.explain(c.Context(), asJSON) },
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

// explain walks without writing.
func (p *Program) explain(ctx context.Context, asJSON bool) int {
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	p.once = true
	e := p.explained(ctx)
	write := e.table
	if asJSON {
		write = e.json
	}
	if err := write(p.Stdout); err != nil {
		p.logger().Error("cannot print the explanation", "error", err)
	}
	return e.Exit
}

func (p *Program) explained(ctx context.Context) explanation {
	s, err := settings.Load(p.Lookup)
	if err != nil {
		problems := settings.AsProblems(err)
		for i := range problems {
			problems[i] = p.secrets.Text(problems[i])
		}
		return explanation{Hops: []explainedHop{}, Problems: problems, Exit: fault.ExitRefused}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	e := explanation{Trust: string(s.Trust), Images: s.Names(), Secret: s.PullSecrets()}
	walk := p.walk(s, p.secret(s, true), func(step chain.Step) { e.Hops = append(e.Hops, p.explainStep(step)) })
	outcome, f := walk.Run(ctx)
	e.Missing = outcome.Missing
	e.OK, e.Exit = f == nil, f.ExitCode()
	for _, name := range walk.Hops()[len(e.Hops):] {
		e.Hops = append(e.Hops, explainedHop{Name: string(name), Verdict: verdictNotReached})
	}
	return e
}

func (p *Program) explainStep(step chain.Step) explainedHop {
	h := explainedHop{
		Name:     string(step.Hop),
		Verdict:  verdictOK,
		Issuer:   p.secrets.Text(step.Issuer),
		Subject:  p.secrets.Text(step.Subject),
		Audience: p.secrets.Text(step.Audience),
		Expires:  stamp(step.Expires),
		Missing:  step.Missing,
		Attempts: step.Attempts,
	}
	if f := step.Fault; f != nil {
		h.Verdict, h.Status, h.Error, h.Cause = verdictRefused, f.Status, p.secrets.Text(f.Words), f.Cause
		h.Image, h.Remedy = f.Image, f.Do
		if f.Claims != nil {
			h.Claims = map[string]string{}
			for _, pair := range f.Claims.Pairs() {
				h.Claims[pair[0]] = p.secrets.Text(pair[1])
			}
		}
	}
	return h
}

func (e explanation) json(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(e) //nolint:gosec // "secret" is the pull secret's name
}

// columns align the table: names and verdicts are short, identifiers are not, so those stand below their hop.
const columns = "%-10s  %-11s  %s\n"

// table writes the explanation for people: a row per hop, what it gave below it, and at the end what a
// refused hop has to say.
func (e explanation) table(w io.Writer) error {
	var b strings.Builder
	if len(e.Problems) > 0 {
		b.WriteString("The configuration is refused; nothing was asked of a cloud:\n")
		for _, problem := range e.Problems {
			b.WriteString("  - " + problem + "\n")
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "trust   %s\n", e.Trust)
	for _, image := range e.Images {
		fmt.Fprintf(&b, "image   %s\n", image)
	}
	fmt.Fprintf(&b, "secret  %s\n\n", e.Secret)
	fmt.Fprintf(&b, columns, "HOP", "VERDICT", "EXPIRES")
	for _, h := range e.Hops {
		h.row(&b)
	}
	for _, h := range e.Hops {
		if h.Verdict == verdictRefused {
			h.details(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (h explainedHop) row(b *strings.Builder) {
	expires := h.Expires
	if expires == "" {
		expires = "-"
	}
	fmt.Fprintf(b, columns, h.Name, h.Verdict, expires)
	for _, pair := range [][2]string{{"issuer", h.Issuer}, {"subject", h.Subject}, {"audience", h.Audience}} {
		if pair[1] != "" {
			fmt.Fprintf(b, "  %-8s  %s\n", pair[0], pair[1])
		}
	}
	for _, image := range h.Missing {
		fmt.Fprintf(b, "  missing   %s\n", image)
	}
}

func (h explainedHop) details(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s refused", h.Name)
	if h.Status != 0 {
		fmt.Fprintf(b, " (HTTP %d)", h.Status)
	}
	fmt.Fprintf(b, "\n  said    %s\n  likely  %s\n", h.Error, h.Cause)
	if h.Remedy != "" {
		fmt.Fprintf(b, "  remedy  %s\n", h.Remedy)
	}
	if h.Image != "" {
		fmt.Fprintf(b, "  image   %s\n", h.Image)
	}
	for _, key := range []string{"iss", "sub", "aud", "azp", "appid", "tid", "exp"} {
		if value, ok := h.Claims[key]; ok {
			fmt.Fprintf(b, "  %-6s  %s\n", key, value)
		}
	}
}
