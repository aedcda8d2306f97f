package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/child"
)

// plainClient asks etcd. A transport of its own: the default one may have been
// given a proxy.
var plainClient = &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}

// trustingClient trusts the authorities of a PEM text, and no others.
func trustingClient(authority []byte) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("no certificate in the API server's certificate file")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		// Each poll makes a client: an idle connection would outlive it.
		DisableKeepAlives: true,
	}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}

// getOK asks for the URL and wants a 200; the token may be empty.
func getOK(ctx context.Context, client *http.Client, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, child.TailSize))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
