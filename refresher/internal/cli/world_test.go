package cli_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"waybill.example/waybill/refresher/internal/cli"
	"waybill.example/waybill/refresher/internal/credconfig"
	"waybill.example/waybill/refresher/internal/retry"
)

const (
	entraHost    = "login.microsoftonline.com"
	stsHost      = "sts.googleapis.com"
	iamHost      = "iamcredentials.googleapis.com"
	registryHost = "europe-west1-docker.pkg.dev"
	apiHost      = "kubernetes.default.svc"
	strangerHost = "stranger.example"

	tenant       = "11111111-2222-3333-4444-555555555555"
	client       = "66666666-7777-8888-9999-000000000000"
	principal    = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	project      = "123456789012"
	pool         = "acme-pool"
	provider     = "acme-entra"
	account      = "acme-pull@vendor-images.iam.gserviceaccount.com"
	imagePath    = "vendor-images/acme/product"
	image        = registryHost + "/" + imagePath + ":1.10"
	namespace    = "product"
	secretName   = "product-pull"
	issuer       = "https://westeurope.oic.prod-aks.azure.com/" + tenant + "/cluster/"
	ksa          = "system:serviceaccount:product:product-refresher"
	entraIssuer  = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	entraAud     = "fb60f99c-7a34-4190-8149-302f77469936"
	exchangeURI  = "api://AzureADTokenExchange"
	digest       = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	providerName = "//iam.googleapis.com/projects/" + project + "/locations/global/workloadIdentityPools/" + pool + "/providers/" + provider
)

// audience of the ServiceAccount token, by trust.
var audience = map[string]string{
	"entra": exchangeURI, "cluster": "https:" + providerName, "irsa": "sts.amazonaws.com", "pod-identity": "pods.eks.amazonaws.com",
}

// world is everything outside the refresher's process: a TLS server that answers for every host name, and the
// pod's files and environment.
type world struct {
	t         *testing.T
	env       map[string]string
	tokenFile string
	policy    retry.Policy
	transport http.RoundTripper
	server    *httptest.Server
	roots     []byte // PEM

	ksaToken, entraToken, federated, access, registryToken, apiToken string
	accessLife                                                       time.Duration
	amazon                                                           amazonWorld

	mu       sync.Mutex
	first    map[string][]http.HandlerFunc // by host: answers that come before the regular one
	instead  map[string]http.HandlerFunc   // by "HOST" or "METHOD HOST/PATH": answers in place of the regular one
	requests []string                      // METHOD HOST/PATH
	patches  []patch                       // applied, or asked for in a dry run
	merges   []patch                       // of annotations alone
	secret   map[string]string             // the secret's annotations
	said     string                        // the pod's termination message of the last run

	noTermination bool     // there is no file for it
	apiProxy      *url.URL // before the API server; nil: none
}

type patch struct {
	path               string
	query, contentType string
	body               []byte
}

