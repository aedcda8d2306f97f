package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
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

// maxDocument is the largest discovery document or key set that is read, in bytes.
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
	hosts := map[string]http.Handler{}
	var problems []error
	for _, source := range sources {
		issuer, err := url.Parse(source.Issuer)
		if err != nil || issuer.Scheme != "https" || issuer.Hostname() == "" || issuer.Port() != "" || issuer.RawQuery != "" || issuer.Fragment != "" {
			problems = append(problems, fmt.Errorf("oidc: issuer %q: want an https URL without port, query and fragment", source.Issuer))
			continue
		}
		host, prefix := strings.ToLower(issuer.Hostname()), strings.TrimSuffix(issuer.Path, "/")
		documents, _ := hosts[host].(publication)
		if documents == nil {
			documents = publication{}
			hosts[host] = documents
		}
		if documents[prefix+keysPath] != nil {
			problems = append(problems, fmt.Errorf("oidc: issuer %q: published already, for another cluster", source.Issuer))
			continue
		}
		for _, path := range []string{discoveryPath, keysPath} {
			if documents[prefix+path], err = source.document(path); err != nil {
				problems = append(problems, fmt.Errorf("oidc: issuer %q: %w", source.Issuer, err))
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return hosts, nil
}

// document reads a document from the API server at every request, so that it is
// never older than the cluster's keys.
func (s Source) document(path string) (http.Handler, error) {
	from, err := url.Parse(s.Server + path)
	return &httputil.ReverseProxy{
		// Nothing of the request is passed on: whoever asks is anonymous.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out = (&http.Request{Method: http.MethodGet, URL: from, Header: http.Header{}}).WithContext(r.In.Context())
		},
		Transport: s.Client.Transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the cluster does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}, err
}

// publication is one issuer host: its documents by their path.
type publication map[string]http.Handler

// ServeHTTP answers with a document.
func (p publication) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch document, ok := p[r.URL.Path]; {
	case !ok:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		document.ServeHTTP(w, r)
	}
}
