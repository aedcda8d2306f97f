package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is a SHA-1 thumbprint by RFC 7517 §4.8, and a name, not a protection
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"waybill.example/waybill/sandbox/state"
)

// signingKey is a tenant's key with its certificate. Entra names a key by the
// certificate's thumbprint, in kid and x5t alike.
type signingKey struct {
	private     *rsa.PrivateKey
	certificate *x509.Certificate
	thumbprint  []byte
}

// openSigningKey reads a tenant's key, or makes it. It never changes then:
// tokens of before a restart stay good.
func openSigningKey(dir, tenant string) (*signingKey, error) {
	path := filepath.Join(dir, tenant+".pem")
	text, err := os.ReadFile(path) // the name is a GUID, checked by New
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if text, err = newSigningKey(tenant); err != nil {
			return nil, err
		}
		if err := state.WriteFile(path, text, 0o600); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	private, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: want an RSA key, not %T", path, pair.PrivateKey)
	}
	thumbprint := sha1.Sum(pair.Leaf.Raw) //nolint:gosec // see the import
	return &signingKey{private: private, certificate: pair.Leaf, thumbprint: thumbprint[:]}, nil
}

// newSigningKey returns a key and its self-signed certificate in PEM.
func newSigningKey(tenant string) ([]byte, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "waybill sandbox, tenant " + tenant},
		NotBefore: now.Add(-24 * time.Hour),
		NotAfter:  now.AddDate(10, 0, 0),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
	), nil
}

func (k *signingKey) id() string { return base64.RawURLEncoding.EncodeToString(k.thumbprint) }

// public is the key as the key set publishes it.
func (k *signingKey) public() jose.JSONWebKey {
	return jose.JSONWebKey{
		Key: k.private.Public(), KeyID: k.id(), Use: "sig",
		Certificates: []*x509.Certificate{k.certificate}, CertificateThumbprintSHA1: k.thumbprint,
	}
}

// sign makes an RS256 token. The header of a v1.0 token has x5t as well.
func (k *signingKey) sign(claims map[string]any) (string, error) {
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", k.id())
	if claims["ver"] == "1.0" {
		options = options.WithHeader("x5t", k.id())
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k.private}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
