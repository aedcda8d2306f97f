package network

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"waybill.example/waybill/sandbox/state"
)

const (
	// authorityLife is how long clients trust the authority.
	authorityLife = 10 * 365 * 24 * time.Hour
	// hostLife is below the 398 days that some clients accept at most.
	hostLife = 365 * 24 * time.Hour
	// backdated makes new certificates valid for clients whose clock is behind.
	backdated = 24 * time.Hour
)

// authority is a certificate authority.
type authority struct {
	file        string
	certificate *x509.Certificate
	key         crypto.Signer

	mutex sync.Mutex
	hosts map[string]*tls.Certificate
}

// openAuthority reads the authority of dir, or makes one of this name where there is
// none or where it has expired.
func openAuthority(dir, name string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &authority{file: filepath.Join(dir, "ca.pem"), hosts: map[string]*tls.Certificate{}}
	keyFile := filepath.Join(dir, "ca-key.pem")
	switch pair, err := tls.LoadX509KeyPair(a.file, keyFile); {
	case err == nil && time.Now().Before(pair.Leaf.NotAfter):
		key, ok := pair.PrivateKey.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%s: want a key that can sign", keyFile)
		}
		a.certificate, a.key = pair.Leaf, key
		return a, nil
	case err != nil && !isMissing(a.file):
		// Making a new one would cut off every client that trusts this one.
		return nil, fmt.Errorf("certificate authority in %s: %w (delete ca.pem to have a new one made)", dir, err)
	}
	return a, a.make(keyFile, name)
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (a *authority) make(keyFile, name string) error {
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"waybill"}},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // it signs hosts, and no further authority
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	made, key, err := issue(template, template, nil)
	if err != nil {
		return err
	}
	a.certificate, a.key = made.Leaf, key
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate last: where it is, there is a key.
	if err := state.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return state.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Leaf.Raw}), 0o644)
}

// issue makes a key with a certificate that a parent signs; without its key, the new
// one does.
func issue(template, parent *x509.Certificate, by crypto.Signer) (*tls.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if by == nil {
		by = key
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(encoded)
	return &tls.Certificate{Certificate: [][]byte{encoded}, PrivateKey: key, Leaf: leaf}, key, err
}

// leafOf is what a host's certificate says.
func leafOf(host string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"waybill"}},
		DNSNames:    []string{host},
		NotBefore:   now.Add(-backdated),
		NotAfter:    now.Add(hostLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// forHost returns a certificate for the host, made at the first call.
func (a *authority) forHost(host string) (*tls.Certificate, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if made, ok := a.hosts[host]; ok && time.Now().Add(backdated).Before(made.Leaf.NotAfter) {
		return made, nil
	}
	made, _, err := issue(leafOf(host), a.certificate, a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	a.hosts[host] = made
	return made, nil
}
