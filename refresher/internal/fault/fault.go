// Package fault names the hops of the chain and says what went wrong at one: in the cloud's own words, with the likely
// cause, the claims of the refused token, and whether trying again can help.
package fault

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

// wordsLimit bounds the quoted words, in characters. Entra's longest refusals, with trace and correlation
// IDs, stay below it.
const wordsLimit = 800

// Kind says what trying again can do.
type Kind int

const (
	// Lasting faults stay until somebody changes something. They are not tried again.
	Lasting Kind = iota
	// Settling faults look lasting, and are also what a change that has not reached every server looks like.
	// They are tried again for a short window only.
	Settling
	// Passing faults are the network's or the cloud's. They are tried again until the deadline.
	Passing
)

// Fault is a failed attempt at a hop. It holds no secret: its words went through a redact.Set.
type Fault struct {
	Hop        Hop
	Kind       Kind
	Status     int           // HTTP status; 0 where no answer came
	Words      string        // the cloud's own words, or the client's where it had none
	Cause      string        // the likely cause, and what to look at
	Image      string        // the reference that was tried; empty at every hop but registry
	RetryAfter time.Duration // what the cloud asked to wait; 0 where it did not
	Claims     *Claims       // of the refused token; nil where it is opaque
	Overdue    bool          // the deadline passed, or a signal came, while trying again
}

// Error writes the fault on one line.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(string(f.Hop))
	if f.Overdue {
		b.WriteString(": out of time; last")
	}
	if f.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d", f.Status)
	}
	b.WriteString(": " + f.Words)
	if f.Cause != "" {
		b.WriteString("; likely cause: " + f.Cause)
	}
	return b.String()
}

// ExitCode is the exit code of a walk that ends with the fault.
func (f *Fault) ExitCode() int {
	if f.Overdue {
		return ExitDeadline
	}
	return f.Hop.ExitCode()
}

// New returns a lasting fault that was found here, without asking a cloud.
func New(name Hop, words, cause string) *Fault {
	return &Fault{Hop: name, Words: words, Cause: cause}
}

// FromExchange reads the fault of a hop from the exchange that failed and from the client's error. The words
// are the answer's own where it has some: clients wrap them, translate them, or name the wrong URL.
func FromExchange(name Hop, e wire.Exchange, err error, secrets *redact.Set) *Fault {
	f := &Fault{Hop: name, Status: e.Status, RetryAfter: e.RetryAfter}
	words := answerWords(e.Body)
	switch {
	case e.Err != nil:
		f.Status = 0
		f.Kind, f.Cause = network(e.Err)
		words = e.Err.Error()
	case e.Status >= http.StatusOK && e.Status < http.StatusMultipleChoices:
		// A good status whose body the client could not use. A proxy's log-in page looks like this, and so
		// does a truncated answer.
		f.Kind = Settling
		f.Cause = "the answer is not what the cloud documents: a proxy between the cluster and the cloud may have " +
			"answered instead"
		words = err.Error()
	case e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests ||
		e.Status == http.StatusRequestTimeout:
		f.Kind = Passing
		f.Cause = "the cloud is busy or failing: see its status page"
	}
	if words == "" {
		words = err.Error()
	}
	f.Words = redact.Cut(secrets.Text(oneLine(words)), wordsLimit)
	if f.Cause == "" {
		f.Kind, f.Cause = diagnose(name, e, words)
	}
	return f
}

// FromError reads the fault of a hop from an error alone.
func FromError(name Hop, err error, secrets *redact.Set) *Fault {
	f := &Fault{Hop: name, Words: redact.Cut(secrets.Text(oneLine(err.Error())), wordsLimit)}
	f.Kind, f.Cause = network(err)
	return f
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// network sorts the ways in which no answer comes.
func network(err error) (Kind, string) {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		dns      *net.DNSError
	)
	switch {
	case errors.Is(err, wire.ErrHost):
		return Lasting, "an answer sent the refresher to a host that is no part of the chain: something on the way " +
			"answers in the cloud's place"
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &hostname):
		return Lasting, "a proxy on the way may replace the certificate (name its authority in SSL_CERT_FILE), or " +
			"the node's clock is wrong"
	case errors.As(err, &dns) && dns.IsNotFound:
		return Settling, "the name does not resolve from the pod: look at the cluster's DNS and network policy"
	case errors.Is(err, context.DeadlineExceeded):
		return Passing, "no answer in time: look at the egress firewall, HTTPS_PROXY and the network policy (443 " +
			"must be open)"
	default:
		return Passing, "no connection: look at the egress firewall, HTTPS_PROXY and the network policy (443 must " +
			"be open)"
	}
}
