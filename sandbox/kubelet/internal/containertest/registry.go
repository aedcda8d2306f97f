package containertest

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// The registry's host name, and who may read its repositories outside public/.
const (
	RegistryHost = "registry.example"
	User         = "reader"
	Password     = "the reader's password"
)

// DenialWords are what the registry says to somebody else.
const DenialWords = `Permission "artifactregistry.repositories.downloadArtifacts" denied`

// World is a registry at a real host name behind a CONNECT proxy with a
// certificate authority of its own.
type World struct {
	server *httptest.Server
	proxy  *httptest.Server
	// CA is the authority's certificate in PEM.
	CA []byte

	transport *http.Transport
}

// NewWorld starts the registry and the proxy on loopback.
func NewWorld() (*World, error) {
	w := &World{}
	certificate, err := w.certificate()
	if err != nil {
		return nil, err
	}
	storage := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		public := strings.HasPrefix(request.URL.Path, "/v2/public/")
		user, password, given := request.BasicAuth()
		switch {
		case request.URL.Path == "/hello":
			answer.WriteHeader(http.StatusTeapot)
		case !given && !public:
			answer.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			refuse(answer, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		case given && (user != User || password != Password):
			refuse(answer, http.StatusForbidden, "DENIED", DenialWords)
		default:
			storage.ServeHTTP(answer, request)
		}
	}))
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	w.server.StartTLS()
	w.proxy = httptest.NewServer(http.HandlerFunc(w.connect))
	return w, w.trust()
}

func refuse(answer http.ResponseWriter, status int, code, message string) {
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(status)
	body := map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}}
	_ = json.NewEncoder(answer).Encode(body) // The client is gone.
}

// Proxy is the proxy's URL.
func (w *World) Proxy() string { return w.proxy.URL }

// Close stops both.
func (w *World) Close() {
	w.transport.CloseIdleConnections()
	w.proxy.Close()
	w.server.Close()
}

func (w *World) certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: RegistryHost},
		DNSNames:              []string{RegistryHost},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	w.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func (w *World) trust() error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CA)
	proxy, err := url.Parse(w.proxy.URL)
	w.transport = &http.Transport{
		Proxy:           http.ProxyURL(proxy),
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}
	return err
}

// connect tunnels to the registry, by its real name, and to nothing else.
func (w *World) connect(answer http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodConnect || request.Host != RegistryHost+":443" {
		http.Error(answer, "want CONNECT "+RegistryHost+":443", http.StatusBadGateway)
		return
	}
	upstream, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = upstream.Close() }()
	answer.WriteHeader(http.StatusOK)
	client, _, err := http.NewResponseController(answer).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = client.Close() }()
	go func() {
		_, _ = io.Copy(upstream, client) // The end of either ends both.
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
}

// Push stores an image with these files, one layer, at REPOSITORY:TAG of the
// registry and returns its reference.
func (w *World) Push(repository string, config v1.Config, files ...File) (string, error) {
	var content bytes.Buffer
	writer := tar.NewWriter(&content)
	for _, file := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.Name, Mode: file.Mode, Size: int64(len(file.Content))}
		if file.Link != "" {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, file.Link, 0
		}
		if err := writer.WriteHeader(header); err != nil {
			return "", err
		}
		if _, err := writer.Write(file.Content); err != nil {
			return "", err
		}
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil })
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return "", err
	}
	if image, err = mutate.Config(image, config); err != nil {
		return "", err
	}
	reference, err := name.ParseReference(RegistryHost + "/" + repository)
	if err != nil {
		return "", err
	}
	if err := remote.Write(reference, image, remote.WithTransport(w.transport), remote.WithAuth(&authn.Basic{Username: User, Password: Password})); err != nil {
		return "", fmt.Errorf("push %s: %w", reference, err)
	}
	return reference.Name(), nil
}

// File is a regular file of an image, or a symbolic link.
type File struct {
	Name    string
	Mode    int64
	Content []byte
	// Link is where a symbolic link points.
	Link string
}
