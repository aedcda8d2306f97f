// Package fault names the hops of the chain and says what went wrong at one: in the cloud's own words, with the likely
// cause, the claims of the refused token, and whether trying again can help.
package fault

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

// wordsLimit bounds the quoted words, in characters. Entra's longest refusals, with trace and correlation
// IDs, stay below it.
const wordsLimit = 800

// wordsRead bounds the words that are looked at, in bytes.
const wordsRead = 16 << 10

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
	Row        string        // of Rows, which explains it; empty where none does, or where no cloud was asked
	Cause      string        // the likely cause, or Unknown
	Do         string        // what to look at or change; may be empty
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
	if f.Do != "" {
		b.WriteString("; " + f.Do)
	}
	return b.String()
}

// ExitCode is the exit code of a walk that ends with the fault, or with none.
func (f *Fault) ExitCode() int {
	switch {
	case f == nil:
		return ExitOK
	case f.Overdue:
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
	if e.Err == nil && e.Status < http.StatusBadRequest && outOfTime(err) {
		// Time ran out before the next request, which says nothing about the answer before it.
		e = wire.Exchange{Err: err}
	}
	f := &Fault{Hop: name, Status: e.Status, RetryAfter: e.RetryAfter}
	var refused *wire.ProxyError
	words := answerWords(e.Body)
	switch {
	case errors.As(e.Err, &refused):
		f.Status = refused.Status
		words = joined(refused.Error(), answerWords(refused.Body))
	case errors.Is(e.Err, wire.ErrLong):
		words = joined(e.Err.Error(), words)
	case e.Err != nil:
		f.Status = 0
		words = networkWords(e.Err)
	case words == "", e.Status < http.StatusBadRequest && !isPage(e.Body):
		words = err.Error()
	}
	words = oneLine(words[:min(len(words), wordsRead)])
	f.Words = redact.Cut(secrets.Text(words), wordsLimit)
	f.explain(speaker(name, e), words)
	return f
}

// outOfTime reports whether a client gave up for its context's end. Some clients keep of that the text alone.
func outOfTime(err error) bool {
	return strings.Contains(err.Error(), context.DeadlineExceeded.Error()) ||
		strings.Contains(err.Error(), context.Canceled.Error())
}

// FromError reads the fault of a hop from an error alone, which is the network's or, where no row knows it, nobody's.
func FromError(name Hop, err error, secrets *redact.Set) *Fault {
	return FromExchange(name, wire.Exchange{Err: err}, err, secrets)
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// networkWords are an error's, with the name that a certificate nobody knows gives for its issuer: it tells whose box
// inspects TLS.
func networkWords(err error) string {
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		return fmt.Sprintf("%v (issued by %q)", err, unverified.UnverifiedCertificates[0].Issuer)
	}
	return err.Error()
}
