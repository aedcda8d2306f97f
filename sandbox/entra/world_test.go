package entra_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/azure"
	"waybill.example/waybill/sandbox/entra"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/oidc/oidctest"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

const (
	tenant       = "11111111-aaaa-4111-8111-111111111111"
	otherTenant  = "22222222-aaaa-4222-8222-222222222222"
	usTenant     = "33333333-aaaa-4333-8333-333333333333"
	chinaTenant  = "44444444-aaaa-4444-8444-444444444444"
	subscription = "55555555-5555-4555-8555-555555555555"

	identityClient    = "66666666-aaaa-4666-8666-666666666666"
	identityPrincipal = "77777777-aaaa-4777-8777-777777777777"
	bareClient        = "88888888-8888-4888-8888-888888888888"
	v1Client          = "99999999-aaaa-4999-8999-999999999999"
	v1Principal       = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	v2Client          = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	oddClient         = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
	usClient          = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
	chinaClient       = "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee"

	issuerURL    = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"
	subject      = "system:serviceaccount:shop:refresher"
	exchange     = "api://AzureADTokenExchange"
	exchangeGUID = "fb60f99c-7a34-4190-8149-302f77469936"
	scope        = exchange + "/.default"
	authority    = "login.microsoftonline.com"
)

func credential(audience string) []world.FederatedCredential {
	return []world.FederatedCredential{{Name: "refresher", Issuer: issuerURL, Subject: subject, Audience: audience}}
}

func customers() world.Azure {
	return world.Azure{Tenants: []world.Tenant{
		{
			ID: strings.ToUpper(tenant),
			Subscriptions: []world.Subscription{{ID: subscription, ResourceGroups: []world.ResourceGroup{{
				Name: "apps", Location: "westeurope",
				Identities: []world.Identity{
					{Name: "id-pull", ClientID: identityClient, PrincipalID: identityPrincipal},
					{Name: "id-bare", ClientID: bareClient, PrincipalID: "principal"},
				},
			}}}},
			Applications: []world.Application{
				{
					ClientID: v1Client, PrincipalID: v1Principal, IdentifierURI: "api://images.customer.example",
					FederatedCredentials: credential(exchange),
				},
				{ClientID: v2Client, PrincipalID: "principal", IdentifierURI: "api://two", AccessTokenVersion: 2},
				{ClientID: oddClient, PrincipalID: "principal", FederatedCredentials: credential(exchangeGUID)},
			},
		},
		{ID: otherTenant},
		{ID: usTenant, Cloud: "usgovernment", Applications: []world.Application{
			{ClientID: usClient, PrincipalID: "principal", FederatedCredentials: credential("api://AzureADTokenExchangeUSGov")},
		}},
		{ID: chinaTenant, Cloud: "china", Applications: []world.Application{
			{ClientID: chinaClient, PrincipalID: "principal", FederatedCredentials: credential("api://AzureADTokenExchangeChina")},
		}},
	}}
}

// rig is Entra on a network of its own, with one cluster's issuer.
type rig struct {
	network *network.Network
	entra   *entra.Server
	cloud   *azure.Cloud
	engine  *providertest.Engine
	key     oidctest.Key
	issuer  *oidctest.Issuer
	client  *http.Client
	dir     string
	// now is Entra's clock.
	now time.Time
}

func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{key: oidctest.RSAKey(t, "cluster"), dir: t.TempDir(), now: time.Now()}
	r.issuer = oidctest.New(issuerURL, r.key)
	var err error
	r.cloud, err = azure.Open(filepath.Join(r.dir, "azure.json"), customers(), time.Millisecond, 0)
	require.NoError(t, err)
	r.engine = providertest.New(t, r.cloud.Provider().Open(), map[string]any{"subscriptionId": subscription, "tenantId": tenant})
	r.engine.MustCreate("azure-native:managedidentity:FederatedIdentityCredential", "refresher", map[string]any{
		"resourceGroupName": "apps", "resourceName": "id-pull", "federatedIdentityCredentialResourceName": "refresher",
		"issuer": issuerURL, "subject": subject, "audiences": []any{exchange},
	})
	r.network, err = network.Open(filepath.Join(r.dir, "network"))
	require.NoError(t, err)
	require.NoError(t, r.network.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, r.network.Close()) })
	r.network.Handle(r.issuer.Host(), r.issuer)
	r.entra = r.open(t)
	r.client = client(t, r.network)
	return r
}

// open starts Entra from what the directory holds.
func (r *rig) open(t *testing.T) *entra.Server {
	t.Helper()
	server, err := entra.New(entra.Config{
		Cloud: r.cloud, World: customers(), Dir: filepath.Join(r.dir, "entra"), Client: r.network.Client(),
		Now: func() time.Time { return r.now },
	})
	require.NoError(t, err)
	for _, host := range server.Hosts() {
		r.network.Handle(host, server)
	}
	return server
}

// client is built from what HTTPS_PROXY and SSL_CERT_FILE would say.
func client(t *testing.T, n *network.Network) *http.Client {
	t.Helper()
	proxy, err := url.Parse(n.Proxy())
	require.NoError(t, err)
	text, err := os.ReadFile(n.CAFile())
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(text))
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// claims are those of the refresher's ServiceAccount token, with changes; nil
// takes a claim away.
func (r *rig) claims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": issuerURL, "sub": subject, "aud": []string{exchange},
		"iat": r.now.Unix(), "nbf": r.now.Unix(), "exp": r.now.Add(time.Hour).Unix(),
		"kubernetes.io": map[string]any{"namespace": "shop"},
	}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (r *rig) assertion(t *testing.T, changes map[string]any) string {
	t.Helper()
	return r.key.Sign(t, r.claims(changes))
}

// form is the refresher's request, with changes; an empty value takes one away.
func form(assertion string, changes map[string]string) url.Values {
	values := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {identityClient}, "scope": {scope},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	}
	for name, value := range changes {
		values.Set(name, value)
		if value == "" {
			values.Del(name)
		}
	}
	return values
}

// answer is what the token endpoint says, of either kind.
type answer struct {
	Status int `json:"-"`

	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	ExtExpires  int    `json:"ext_expires_in"`
	AccessToken string `json:"access_token"`

	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

func (r *rig) post(t *testing.T, host, tenant string, values url.Values) answer {
	t.Helper()
	response, err := r.client.PostForm("https://"+host+"/"+tenant+"/oauth2/v2.0/token", values)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	assert.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	got := answer{Status: response.StatusCode}
	require.NoError(t, json.Unmarshal(text, &got), string(text))
	return got
}

func (r *rig) get(t *testing.T, address string) (status int, document map[string]any) {
	t.Helper()
	response, err := r.client.Get(address)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&document))
	return response.StatusCode, document
}

// verified checks a token as Google does: by discovery from its issuer, over
// the network.
func (r *rig) verified(t *testing.T, issuer, token string) map[string]any {
	t.Helper()
	claims, err := oidc.NewVerifier(r.network.Client(), jose.RS256, jose.ES256).Verify(t.Context(), issuer, token)
	require.NoError(t, err)
	return claims
}
