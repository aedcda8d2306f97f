package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/pullsecret"
	"waybill.example/waybill/refresher/internal/settings"
)

// logger writes JSON lines to standard error, with every text redacted: the last of several nets under the
// secrets.
func (p *Program) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(p.Stderr, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch value := a.Value.Any().(type) {
			case string:
				return slog.String(a.Key, p.secrets.Text(value))
			case error:
				return slog.String(a.Key, p.secrets.Text(value.Error()))
			case []string:
				redacted := make([]string, len(value))
				for i, text := range value {
					redacted[i] = p.secrets.Text(text)
				}
				return slog.Any(a.Key, redacted)
			default:
				return a
			}
		},
	}))
}

func (p *Program) refreshCommand() *cobra.Command {
	var requireImages bool
	command := &cobra.Command{
		Use:   "refresh",
		Short: "Walk the chain, try the token on the product's images, write the pull secret",
		Long: "Refresh walks the chain, tries the new token on the product's images and patches the pull secret.\n" +
			"It writes one JSON line per hop to standard error, and a failure's reason to the pod's termination message.\n" +
			"If the registry does not have an image, the token is still good, and refresh writes it.",
		Example: "  refresher refresh --require-images",
		Args:    cobra.NoArgs,
		Run:     func(c *cobra.Command, _ []string) { p.code = p.refresh(c.Context(), requireImages) },
	}
	command.Flags().BoolVar(&requireImages, "require-images", false,
		fmt.Sprintf("write the token, then exit with %d if an image is not in the registry", fault.ExitMissing))
	return command
}

// refresh walks and writes.
func (p *Program) refresh(ctx context.Context, requireImages bool) int {
	begin := time.Now()
	logger := p.logger()
	// Kubernetes' client logs through klog, which would otherwise write lines of its own form.
	klog.SetSlogLogger(logger)
	s, err := settings.Load(p.Lookup)
	if err != nil {
		return p.refuse(settings.AsProblems(err))
	}
	secret := p.secret(s, false)
	limited, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	outcome, f := p.walk(s, secret, func(step chain.Step) { logStep(logger, step) }).Run(limited)
	attrs := []any{"secret", s.PullSecrets(), "images", s.Names(), "duration", since(begin)}
	if f != nil {
		attrs = append(attrs, "hop", string(f.Hop), "exit", f.ExitCode())
		if f.Overdue {
			attrs = append(attrs, "deadline", s.Deadline.String())
		}
		logger.Error("not refreshed", attrs...)
		p.terminate(failure(f, s))
		if f.Hop != fault.HopSecret {
			p.annotate(ctx, secret, f)
		}
		return f.ExitCode()
	}
	exit := fault.ExitOK
	var lines []string
	for _, image := range outcome.Missing {
		line := missing(image, requireImages)
		logger.Warn("missing", "image", image, "remedy", line)
		lines = append(lines, line)
	}
	if len(lines) > 0 && requireImages {
		exit = fault.ExitMissing
	}
	p.terminate(lines)
	logger.Info("refreshed", append(attrs, "expires", outcome.Credential.Expires.Format(time.RFC3339), "exit", exit)...)
	return exit
}

// annotateTime is how long a failed run may take to say so on the secret, be it out of time or not.
const annotateTime = 5 * time.Second

// annotate says on the secret what ended the run. That it could not changes nothing.
func (p *Program) annotate(ctx context.Context, secret pullsecret.Secret, f *fault.Fault) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), annotateTime)
	defer cancel()
	if err := secret.Annotate(ctx, f); err != nil {
		p.logger().Warn("the secret is not annotated with the failure", "error", err)
	}
}

// refuse reports a configuration that is not acted on.
func (p *Program) refuse(problems settings.Problems) int {
	p.logger().Error("refused", "problems", []string(problems), "exit", fault.ExitRefused)
	p.terminate(refused(problems))
	return fault.ExitRefused
}

// logStep writes the line of one hop.
func logStep(logger *slog.Logger, step chain.Step) {
	attrs := []any{
		"hop", string(step.Hop),
		"ok", step.Fault == nil,
		"duration", step.Took.Round(time.Millisecond).String(),
		"attempts", step.Attempts,
	}
	for _, pair := range [][2]string{
		{"issuer", step.Issuer}, {"subject", step.Subject}, {"audience", step.Audience}, {"expires", stamp(step.Expires)},
	} {
		if pair[1] != "" {
			attrs = append(attrs, pair[0], pair[1])
		}
	}
	if len(step.Missing) > 0 {
		attrs = append(attrs, "missing", step.Missing)
	}
	if step.Fault == nil {
		logger.Info("hop", attrs...)
		return
	}
	logger.Error("hop", append(attrs, faultAttrs(step.Fault)...)...)
}

func faultAttrs(f *fault.Fault) []any {
	attrs := []any{"error", f.Words, "cause", f.Cause}
	if f.Do != "" {
		attrs = append(attrs, "remedy", f.Do)
	}
	if f.Status != 0 {
		attrs = append(attrs, "status", f.Status)
	}
	if f.Image != "" {
		attrs = append(attrs, "image", f.Image)
	}
	if f.Overdue {
		attrs = append(attrs, "overdue", true)
	}
	if f.Claims != nil {
		attrs = append(attrs, "claims", *f.Claims)
	}
	return attrs
}

func since(begin time.Time) string {
	return time.Since(begin).Round(time.Millisecond).String()
}

// stamp writes a time as RFC 3339 in UTC, and nothing for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
