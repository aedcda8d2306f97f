package rehearsal

import (
	"context"
	"net/http"
	"regexp"
	"sync/atomic"

	"waybill.example/waybill/sandbox/network"
)

// atRegistry picks the requests to the vendor's registry.
func (c *chain) atRegistry(r *http.Request) bool { return r.URL.Hostname() == c.registry }

// attacker is a host that nobody may be sent to.
const attacker = "tokens.attacker.example"

// impostors pose as the registry: one has a certificate that nobody signed, one sends
// whoever asks for a manifest to another host for a token
// (https://distribution.github.io/distribution/spec/auth/token/). Neither may be shown one.
func (c *chain) impostors() []testCase {
	return []testCase{
		{"a registry whose certificate nobody signed", hopRegistry, regexp.MustCompile(`certificate signed by unknown authority`), func(ctx context.Context) error {
			return c.refusedToken(ctx, func(run func() error) error {
				stop, err := c.Network.Unsigned(c.registry)
				if err != nil {
					return err
				}
				defer stop()
				return run()
			})
		}},
		{"a registry that wants the token shown to another host", hopRegistry, regexp.MustCompile(`want https and one of `), func(ctx context.Context) error {
			var shown atomic.Bool
			defer c.Network.Handle(attacker, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				shown.Store(true)
				w.WriteHeader(http.StatusForbidden)
			}))()
			err := c.refusedToken(ctx, func(run func() error) error {
				defer c.Network.Fault(c.atRegistry, network.Fault{
					Status: http.StatusUnauthorized, Challenge: `Bearer realm="https://` + attacker + `/token",service="registry"`,
				})()
				return run()
			})
			if shown.Load() {
				return allowed("the token was shown to " + attacker)
			}
			return err
		}},
	}
}
