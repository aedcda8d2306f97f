package googleapis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google/externalaccount"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc/oidctest"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

const (
	project = "vendor-images"
	number  = "731905284466"
	email   = "acme-pull@vendor-images.iam.gserviceaccount.com"

	tenant     = "7d5a3c1e-2b4f-4a68-9c0d-1e2f3a4b5c20"
	issuerHost = "login.microsoftonline.com"
	issuerURL  = "https://" + issuerHost + "/" + tenant + "/v2.0"
	entraGUID  = "fb60f99c-7a34-4190-8149-302f77469936"
	subject    = "6b8d0f2a-4c5e-4a7b-9d1f-3e5a7c9b1d34"
	client     = "94a1b7c2-3d5e-4f60-8a9b-0c1d2e3f4a33"

	poolName     = "projects/" + number + "/locations/global/workloadIdentityPools/acme-azure"
	providerName = poolName + "/providers/acme-entra"
	audience     = "//iam.googleapis.com/" + providerName
	principal    = "principal://iam.googleapis.com/" + poolName + "/subject/" + subject
	userRole     = "roles/iam.workloadIdentityUser"

	stsURL         = "https://sts.googleapis.com/v1/token"
	impersonateURL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + email + ":generateAccessToken"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) pass(by time.Duration) { c.now = c.now.Add(by) }

// setting is a vendor's cloud in which one customer's pool, provider and
// account are deployed, with the token servers on a network of their own.
type setting struct {
	*testing.T
	clock   *clock
	rsa, ec oidctest.Key // that the issuer publishes
	cloud   *gcp.Cloud
	engine  *providertest.Engine
	network *network.Network
	server  *googleapis.Server
	dir     string

	pool, provider, account, grant providertest.Resource
}

func apis(without string) []string {
	var enabled []string
	for _, api := range []string{"iam", "sts", "iamcredentials", "artifactregistry"} {
		if api != without {
			enabled = append(enabled, api+".googleapis.com")
		}
	}
	return enabled
}

func newSetting(t *testing.T, enabled ...string) *setting {
	t.Helper()
	if len(enabled) == 0 {
		enabled = apis("")
	}
	s := &setting{T: t, clock: &clock{now: time.Now().Truncate(time.Second)}, rsa: oidctest.RSAKey(t, "rsa"), ec: oidctest.ECKey(t, "ec"), dir: t.TempDir()}
	var err error
	s.cloud, err = gcp.Open(filepath.Join(s.dir, "gcp.json"),
		world.GCP{Projects: []world.Project{{ID: project, Number: number, APIs: enabled}}}, s.clock.Now, 0)
	require.NoError(t, err)
	s.network, err = network.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, s.network.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.network.Close()) })
	s.network.Handle(issuerHost, oidctest.New(issuerURL, s.rsa, s.ec))
	s.serve()

	s.engine = providertest.New(t, s.cloud.Provider().Open(), map[string]any{"project": project})
	s.pool = s.engine.MustCreate("gcp:iam/workloadIdentityPool:WorkloadIdentityPool", "pool", poolInputs(nil))
	s.provider = s.engine.MustCreate("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", "provider", providerInputs(nil))
	s.account = s.engine.MustCreate("gcp:serviceaccount/account:Account", "account", accountInputs(nil))
	s.grant = s.engine.MustCreate("gcp:serviceaccount/iAMMember:IAMMember", "grant", map[string]any{
		"serviceAccountId": "projects/" + project + "/serviceAccounts/" + email, "role": userRole, "member": principal,
	})
	return s
}

// serve starts the token servers, or starts them again.
func (s *setting) serve() {
	s.Helper()
	server, err := googleapis.New(googleapis.Config{Cloud: s.cloud, Dir: s.dir, Client: s.network.Client(), Now: s.clock.Now})
	require.NoError(s, err)
	s.server = server
	for host, handler := range server.Handlers() {
		s.network.Handle(host, handler)
	}
}

func with(inputs, changes map[string]any) map[string]any {
	for name, value := range changes {
		if value == nil {
			delete(inputs, name)
			continue
		}
		inputs[name] = value
	}
	return inputs
}

