package controlplane

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

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
	token := rand.Text()
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

// WriteKubeconfig writes a kubeconfig with one context per cluster, named by
// the cluster's Context, with the administrator's credential; the first one is
// the current context. The file has mode 0600 and holds this start's ports: it
// is written anew after every start. Two clusters with one Context are refused.
func WriteKubeconfig(path string, clusters ...*Cluster) error {
	if len(clusters) == 0 {
		return errors.New("kubeconfig: want at least one cluster")
	}
	config := api.NewConfig()
	config.CurrentContext = clusters[0].Context()
	for _, cluster := range clusters {
		name := cluster.Context()
		if _, taken := config.Contexts[name]; taken {
			return fmt.Errorf("kubeconfig: context %q: names two clusters", name)
		}
		config.Clusters[name] = &api.Cluster{Server: cluster.server, CertificateAuthorityData: cluster.authority}
		config.AuthInfos[name] = &api.AuthInfo{Token: cluster.token}
		config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	}
	// Written to a neighbour first: a reader finds the old file or the new one.
	if err := clientcmd.WriteToFile(*config, path+".new"); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	return nil
}

// controllers are those that docs/building.md names, and three more that a cloud
// runs: Services get their EndpointSlices and the Endpoints that Pulumi's
// provider waits for, and finished Jobs their clean-up.
// node-lifecycle stays out: it would evict pods from nodes without leases.
var controllers = []string{
	"serviceaccount-controller",
	"root-ca-certificate-publisher-controller",
	"deployment-controller",
	"replicaset-controller",
	"job-controller",
	"cronjob-controller",
	"namespace-controller",
	"garbage-collector-controller",
	"endpoints-controller",
	"endpointslice-controller",
	"ttl-after-finished-controller",
}

func apiServerFlags(config Config, files files, etcd, address string) ([]string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + host,
		"--secure-port=" + port,
		// Given, so that the server need not find an interface with a default
		// route; nothing may then be published as the endpoint of the service
		// kubernetes, because an Endpoints object must not hold loopback.
		"--advertise-address=" + host,
		"--endpoint-reconciler-type=none",
		"--cert-dir=" + files.certificates,
		"--token-auth-file=" + files.tokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=" + config.Issuer,
		// The document at the issuer names the keys by this URL.
		"--service-account-jwks-uri=" + strings.TrimSuffix(config.Issuer, "/") + "/openid/v1/jwks",
		"--service-account-signing-key-file=" + files.signingKey,
		"--service-account-key-file=" + files.signingKey,
		"--allow-privileged=true",
		// A managed cluster changes what is deployed; a MutatingAdmissionPolicy does it here.
		"--feature-gates=MutatingAdmissionPolicy=true",
		"--runtime-config=admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies=true,admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings=true",
		"--profiling=false",
	}, nil
}

func controllerManagerFlags(files files) []string {
	return []string{
		"--kubeconfig=" + files.kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--root-ca-file=" + files.certificate,
		"--controllers=" + strings.Join(controllers, ","),
		"--profiling=false",
	}
}
