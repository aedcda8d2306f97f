// Package cli is the refresher's command line: it turns arguments and environment into a walk, the walk into
// lines, and the outcome into an exit code.
//
// Cobra parses the arguments: its help pages and its messages about mistyped commands are what an operator
// meets first.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"waybill.example/waybill/refresher/internal/amazon"
	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/google"
	"waybill.example/waybill/refresher/internal/pullsecret"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/registry"
	"waybill.example/waybill/refresher/internal/retry"
	"waybill.example/waybill/refresher/internal/settings"
	"waybill.example/waybill/refresher/internal/subject"
)

// long is the help's text: what the program does, and the exit codes.
func long() string {
	var b strings.Builder
	b.WriteString(`Refresher walks the chain from this pod's ServiceAccount token to the vendor's registry
and writes the pull secret that the kubelet pulls with.

Its configuration is the pod's environment; it has no setting for a URL.
Network: HTTPS_PROXY and SSL_CERT_FILE are honoured.

Exit codes:`)
	for _, exit := range fault.Exits {
		fmt.Fprintf(&b, "\n  %-2d  %-10s  %s", exit.Code, exit.Hop, exit.Meaning)
	}
	return b.String()
}

// Program is one run of the refresher. What it reaches is given from outside, so that it needs no setting for it.
type Program struct {
	Version string
	Lookup  settings.Lookup
	Stdout  io.Writer
	Stderr  io.Writer
	// Transport carries requests to the clouds and the registry. Nil: that of the environment's proxy
	// and authority.
	Transport http.RoundTripper
	// DialAgent connects to the Pod Identity agent's link-local address. Nil: net.Dialer's.
	DialAgent func(ctx context.Context, network, address string) (net.Conn, error)
	// Kubernetes gives the API server and its credential. Nil: rest.InClusterConfig.
	Kubernetes func() (*rest.Config, error)
	// TerminationLog is the file of the pod's termination message, written where it is there and left alone where it
	// is not. Empty: /dev/termination-log, as in
	// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/.
	TerminationLog string
	// Retry shapes the attempts, apart from its Settle, which is a setting. Nil: retry.Default.
	Retry *retry.Policy

	secrets redact.Set
	once    bool // each hop is tried once
	code    int
}

// Run executes args and returns the exit code.
func (p *Program) Run(ctx context.Context, args []string) int {
	if p.DialAgent == nil {
		p.DialAgent = (&net.Dialer{}).DialContext
	}
	if p.Kubernetes == nil {
		p.Kubernetes = rest.InClusterConfig
	}
	if p.TerminationLog == "" {
		p.TerminationLog = "/dev/termination-log"
	}
	p.code = fault.ExitOK
	root := p.command()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		p.refuseArguments(err)
	}
	return p.code
}

func (p *Program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "refresher",
		Short:         "Keep a pull secret fresh",
		Long:          long(),
		Version:       p.Version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			if p.Transport == nil {
				p.Transport, err = transport(p.Lookup)
			}
			return err
		},
		RunE: func(*cobra.Command, []string) error {
			return errors.New("no command: want refresh, explain or subject-token (see --help)")
		},
	}
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.AddCommand(
		p.refreshCommand(),
		p.explainCommand(),
		&cobra.Command{
			Use:   "subject-token",
			Short: "Print the token for Google's token service, as an executable credential source",
			Long: "Subject-token is the command in the mounted credential configuration, which other Google clients run.\n" +
				"It prints one JSON object on standard output, in the form of Google's executable-sourced " +
				"credentials, and nothing else.",
			Args: cobra.NoArgs,
			Run:  func(c *cobra.Command, _ []string) { p.code = p.subjectToken(c.Context()) },
		},
	)
	return root
}

func (p *Program) refuseArguments(err error) {
	var problems settings.Problems
	if !errors.As(err, &problems) {
		problems = settings.Problems{"arguments: " + err.Error()}
	}
	p.code = p.refuse(problems)
}

// source chooses the token source by the kind of trust.
func (p *Program) source(s settings.Settings) chain.Source {
	switch s.Trust {
	case settings.TrustEntra, settings.TrustCluster:
		return p.google(s)
	case settings.TrustIRSA, settings.TrustPodIdentity:
		return p.amazon(s)
	default:
		// Settings refuse any other value before a source is asked for.
		panic("no token source for trust " + string(s.Trust))
	}
}

func (p *Program) google(s settings.Settings) *google.Source {
	return &google.Source{
		Identifiers: s.Google,
		Subject:     p.subject(s),
		Entra:       s.Entra,
		Retry:       p.policy(s),
		Transport:   p.Transport,
		Secrets:     &p.secrets,
	}
}

func (p *Program) amazon(s settings.Settings) *amazon.Source {
	return &amazon.Source{
		Identifiers: *s.Amazon,
		Subject:     p.subject(s),
		Retry:       p.policy(s),
		Transport:   p.Transport,
		// No proxy: HTTP_PROXY does not except link-local addresses by itself, and would be shown the token
		// and the keys in clear.
		Agent:   &http.Transport{DialContext: p.DialAgent, DisableKeepAlives: true},
		Secrets: &p.secrets,
	}
}

func (p *Program) subject(s settings.Settings) subject.File {
	return subject.File{Path: s.SubjectTokenFile, Audience: s.SubjectAudience, Secrets: &p.secrets}
}

func (p *Program) policy(s settings.Settings) retry.Policy {
	policy := retry.Default(s.Propagation)
	if p.Retry != nil {
		policy = *p.Retry
		policy.Settle = s.Propagation
	}
	policy.Once = p.once
	return policy
}

// secret is the pull secret. A dry one asks the API server whether the patch would be admitted, and changes nothing.
func (p *Program) secret(s settings.Settings, dry bool) pullsecret.Secret {
	return pullsecret.Secret{
		Name:         s.SecretName,
		Namespaces:   s.Namespaces,
		Shown:        s.PullSecrets(),
		RegistryHost: s.Registry,
		Images:       s.Names(),
		DryRun:       dry,
		Kubernetes:   p.Kubernetes,
		Secrets:      &p.secrets,
		Logger:       p.logger(),
	}
}

// walk assembles a run that ends at the secret.
func (p *Program) walk(s settings.Settings, secret pullsecret.Secret, report chain.Report) chain.Walk {
	walk := chain.Walk{Source: p.source(s), Write: secret.Apply, Retry: p.policy(s), Report: report}
	for _, image := range s.Images {
		manifest := registry.Manifest{Host: s.Registry, Image: image, Transport: p.Transport, Secrets: &p.secrets}
		walk.Tries = append(walk.Tries, manifest.Open)
	}
	return walk
}
