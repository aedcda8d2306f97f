package kubelet_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"waybill.example/waybill/sandbox/network"
)

// The registry's host name, and who may read its repositories outside public/.
const (
	registryHost     = "registry.example"
	registryUser     = "reader"
	registryPassword = "the reader's password"
)

// denialWords are what the registry says to somebody else.
const denialWords = `Permission "artifactregistry.repositories.downloadArtifacts" denied`

// registryWorld is a network with the registry.
type registryWorld struct{ *network.Network }

// newWorld starts it; its authority is kept in dir.
func newWorld(dir string) (*registryWorld, error) {
	n, err := network.Open(dir)
	if err != nil {
		return nil, err
	}
	storage := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	n.Handle(registryHost, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		public := strings.HasPrefix(request.URL.Path, "/v2/public/")
		user, password, given := request.BasicAuth()
		switch {
		case request.URL.Path == "/hello":
			answer.WriteHeader(http.StatusTeapot)
		case !given && !public:
			answer.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			refuse(answer, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		case given && (user != registryUser || password != registryPassword):
			refuse(answer, http.StatusForbidden, "DENIED", denialWords)
		default:
			storage.ServeHTTP(answer, request)
		}
	}))
	return &registryWorld{n}, n.Start(context.Background())
}

func refuse(answer http.ResponseWriter, status int, code, message string) {
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(status)
	body := map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}}
	_ = json.NewEncoder(answer).Encode(body) // The client is gone.
}

// push stores an image with these files, one layer, at REPOSITORY:TAG of the
// registry and returns its reference.
func (w *registryWorld) push(repository string, config v1.Config, files ...imageFile) (string, error) {
	var content bytes.Buffer
	writer := tar.NewWriter(&content)
	for _, file := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.Name, Mode: file.Mode, Size: int64(len(file.Content))}
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
	reference, err := name.ParseReference(registryHost + "/" + repository)
	if err != nil {
		return "", err
	}
	if err := remote.Write(reference, image, remote.WithTransport(w.Client().Transport), remote.WithAuth(&authn.Basic{Username: registryUser, Password: registryPassword})); err != nil {
		return "", fmt.Errorf("push %s: %w", reference, err)
	}
	return reference.Name(), nil
}

// imageFile is a regular file of an image.
type imageFile struct {
	Name    string
	Mode    int64
	Content []byte
}
