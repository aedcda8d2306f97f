package oidc

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"
)

// The paths that Kubernetes serves, below an issuer as below an API server:
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/openid/v1/jwks"
)

// maxDocument is the largest discovery document or key set, in bytes.
const maxDocument = 1 << 20

// Source is a cluster whose discovery document and keys are published.
type Source struct {
	// Issuer is the https URL that the cluster's tokens name, with its trailing
	// slash where it has one.
	Issuer string
	// Server is the base URL of the API server.
	Server string
	// Client reaches the API server, without credentials.
	Client *http.Client
}

// FromCluster is the source for a cluster with this issuer and configuration.
// The documents are read anonymously, as the world reads them: the cluster must
// allow that.
func FromCluster(issuer string, config *rest.Config) (Source, error) {
	anonymous := rest.AnonymousClientConfig(config)
	// An API server on loopback is reached without whatever proxy there is.
	anonymous.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	client, err := rest.HTTPClientFor(anonymous)
	if err != nil {
		return Source{}, fmt.Errorf("oidc: issuer %s: %w", issuer, err)
	}
	return Source{Issuer: issuer, Server: strings.TrimSuffix(config.Host, "/"), Client: client}, nil
}

// Publish returns a handler for each issuer host. Issuers may share a host, each
// below a path of its own. Wrong and repeated issuers are reported at once.
func Publish(sources ...Source) (map[string]http.Handler, error) {
	hosts := map[string]*publication{}
	var problems []error
	for _, source := range sources {
		issuer, err := url.Parse(source.Issuer)
		if err != nil || issuer.Scheme != "https" || issuer.Hostname() == "" || issuer.Port() != "" || issuer.RawQuery != "" || issuer.Fragment != "" {
			problems = append(problems, fmt.Errorf("oidc: issuer %q: want an https URL without port, query and fragment", source.Issuer))
			continue
		}
		host := strings.ToLower(issuer.Hostname())
		if hosts[host] == nil {
			hosts[host] = &publication{documents: map[string]document{}}
		}
		prefix := strings.TrimSuffix(issuer.Path, "/")
		for _, path := range []string{discoveryPath, keysPath} {
			if _, taken := hosts[host].documents[prefix+path]; taken {
				problems = append(problems, fmt.Errorf("oidc: issuer %q: published already, for another cluster", source.Issuer))
				break
			}
			hosts[host].documents[prefix+path] = document{source: source, path: path}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	handlers := map[string]http.Handler{}
	for host, publication := range hosts {
		handlers[host] = publication
	}
	return handlers, nil
}

// publication is one issuer host.
type publication struct {
	// documents by their path on the host.
	documents map[string]document
}

type document struct {
	source Source
	path   string
}

// ServeHTTP reads the document from the API server at every request, so that
// it is never older than the cluster's keys.
func (p *publication) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	document, ok := p.documents[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, document.source.Server+document.path, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	response, err := document.source.Client.Do(request)
	if err != nil {
		http.Error(w, "the cluster does not answer: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	for _, name := range []string{"Content-Type", "Cache-Control"} {
		if value := response.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(response.StatusCode)
	if r.Method == http.MethodGet {
		_, _ = io.Copy(w, io.LimitReader(response.Body, maxDocument))
	}
}
