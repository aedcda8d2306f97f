package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"waybill.example/waybill/refresher/internal/settings"
	"waybill.example/waybill/refresher/internal/wire"
)

// transport is the way to the clouds and the registry, through the environment's proxy. The certificates of a
// private authority are trusted besides those that the system, or this binary, brings. Its error is of type
// settings.Problems.
func transport(lookup settings.Lookup) (http.RoundTripper, error) {
	file, _ := lookup(settings.AuthorityKey)
	if file == "" {
		return wire.Transport(), nil
	}
	refuse := func(problem string) error {
		return settings.Problems{fmt.Sprintf("%s %q: %s: want a file of certificates in PEM", settings.AuthorityKey, file, problem)}
	}
	bundle, err := os.ReadFile(file)
	if err != nil {
		return nil, refuse(err.Error())
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, refuse(err.Error())
	}
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, refuse("it holds no certificate")
	}
	trusting := http.DefaultTransport.(*http.Transport).Clone()
	trusting.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return wire.HearProxies(trusting), nil
}
