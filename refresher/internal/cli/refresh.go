package cli

import (
	"context"
	"log/slog"
	"time"

	"k8s.io/klog/v2"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
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

// refresh walks and writes.
func (p *Program) refresh(ctx context.Context) int {
	begin := time.Now()
	logger := p.logger()
	// Kubernetes' client logs through klog, which would otherwise write lines of its own form.
	klog.SetSlogLogger(logger)
	s, err := settings.Load(p.Lookup)
	if err != nil {
		logger.Error("refused", "problems", []string(settings.AsProblems(err)), "exit", fault.ExitRefused)
		return fault.ExitRefused
	}
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	credential, f := p.walk(s, false, func(step chain.Step) { logStep(logger, step) }).Run(ctx)
	attrs := []any{"secret", s.Namespace + "/" + s.SecretName, "image", s.Image.String(), "duration", since(begin)}
	if f != nil {
		attrs = append(attrs, "hop", string(f.Hop), "exit", f.ExitCode())
		if f.Overdue {
			attrs = append(attrs, "deadline", s.Deadline.String())
		}
		logger.Error("not refreshed", attrs...)
		return f.ExitCode()
	}
	logger.Info("refreshed", append(attrs, "expires", credential.Expires.Format(time.RFC3339), "exit", fault.ExitOK)...)
	return fault.ExitOK
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
	if step.Fault == nil {
		logger.Info("hop", attrs...)
		return
	}
	logger.Error("hop", append(attrs, faultAttrs(step.Fault)...)...)
}

func faultAttrs(f *fault.Fault) []any {
	attrs := []any{"error", f.Words, "cause", f.Cause}
	if f.Status != 0 {
		attrs = append(attrs, "status", f.Status)
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