func jwt(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signature := make([]byte, 256)
	_, _ = rand.Read(signature)
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"RS256","kid":"key-1","typ":"JWT"}`)) + "." + enc.EncodeToString(payload) + "." + enc.EncodeToString(signature)
}

func opaque(prefix string) string {
	random := make([]byte, 96)
	_, _ = rand.Read(random)
	return prefix + base64.RawURLEncoding.EncodeToString(random)
}

func newWorld(t *testing.T, trust string) *world {
	t.Helper()
	w := &world{
		t:             t,
		federated:     opaque("ya29.d."),
		access:        opaque("ya29.c."),
		registryToken: opaque("AR-"),
		apiToken:      opaque("api-"),
		accessLife:    time.Hour,
		first:         map[string][]http.HandlerFunc{},
		instead:       map[string]http.HandlerFunc{},
		policy:        retry.Policy{First: time.Millisecond, Longest: 5 * time.Millisecond, Attempt: 10 * time.Second},
	}
	now := time.Now()
	tokenIssuer := issuer
	if trust == "irsa" || trust == "pod-identity" {
		tokenIssuer = eksIssuer
	}
	w.ksaToken = jwt(t, map[string]any{"iss": tokenIssuer, "sub": ksa, "aud": []string{audience[trust]}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	w.entraToken = jwt(t, map[string]any{
		"iss": entraIssuer, "sub": principal, "oid": principal, "aud": entraAud, "azp": client, "tid": tenant, "ver": "2.0",
		"iat": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(),
	})
	w.amazon = newAmazonWorld()
	w.serve()
	if trust == "irsa" || trust == "pod-identity" {
		w.amazonPod(trust)
	} else {
		w.pod(trust)
	}
	return w
}

// pod lays out what the pod's contract promises.
func (w *world) pod(trust string) {
	directory := w.t.TempDir()
	w.tokenFile = filepath.Join(directory, "token")
	w.write(w.tokenFile, w.ksaToken+"\n")
	config := filepath.Join(directory, "credential-config.json")
	w.env = map[string]string{
		"WAYBILL_TRUST":                  trust,
		"WAYBILL_SECRET":                 secretName,
		"WAYBILL_NAMESPACE":              namespace,
		"WAYBILL_REGISTRY":               registryHost,
		"WAYBILL_IMAGES":                 image,
		"WAYBILL_DEADLINE":               "30s",
		"WAYBILL_PROPAGATION":            "0s",
		"GOOGLE_APPLICATION_CREDENTIALS": config,
	}
	tokenFile := ""
	if trust == "entra" {
		w.env["AZURE_CLIENT_ID"] = client
		w.env["AZURE_TENANT_ID"] = tenant
		w.env["AZURE_AUTHORITY_HOST"] = "https://login.microsoftonline.com/"
		w.env["AZURE_FEDERATED_TOKEN_FILE"] = w.tokenFile
	}
	if trust == "cluster" {
		tokenFile = w.tokenFile
		w.env["WAYBILL_SUBJECT_TOKEN_FILE"] = tokenFile
	}
	identifiers := credconfig.Identifiers{ProjectNumber: project, Pool: pool, Provider: provider, ServiceAccount: account}
	rendered, err := credconfig.Render(identifiers, tokenFile)
	require.NoError(w.t, err)
	w.write(config, string(rendered))
}

func (w *world) write(path, content string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
}

// serve starts the server, and the transport that finds it under every name.
func (w *world) serve() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(w.t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "every cloud"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		DNSNames:              append(amazonHosts(), entraHost, stsHost, iamHost, registryHost, apiHost, strangerHost),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(w.t, err)
	w.roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots := x509.NewCertPool()
	require.True(w.t, roots.AppendCertsFromPEM(w.roots))

	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.answer))
	w.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.server.StartTLS()
	w.t.Cleanup(w.server.Close)
	w.amazon.agent = httptest.NewServer(http.HandlerFunc(w.answer))
	w.t.Cleanup(w.amazon.agent.Close)
	transport := &http.Transport{
		DialContext:     w.dial,
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}
	w.transport = transport
	w.t.Cleanup(transport.CloseIdleConnections)
}

func (w *world) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, w.server.Listener.Addr().String())
}

func (w *world) kubernetes() (*rest.Config, error) {
	config := &rest.Config{
		Host:            "https://" + apiHost,
		BearerToken:     w.apiToken,
		Dial:            w.dial,
		TLSClientConfig: rest.TLSClientConfig{CAData: w.roots},
	}
	if w.apiProxy != nil {
		config.Dial, config.Proxy = nil, http.ProxyURL(w.apiProxy)
	}
	return config, nil
}

// run executes the refresher and checks, whatever happens, that nothing it printed holds a secret. Only
// subject-token may print its one token, on standard output.
func (w *world) run(args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	return w.runContext(w.t.Context(), args...)
}

func (w *world) runContext(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	termination := filepath.Join(w.t.TempDir(), "termination-log")
	if w.noTermination {
		termination = "termination-log"
	} else {
		w.write(termination, "")
	}
	program := cli.Program{
		Version:    "test",
		Lookup:     func(key string) (string, bool) { value, ok := w.env[key]; return value, ok },
		Stdout:     &out,
		Stderr:     &errs,
		Transport:  w.transport,
		DialAgent:  w.dialAgent,
		Kubernetes: w.kubernetes,
		Retry:      &w.policy,

		TerminationLog: termination,
	}
	code = program.Run(ctx, args)
	message, err := os.ReadFile(termination)
	require.Equal(w.t, w.noTermination, err != nil)
	w.said = string(message)
	shown := errs.String() + w.said
	w.mu.Lock()
	for _, merge := range w.merges {
		shown += string(merge.body)
	}
	w.mu.Unlock()
	if args[0] != "subject-token" {
		shown += out.String()
	}
	w.holdsNoSecret(shown)
	return code, out.String(), errs.String()
}

// holdsNoSecret looks for every stretch of sixteen characters of every secret of this world, plain and in base64.
func (w *world) holdsNoSecret(text string) {
	w.t.Helper()
	for _, secret := range append(w.amazon.secrets(), w.ksaToken, w.entraToken, w.federated, w.access, w.registryToken, w.apiToken) {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte("oauth2accesstoken:" + secret)), base64.StdEncoding.EncodeToString([]byte("AWS:" + secret))} {
			for i := 0; i+16 <= len(form); i++ {
				if strings.Contains(text, form[i:i+16]) {
					require.Fail(w.t, "a secret was printed", "%q in\n%s", form[i:i+16], text)
				}
			}
		}
	}
}

// before makes host give these answers first, one request each.
func (w *world) before(host string, answers ...http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.first[host] = append(w.first[host], answers...)
}

// always replaces the regular answer of a "HOST" or of "METHOD HOST/PATH". AWS's STS has one path: there the
// action stands for it.
func (w *world) always(key string, answer http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead[key] = answer
}

// asked counts the requests to a host.
func (w *world) asked(host string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, request := range w.requests {
		if strings.Contains(request, " "+host+"/") {
			count++
		}
	}
	return count
}

func (w *world) answer(rw http.ResponseWriter, r *http.Request) {
	key := r.Method + " " + r.Host + r.URL.Path + amazonAction(r)
	w.mu.Lock()
	w.requests = append(w.requests, key)
	handler := w.regular(r)
	if exact, ok := w.instead[key]; ok {
		handler = exact
	} else if whole, ok := w.instead[r.Host]; ok {
		handler = whole
	}
	if queue := w.first[r.Host]; len(queue) > 0 {
		handler, w.first[r.Host] = queue[0], queue[1:]
	}
	w.mu.Unlock()
	handler(rw, r)
}

func (w *world) regular(r *http.Request) http.HandlerFunc {
	switch r.Host {
	case entraHost:
		return w.entra
	case stsHost:
		return w.sts
	case iamHost:
		return w.iam
	case registryHost:
		return w.registry
	case apiHost:
		return w.api
	default:
		return w.amazonAnswer(r)
	}
}

func answerJSON(rw http.ResponseWriter, document any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(document)
}

func status(code int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, body)
	}
}

// reset breaks the connection without an answer.
func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func (w *world) entra(rw http.ResponseWriter, r *http.Request) {
	base := "https://" + entraHost + "/"
	switch {
	case r.URL.Path == "/common/discovery/instance":
		answerJSON(rw, map[string]any{"tenant_discovery_endpoint": base + tenant + "/v2.0/.well-known/openid-configuration", "metadata": []any{
			map[string]any{"preferred_network": entraHost, "preferred_cache": "login.windows.net", "aliases": []string{entraHost, "login.windows.net"}},
		}})
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		answerJSON(rw, map[string]any{"token_endpoint": base + tenant + "/oauth2/v2.0/token", "authorization_endpoint": base + tenant + "/oauth2/v2.0/authorize", "issuer": entraIssuer})
	case r.URL.Path == "/"+tenant+"/oauth2/v2.0/token" && r.FormValue("grant_type") == "client_credentials" && r.FormValue("client_id") == client && r.FormValue("client_assertion") == w.ksaToken:
		answerJSON(rw, map[string]any{"token_type": "Bearer", "expires_in": 86399, "ext_expires_in": 86399, "access_token": w.entraToken})
	default:
		status(http.StatusBadRequest, `{"error":"invalid_request","error_description":"unexpected request"}`)(rw, r)
	}
}

func (w *world) sts(rw http.ResponseWriter, r *http.Request) {
	subject := r.FormValue("subject_token")
	if r.URL.Path != "/v1/token" || r.FormValue("audience") != providerName || (subject != w.entraToken && subject != w.ksaToken) {
		status(http.StatusBadRequest, `{"error":"invalid_request","error_description":"unexpected request"}`)(rw, r)
		return
	}
	answerJSON(rw, map[string]any{"access_token": w.federated, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3599})
}

func (w *world) iam(rw http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+w.federated || r.URL.Path != "/v1/projects/-/serviceAccounts/"+account+":generateAccessToken" {
		status(http.StatusUnauthorized, `{"error":{"code":401,"message":"unexpected request","status":"UNAUTHENTICATED"}}`)(rw, r)
		return
	}
	answerJSON(rw, map[string]any{"accessToken": w.access, "expireTime": time.Now().Add(w.accessLife).UTC().Format(time.RFC3339)})
}

func (w *world) registry(rw http.ResponseWriter, r *http.Request) {
	user, password, basic := r.BasicAuth()
	switch {
	case r.URL.Path == "/v2/token" && basic && user == "oauth2accesstoken" && password == w.access:
		answerJSON(rw, map[string]any{"token": w.registryToken, "expires_in": 3600})
	case r.Header.Get("Authorization") != "Bearer "+w.registryToken:
		rw.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/v2/token",service="%s"`, registryHost, registryHost))
		status(http.StatusUnauthorized, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)(rw, r)
	case r.URL.Path == "/v2/"+imagePath+"/manifests/1.10":
		answerManifest(rw, r)
	default:
		status(http.StatusNotFound, `{"errors":[{"code":"NAME_UNKNOWN","message":"unexpected request"}]}`)(rw, r)
	}
}

