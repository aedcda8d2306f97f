package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ProxyError is a proxy's refusal to connect to a host of the chain. The standard library keeps its status text only.
type ProxyError struct {
	Proxy  string // HOST:PORT; never its credentials
	Status int
	Body   []byte // the beginning of its own words, up to proxyWords bytes
}

// Error names the proxy and what it answered.
func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered CONNECT with %d %s", e.Proxy, e.Status, http.StatusText(e.Status))
}

const (
	proxyWords    = 16 << 10
	proxyPatience = 2 * time.Second // for words that come slower than the status
)

// Transport is http.DefaultTransport with refusals of proxies as *ProxyError.
func Transport() http.RoundTripper {
	return HearProxies(http.DefaultTransport.(*http.Transport).Clone())
}

// HearProxies makes a transport of the standard library return refusals of proxies as *ProxyError. It leaves others as
// they are.
func HearProxies(transport http.RoundTripper) http.RoundTripper {
	if t, ok := transport.(*http.Transport); ok {
		t.OnProxyConnectResponse = hearProxy
	}
	return transport
}

func hearProxy(ctx context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	words := make(chan []byte, 1)
	go func() {
		// It ends with the connection, which the transport closes once this function has returned.
		read, _ := io.ReadAll(io.LimitReader(answer.Body, proxyWords))
		words <- read
	}()
	refused := &ProxyError{Proxy: proxy.Host, Status: answer.StatusCode}
	timer := time.NewTimer(proxyPatience)
	defer timer.Stop()
	select {
	case refused.Body = <-words:
	case <-timer.C:
	case <-ctx.Done():
	}
	return refused
}
