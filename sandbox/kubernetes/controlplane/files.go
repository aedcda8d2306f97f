package controlplane

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/state"
)

// files are the paths in a cluster's directory.
type files struct {
	etcd         string // etcd's data directory
	certificates string // the API server's --cert-dir
	certificate  string // the serving certificate, which holds its CA
	certKey      string
	signingKey   string // signs ServiceAccount tokens
	tokens       string // the API server's --token-auth-file
	kubeconfig   string // the controller-manager's way in
	applied      string // which of the world's objects were made
}

// prepare makes the directory and, at the first start, the signing key.
func prepare(dir string) (files, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return files{}, err
	}
	f := files{
		etcd:         filepath.Join(absolute, "etcd"),
		certificates: filepath.Join(absolute, "certificates"),
		signingKey:   filepath.Join(absolute, "service-account.pem"),
		tokens:       filepath.Join(absolute, "tokens.csv"),
		kubeconfig:   filepath.Join(absolute, "controller-manager.kubeconfig"),
		applied:      filepath.Join(absolute, "applied.json"),
	}
	// These two names are the API server's own.
	f.certificate = filepath.Join(f.certificates, "apiserver.crt")
	f.certKey = filepath.Join(f.certificates, "apiserver.key")
	for _, path := range []string{f.etcd, f.certificates} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return files{}, err
		}
	}
	return f, f.ensureSigningKey()
}

// ensureSigningKey makes the RSA key once: Entra takes RS256 tokens only
// (docs/facts.md §2), and a key that changed would invalidate every token.
func (f files) ensureSigningKey() error {
	_, err := os.Stat(f.signingKey)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return state.WriteFile(f.signingKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// adminToken returns the administrator's token, which is made once. The file is
// in the API server's format: token, user, UID, groups.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
func (f files) adminToken() (string, error) {
	text, err := os.ReadFile(f.tokens)
	if err == nil {
		token, _, found := strings.Cut(string(text), ",")
		if !found || token == "" {
			return "", fmt.Errorf("%s: want a line `token,user,uid,groups`", f.tokens)
		}
		return token, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	return token, state.WriteFile(f.tokens, []byte(token+`,administrator,administrator,"system:masters"`+"\n"), 0o600)
}

// dropExpiredCertificate removes a serving certificate that has less than a day
// to live; the API server makes a new one (for a year) when there is none.
func (f files) dropExpiredCertificate(now time.Time) error {
	text, err := os.ReadFile(f.certificate)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block != nil {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err == nil && certificate.NotAfter.After(now.Add(24*time.Hour)) {
			return nil
		}
	}
	return errors.Join(os.Remove(f.certificate), os.Remove(f.certKey))
}