func answerManifest(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	rw.Header().Set("Docker-Content-Digest", digest)
	rw.Header().Set("Content-Length", "2")
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(rw, "{}")
	}
}

// secretPaths are the Secrets that there are.
var secretPaths = []string{
	"/api/v1/namespaces/" + namespace + "/secrets/" + secretName, "/api/v1/namespaces/billing/secrets/" + secretName,
}

func (w *world) api(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Authorization") != "Bearer "+w.apiToken || r.Method != http.MethodPatch || !slices.Contains(secretPaths, r.URL.Path) {
		refusal(http.StatusForbidden, "Forbidden", "unexpected request "+r.Method+" "+r.URL.Path)(rw, r)
		return
	}
	var object struct {
		Metadata struct{ Annotations map[string]*string }
	}
	_ = json.Unmarshal(body, &object)
	sent := patch{path: r.URL.Path, query: r.URL.RawQuery, contentType: r.Header.Get("Content-Type"), body: body}
	merge := sent.contentType == "application/merge-patch+json"
	w.mu.Lock()
	defer w.mu.Unlock()
	annotations := maps.Clone(w.secret)
	if annotations == nil {
		annotations = map[string]string{}
	}
	if merge {
		w.merges = append(w.merges, sent)
	} else {
		w.patches = append(w.patches, sent)
		// What an applier no longer names is removed; the annotation of a failure was not applied.
		maps.DeleteFunc(annotations, func(key, _ string) bool { return key != "waybill.example/problem" })
	}
	for key, value := range object.Metadata.Annotations {
		delete(annotations, key)
		if value != nil {
			annotations[key] = *value
		}
	}
	if !strings.Contains(sent.query, "dryRun=All") {
		w.secret = annotations
	}
	answerJSON(rw, map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"annotations": annotations}, "data": map[string]string{
		".dockerconfigjson": base64.StdEncoding.EncodeToString([]byte(w.access + w.amazon.password)),
	}})
}

