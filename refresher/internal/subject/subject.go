// Package subject reads the projected ServiceAccount token that starts the chain, and checks that it is the
// one for the chain: the kubelet also projects tokens for other audiences, and their refusal by a cloud says
// less than the file itself.
package subject

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
)

// skew is how far the node's clock may run ahead before a token counts as expired here.
const skew = 5 * time.Minute

// File is the projected token.
type File struct {
	Path     string
	Audience string // that the token must carry
	Secrets  *redact.Set
}

// Begin is the hop kubernetes: it reads the token once, so that a missing or wrong file is found before any
// cloud is asked, and reports the hop.
func (f File) Begin(report chain.Report) *fault.Fault {
	begin := time.Now()
	_, c, unread := f.Read()
	step := chain.Step{Hop: fault.HopKubernetes, Attempts: 1, Took: time.Since(begin), Fault: unread}
	if unread == nil {
		step.Issuer, step.Subject, step.Audience, step.Expires = c.Issuer, c.Subject, strings.Join(c.Audience, " "), c.Expires
	}
	report(step)
	return unread
}

// Read returns the token, trimmed, and its claims. It is called anew for every exchange, because the kubelet rotates the
// file.
func (f File) Read() (string, fault.Claims, *fault.Fault) {
	refuse := func(words, cause string) (string, fault.Claims, *fault.Fault) {
		return "", fault.Claims{}, fault.New(fault.HopKubernetes, words, cause)
	}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		return refuse(err.Error(), "the pod projects no token there: its serviceAccountToken volume is missing or "+
			"mounted elsewhere")
	}
	token := strings.TrimSpace(string(data))
	f.Secrets.Add(token)
	c, err := fault.ParseClaims(token)
	if err != nil {
		return refuse(fmt.Sprintf("%s: %v: want the projected ServiceAccount token", f.Path, err),
			"the mounted file is no projected ServiceAccount token")
	}
	var refused *fault.Fault
	switch {
	case !slices.Contains(c.Audience, f.Audience):
		refused = fault.New(fault.HopKubernetes, fmt.Sprintf("audience %q: want %q", strings.Join(c.Audience, " "), f.Audience),
			"the volume projects the token for another audience than the chain's: look at its serviceAccountToken "+
				"source")
	case !c.Expires.IsZero() && time.Since(c.Expires) > skew:
		refused = fault.New(fault.HopKubernetes, "expired at "+c.Expires.Format(time.RFC3339),
			"the kubelet no longer rotates the file, or the node's clock runs ahead")
	default:
		return token, c, nil
	}
	refused.Claims = &c
	return "", c, refused
}