func poolInputs(changes map[string]any) map[string]any {
	return with(map[string]any{"workloadIdentityPoolId": "acme-azure"}, changes)
}

func providerInputs(changes map[string]any) map[string]any {
	return with(map[string]any{
		"workloadIdentityPoolId": "acme-azure", "workloadIdentityPoolProviderId": "acme-entra",
		"attributeMapping": map[string]any{"google.subject": "assertion.sub"},
		"attributeCondition": fmt.Sprintf("assertion.tid == '%s' && assertion.sub == '%s' && assertion.azp == '%s'",
			tenant, subject, client),
		"oidc": map[string]any{"issuerUri": issuerURL, "allowedAudiences": []any{entraGUID}},
	}, changes)
}

func accountInputs(changes map[string]any) map[string]any {
	return with(map[string]any{"accountId": "acme-pull"}, changes)
}

func (s *setting) update(of providertest.Resource, inputs map[string]any) {
	s.Helper()
	_, err := s.engine.Update(of, inputs)
	require.NoError(s, err)
}

// claims are those of Entra's access token for the identity (docs/facts.md §2).
func (s *setting) claims(changes map[string]any) map[string]any {
	return with(map[string]any{
		"iss": issuerURL, "aud": entraGUID, "sub": subject, "oid": subject, "azp": client, "tid": tenant, "ver": "2.0",
		"iat": s.clock.now.Unix(), "nbf": s.clock.now.Unix(), "exp": s.clock.now.Add(24 * time.Hour).Unix(),
	}, changes)
}

func (s *setting) subjectToken(changes map[string]any) string {
	s.Helper()
	return s.rsa.Sign(s.T, s.claims(changes))
}

// exchangeForm is the form that clients send.
func exchangeForm(subjectToken string) url.Values {
	return url.Values{
		"audience": {audience}, "grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token":        {subjectToken}, "scope": {googleapis.CloudPlatform},
	}
}

// answer is a response, read.
type answer struct {
	status int
	text   string
	fields map[string]any
}

func (s *setting) send(request *http.Request) answer {
	s.Helper()
	response, err := s.network.Client().Do(request)
	require.NoError(s, err)
	defer func() { require.NoError(s, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	result := answer{status: response.StatusCode, text: string(text)}
	require.NoError(s, json.Unmarshal(text, &result.fields), "%s", text)
	return result
}

func (s *setting) exchange(form url.Values) answer {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, stsURL, strings.NewReader(form.Encode()))
	require.NoError(s, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(request)
}

// federated exchanges a good subject token.
func (s *setting) federated() string {
	s.Helper()
	granted := s.exchange(exchangeForm(s.subjectToken(nil)))
	require.Equal(s, http.StatusOK, granted.status, granted.text)
	return granted.fields["access_token"].(string)
}

func (s *setting) impersonate(at, token string, body map[string]any) answer {
	s.Helper()
	text, err := json.Marshal(with(map[string]any{"scope": []string{googleapis.CloudPlatform}}, body))
	require.NoError(s, err)
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, at, bytes.NewReader(text))
	require.NoError(s, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return s.send(request)
}

// supplier hands a subject token to Google's own client.
type supplier func() (string, error)

func (f supplier) SubjectToken(context.Context, externalaccount.SupplierOptions) (string, error) {
	return f()
}

// walk asks for an access token with Google's own client for Go.
func (s *setting) walk(changes func(*externalaccount.Config)) (*oauth2.Token, error) {
	s.Helper()
	config := externalaccount.Config{
		Audience: audience, SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt", TokenURL: stsURL,
		ServiceAccountImpersonationURL: impersonateURL, Scopes: []string{googleapis.CloudPlatform},
		SubjectTokenSupplier: supplier(func() (string, error) { return s.subjectToken(nil), nil }),
	}
	if changes != nil {
		changes(&config)
	}
	source, err := externalaccount.NewTokenSource(context.WithValue(s.Context(), oauth2.HTTPClient, s.network.Client()), config)
	require.NoError(s, err)
	return source.Token()
}

func edited(form url.Values, name, value string) url.Values {
	form = maps.Clone(form)
	form.Set(name, value)
	return form
}
