package rehearsal

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/network"
)

// atRegistry picks the requests to the vendor's registry.
func (c *chain) atRegistry(r *http.Request) bool { return r.URL.Hostname() == c.registry }

// attacker is a host that nobody may be sent to.
const attacker = "tokens.attacker.example"

// impostors pose as a server of the chain: as the registry with a certificate that nobody
// signed, as the registry with the address of another host that gives tokens
// (https://distribution.github.io/distribution/spec/auth/token/), and as the API server.
// The refresher may show its token to none of them.
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
		{"an API server whose certificate the cluster's authority did not sign", hopSecret, regexp.MustCompile(`certificate signed by unknown authority`), c.anotherCluster},
	}
}

// anotherCluster runs the refresher with another authority in place of its cluster's.
func (c *chain) anotherCluster(ctx context.Context) error {
	authority, err := os.ReadFile(c.Network.CAFile())
	if err != nil {
		return err
	}
	log, _, err := c.tampered(ctx, "rehearsal-api-server", func(string) string { return string(authority) }, func(pod *corev1.PodSpec) *string {
		for _, volume := range pod.Volumes {
			if volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				if source.ConfigMap != nil {
					return &source.ConfigMap.Name
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return firstRefusal(log)
}
