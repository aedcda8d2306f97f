// Package subject reads the projected ServiceAccount token that starts the chain, and checks that it is the one for the chain: the
// kubelet also projects tokens for other audiences, and their refusal by a cloud says less than the file itself.
package subject

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/claims"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/hop"
	"waybill.example/waybill/refresher/internal/redact"
)

const (
	// maxToken bounds the file, in bytes. ServiceAccount tokens are about one kilobyte.
	maxToken = 64 << 10
	// skew is how far the node's clock may run ahead before a token counts as expired here.
	skew = 5 * time.Minute
)

// File is the projected token.
type File struct {
	Path      string
	Audiences []string // one of these must be in the token's aud
	Secrets   *redact.Set
}

// Begin is the hop kubernetes: it reads the token once, so that a missing or wrong file is found before any cloud is asked, and reports
// the hop.
func (f File) Begin(report chain.Report) *fault.Fault {
	begin := time.Now()
	_, c, unread := f.Read()
	step := chain.Step{Hop: hop.Kubernetes, Attempts: 1, Took: time.Since(begin), Fault: unread}
	if unread == nil {
		step.Issuer, step.Subject, step.Audience, step.Expires = c.Issuer, c.Subject, strings.Join(c.Audience, " "), c.Expires
	}
	report(step)

	return unread
}

// Read returns the token, trimmed, and its claims. It is called anew for every exchange, because the kubelet rotates the file.
func (f File) Read() (string, claims.Claims, *fault.Fault) {
	refuse := func(words, cause string) (string, claims.Claims, *fault.Fault) {
		return "", claims.Claims{}, fault.New(hop.Kubernetes, words, cause)
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return refuse(err.Error(), "the pod projects no token there: its volume of type serviceAccountToken is missing or mounted elsewhere")
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return refuse(err.Error(), "the mounted file cannot be read")
	}
	token := strings.TrimSpace(string(data))
	f.Secrets.Add(token)
	if token == "" || len(data) > maxToken {
		return refuse(fmt.Sprintf("%s: %d bytes: want a token of 1 to %d bytes", f.Path, len(data), maxToken), "the mounted file is no projected ServiceAccount token")
	}
	c, err := claims.Parse(token)
	if err != nil {
		return refuse(fmt.Sprintf("%s: %v: want the projected ServiceAccount token", f.Path, err), "the mounted file is no projected ServiceAccount token")
	}
	if !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(f.Audiences, a) }) {
		refused := fault.New(hop.Kubernetes, fmt.Sprintf("audience %q: want %q", strings.Join(c.Audience, " "), f.Audiences[0]), "the volume projects the token for another audience than the chain's: the audience of its serviceAccountToken source")
		refused.Claims = &c

		return "", c, refused
	}
	if !c.Expires.IsZero() && time.Since(c.Expires) > skew {
		refused := fault.New(hop.Kubernetes, "expired at "+c.Expires.Format(time.RFC3339), "the kubelet no longer rotates the file, or the node's clock runs ahead")
		refused.Claims = &c

		return "", c, refused
	}

	return token, c, nil
}