// refusal answers as the API server does.
func refusal(code int, reason, message string) http.HandlerFunc {
	document, _ := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "code": code, "reason": reason, "message": message,
	})
	return status(code, string(document))
}

// lines parses the structured lines, each of which must be JSON.
func lines(t *testing.T, stderr string) []map[string]any {
	t.Helper()
	var parsed []map[string]any
	for line := range strings.Lines(stderr) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		parsed = append(parsed, one)
	}
	return parsed
}

// hops lists "NAME ok" or "NAME refused" for each hop line.
func hops(t *testing.T, stderr string) []string {
	t.Helper()
	var names []string
	for _, line := range lines(t, stderr) {
		if line["msg"] == "hop" {
			verdict := "refused"
			if line["ok"] == true {
				verdict = "ok"
			}
			names = append(names, fmt.Sprint(line["hop"], " ", verdict))
		}
	}
	return names
}

// refusedLine returns the line of the hop that failed.
func refusedLine(t *testing.T, stderr string) map[string]any {
	t.Helper()
	for _, line := range lines(t, stderr) {
		if line["msg"] == "hop" && line["ok"] == false {
			return line
		}
	}
	require.Fail(t, "no hop was refused", stderr)
	return nil
}

func (w *world) unwritten() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Empty(w.t, w.patches, "the secret was patched")
}
