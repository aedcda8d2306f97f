package entra_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/world"
)

func (r *rig) options(host string) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + host + "/"},
		Transport: r.client,
		Retry:     policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: 10 * time.Millisecond},
	}
}

func (r *rig) assertionCredential(t *testing.T, host, tenant, client, assertion string) *azidentity.ClientAssertionCredential {
	t.Helper()
	credential, err := azidentity.NewClientAssertionCredential(tenant, client,
		func(context.Context) (string, error) { return assertion, nil },
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: r.options(host)})
	require.NoError(t, err)
	return credential
}

func ask(t *testing.T, credential azcore.TokenCredential, scope string) (azcore.AccessToken, error) {
	t.Helper()
	return credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
}

func TestMicrosoftsClientsGetATokenUnmodified(t *testing.T) {
	r := start(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(r.assertion(t, nil)), 0o600))
	workload, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: r.options(authority), TenantID: tenant, ClientID: identityClient, TokenFilePath: file,
	})
	require.NoError(t, err)
	for name, credential := range map[string]azcore.TokenCredential{
		"ClientAssertionCredential":  r.assertionCredential(t, authority, tenant, identityClient, r.assertion(t, nil)),
		"WorkloadIdentityCredential": workload,
	} {
		token, err := ask(t, credential, scope)
		require.NoError(t, err, name)
		claims := r.verified(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", token.Token)
		assert.Equal(t, identityPrincipal, claims["sub"])
		assert.WithinDuration(t, time.Now().Add(24*time.Hour), token.ExpiresOn, time.Minute)
	}

	token, err := ask(t, r.assertionCredential(t, "login.chinacloudapi.cn", chinaTenant, chinaClient,
		r.assertion(t, map[string]any{"aud": "api://AzureADTokenExchangeChina"})), "api://AzureADTokenExchangeChina/.default")
	require.NoError(t, err)
	r.verified(t, "https://login.partner.microsoftonline.cn/"+chinaTenant+"/v2.0", token.Token)
}

func TestMicrosoftsClientUnderstandsTheRefusals(t *testing.T) {
	r := start(t)
	_, err := ask(t, r.assertionCredential(t, authority, tenant, identityClient, r.assertion(t, map[string]any{"sub": "somebody"})), scope)
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, err, &failed)
	require.NotNil(t, failed.RawResponse)
	assert.Equal(t, http.StatusUnauthorized, failed.RawResponse.StatusCode)
	assert.ErrorContains(t, err, "AADSTS700213")

	_, err = ask(t, r.assertionCredential(t, authority, otherTenant[:35]+"9", identityClient, r.assertion(t, nil)), scope)
	require.ErrorContains(t, err, "AADSTS90002", "the tenant is refused at its discovery document")
}

func TestMicrosoftsClientSurvivesWhatItIsBuiltToSurvive(t *testing.T) {
	r := start(t)
	endpoint := func(request *http.Request) bool { return strings.HasSuffix(request.URL.Path, "/oauth2/v2.0/token") }
	for name, fault := range map[string]network.Fault{
		"an outage":      {Status: http.StatusServiceUnavailable, Body: "busy", Times: 2},
		"a server error": {Status: http.StatusInternalServerError, Times: 1},
		"a reset":        {Reset: true, Times: 1},
	} {
		stop := r.network.Fault(endpoint, fault)
		token, err := ask(t, r.assertionCredential(t, authority, tenant, identityClient, r.assertion(t, nil)), scope)
		require.NoError(t, err, name)
		assert.NotEmpty(t, token.Token)
		stop()
	}
	stop := r.network.Fault(endpoint, network.Fault{Body: "<html>not JSON</html>"})
	defer stop()
	_, err := ask(t, r.assertionCredential(t, authority, tenant, identityClient, r.assertion(t, nil)), scope)
	require.Error(t, err)
}

func TestATokenOfARealClusterIsExchangedThroughItsPublishedIssuer(t *testing.T) {
	binary := os.Getenv("WAYBILL_CONTROLPLANE")
	if binary == "" {
		binary = filepath.Join("..", "..", ".build", "bin", "controlplane")
	}
	_, err := os.Stat(binary)
	require.NoError(t, err, "run `make tools`")
	binary, err = filepath.Abs(binary)
	require.NoError(t, err)
	cluster, err := controlplane.Start(t.Context(), controlplane.Config{
		Binary: binary, Dir: t.TempDir(), Context: "customer", Issuer: issuerURL,
		Namespaces: []world.Namespace{{Name: "shop"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cluster.Stop()) })

	r := start(t)
	source, err := oidc.FromCluster(cluster.Issuer(), cluster.RESTConfig())
	require.NoError(t, err)
	issuers, err := oidc.Publish(source)
	require.NoError(t, err)
	for host, handler := range issuers {
		r.network.Handle(host, handler)
	}

	kube, err := kubernetes.NewForConfig(cluster.RESTConfig())
	require.NoError(t, err)
	mint := func(name, audience string) string {
		_, err := kube.CoreV1().ServiceAccounts("shop").Create(t.Context(),
			&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
		token, err := kube.CoreV1().ServiceAccounts("shop").CreateToken(t.Context(), name, &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return token.Status.Token
	}
	token, err := ask(t, r.assertionCredential(t, authority, tenant, identityClient, mint("refresher", exchange)), scope)
	require.NoError(t, err)
	claims := r.verified(t, "https://login.microsoftonline.com/"+tenant+"/v2.0", token.Token)
	assert.Equal(t, identityPrincipal, claims["sub"])

	_, err = ask(t, r.assertionCredential(t, authority, tenant, identityClient, mint("product", exchange)), scope)
	require.ErrorContains(t, err, "AADSTS700213")
	assert.ErrorContains(t, err, "system:serviceaccount:shop:product")
}
