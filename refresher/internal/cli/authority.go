package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"waybill.example/waybill/refresher/internal/settings"
)

// authorityKey names the certificates of a private authority, such as that of a proxy that looks into TLS: a file in
// PEM. They are trusted besides those that the system, or this binary, brings.
const authorityKey = "WAYBILL_AUTHORITY_FILE"

// transport is the way to the clouds and the registry, through the environment's proxy. Its error is of type
// settings.Problems.
func transport(lookup settings.Lookup) (http.RoundTripper, error) {
	file, _ := lookup(authorityKey)
	if file == "" {
		return http.DefaultTransport, nil
	}
	refuse := func(problem string) error {
		return settings.Problems{fmt.Sprintf("%s %q: %s: want a file of certificates in PEM", authorityKey, file, problem)}
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
	return trusting, nil
}
