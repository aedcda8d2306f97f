// Package wire is the only way from the refresher to a cloud: a round tripper that refuses every host but the
// chain's own, and remembers what was asked and answered.
//
// Remembering is what tells the hops apart: Google's client library walks two of them in one call, and its
// error for the first names the URL of the second (docs/facts.md §9).
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"waybill.example/waybill/refresher/internal/redact"
)

// maxAnswer bounds what is read of one answer, in bytes. Tokens and refusals are a few kilobytes.
const maxAnswer = 1 << 20

// ErrHost is wrapped by the error for a request to a host outside the chain, and ErrLong by the one for an answer that is
// longer than any of the chain's.
var (
	ErrHost = errors.New("host outside the chain")
	ErrLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
)

// Exchange is one request and what became of it.
type Exchange struct {
	Host       string        // without port
	Path       string        // without query
	Method     string        // as sent
	Status     int           // HTTP status; 0 where no answer came
	RetryAfter time.Duration // what the answer asked to wait; 0 where it did not
	Body       []byte        // of the answer, up to one MiB; may hold secrets: redact before showing
	Err        error         // why no answer came
	Took       time.Duration // from sending to the end of the answer
}

// Recorder is an http.RoundTripper over another one. It is safe for concurrent use.
type Recorder struct {
	base    http.RoundTripper
	secrets *redact.Set
	hosts   []string
	plain   plain

	mu        sync.Mutex
	exchanges []Exchange
}

// plain is the one address that may be asked without TLS, and the way there.
type plain struct {
	url  string
	base http.RoundTripper
}

// New returns a recorder that lets requests to hosts through to base, over TLS only, and adds every token
// that it sees to secrets.
func New(base http.RoundTripper, secrets *redact.Set, hosts ...string) *Recorder {
	return &Recorder{base: base, secrets: secrets, hosts: hosts}
}

// AllowPlain lets requests to one http URL, exactly as given, through to base. It is for the Pod Identity
// agent, which listens on a link-local address of the node and speaks no TLS; base must know no proxy, since
// a proxy would be shown the ServiceAccount token in clear.
func (r *Recorder) AllowPlain(url string, base http.RoundTripper) {
	r.plain = plain{url, base}
}

// Client returns an HTTP client over the recorder. It follows no redirect: no hop of the chain has one, and a
// redirect would carry a token along.
func (r *Recorder) Client() *http.Client {
	return &http.Client{
		Transport:     r,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends the request if its host belongs to the chain. The answer is read whole before it returns,
// so that a connection that breaks halfway is an error here, and not in some parser.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	e := Exchange{Host: req.URL.Hostname(), Path: req.URL.Path, Method: req.Method}
	begin := time.Now()
	resp, err := r.send(req, &e)
	e.Err = err
	e.Took = time.Since(begin)
	r.mu.Lock()
	r.exchanges = append(r.exchanges, e)
	r.mu.Unlock()
	return resp, err
}

func (r *Recorder) send(req *http.Request, e *Exchange) (*http.Response, error) {
	base := r.way(req)
	if base == nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fmt.Errorf("%s://%s: %w: want https and one of %s",
			req.URL.Scheme, req.URL.Host, ErrHost, strings.Join(r.hosts, ", "))
	}
	if _, signature, ok := strings.Cut(req.Header.Get("Authorization"), "Signature="); ok {
		r.secrets.Add(signature)
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e.Status = resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	// The answer to a HEAD has no body, and its Content-Length is the manifest's.
	if req.Method == http.MethodHead {
		return resp, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	closeErr := resp.Body.Close()
	if err = errors.Join(err, closeErr); err != nil {
		return nil, fmt.Errorf("%s: the answer broke off: %w", e.Host, err)
	}
	e.Body = body[:min(len(body), maxAnswer)]
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%s: %w", e.Host, ErrLong)
	}
	learn(r.secrets, body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// way returns what carries the request; nil where it may not be sent.
func (r *Recorder) way(req *http.Request) http.RoundTripper {
	switch {
	case r.plain.url != "" && req.URL.String() == r.plain.url:
		return r.plain.base
	case req.URL.Scheme == "https" && (req.URL.Port() == "" || req.URL.Port() == "443") &&
		slices.Contains(r.hosts, req.URL.Hostname()):
		return r.base
	default:
		return nil
	}
}

// Last returns the latest exchange; ok is false where nothing was sent.
func (r *Recorder) Last() (e Exchange, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.exchanges) == 0 {
		return Exchange{}, false
	}
	return r.exchanges[len(r.exchanges)-1], true
}

// LastTo returns the latest exchange with host; ok is false where there was none.
func (r *Recorder) LastTo(host string) (e Exchange, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.exchanges) - 1; i >= 0; i-- {
		if r.exchanges[i].Host == host {
			return r.exchanges[i], true
		}
	}
	return Exchange{}, false
}

// With counts the exchanges with host, and adds up how long they took.
func (r *Recorder) With(host string) (count int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.exchanges {
		if e.Host == host {
			count++
			took += e.Took
		}
	}
	return count, took
}

// retryAfter reads both forms of the header, RFC 9110 §10.2.3. What cannot be read asks for nothing.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
