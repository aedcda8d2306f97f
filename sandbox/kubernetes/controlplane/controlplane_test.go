package controlplane_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/world"
)

// issuer ends in a slash, as an AKS cluster's does (docs/facts.md §7).
const issuer = "https://westeurope.oic.prod-aks.azure.com/11111111-1111-1111-1111-111111111111/22222222-2222-2222-2222-222222222222/"

// binary is the control plane that `make tools` builds.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("WAYBILL_CONTROLPLANE")
	if path == "" {
		path = filepath.Join("..", "..", "..", ".build", "bin", "controlplane")
	}
	_, err := os.Stat(path)
	require.NoError(t, err, "run `make tools`")
	absolute, err := filepath.Abs(path)
	require.NoError(t, err)
	return absolute
}

func start(t *testing.T, config controlplane.Config) (*controlplane.Cluster, kubernetes.Interface) {
	t.Helper()
	cluster, err := controlplane.Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cluster.Stop()) })
	client, err := kubernetes.NewForConfig(cluster.RESTConfig())
	require.NoError(t, err)
	return cluster, client
}

func TestRestartKeepsObjectsAndTokensVerifyAgainstThePublishedKeys(t *testing.T) {
	config := controlplane.Config{
		Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer,
		Namespaces: []world.Namespace{{Name: "shop", Labels: map[string]string{"team": "shop"}}},
	}
	cluster, client := start(t, config)
	key, err := os.ReadFile(cluster.SigningKeyFile())
	require.NoError(t, err)

	_, err = client.CoreV1().ConfigMaps("shop").Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Data: map[string]string{"a": "b"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	token := mint(t, client)
	requireVerified(t, cluster, token)
	require.NoError(t, cluster.Stop())
	require.NoError(t, cluster.Err(), "an orderly stop is no failure")

	again, client := start(t, config)
	after, err := os.ReadFile(again.SigningKeyFile())
	require.NoError(t, err)
	assert.Equal(t, key, after, "the signing key")
	kept, err := client.CoreV1().ConfigMaps("shop").Get(t.Context(), "kept", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b"}, kept.Data)
	namespace, err := client.CoreV1().Namespaces().Get(t.Context(), "shop", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "shop", namespace.Labels["team"])
	requireVerified(t, again, token)
	requireVerified(t, again, mint(t, client))

	review, err := client.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{"api://AzureADTokenExchange"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	assert.True(t, review.Status.Authenticated, "the API server takes the token of before the restart: %s", review.Status.Error)
}

func TestControllersPublishTheRootCertificateAndFinishDeletions(t *testing.T) {
	_, client := start(t, controlplane.Config{
		Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer,
		Namespaces: []world.Namespace{{Name: "shop"}},
	})
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		root, err := client.CoreV1().ConfigMaps("shop").Get(t.Context(), "kube-root-ca.crt", metav1.GetOptions{})
		require.NoError(c, err)
		assert.Contains(c, root.Data["ca.crt"], "BEGIN CERTIFICATE")
	}, 30*time.Second, 50*time.Millisecond)

	require.NoError(t, client.CoreV1().Namespaces().Delete(t.Context(), "shop", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		list, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=shop"})
		return err == nil && len(list.Items) == 0
	}, 30*time.Second, 50*time.Millisecond, "the namespace controller finalizes the namespace")
}

func TestKubeconfigReachesEveryClusterByItsContext(t *testing.T) {
	first, _ := start(t, controlplane.Config{Binary: binary(t), Dir: t.TempDir(), Context: "one", Issuer: "https://one.example/"})
	second, client := start(t, controlplane.Config{
		Binary: binary(t), Dir: t.TempDir(), Context: "two", Issuer: "https://two.example",
		Namespaces: []world.Namespace{{Name: "only-in-two"}},
	})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, controlplane.WriteKubeconfig(path, first, second))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: path},
		&clientcmd.ConfigOverrides{CurrentContext: "two"}).ClientConfig()
	require.NoError(t, err)
	two, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = two.CoreV1().Namespaces().Get(t.Context(), "only-in-two", metav1.GetOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().Namespaces().Get(t.Context(), "only-in-two", metav1.GetOptions{})
	require.NoError(t, err)

	err = controlplane.WriteKubeconfig(path, first, first)
	require.ErrorContains(t, err, `"one"`)
	require.Error(t, controlplane.WriteKubeconfig(path))
}

func TestAnEarlyEndCarriesTheEndOfTheLog(t *testing.T) {
	dir := t.TempDir()
	// etcd cannot use a file as its data directory's member folder.
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "etcd"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etcd", "member"), []byte("not a folder"), 0o600))
	_, err := controlplane.Start(t.Context(), controlplane.Config{
		Binary: binary(t), Dir: dir, Context: "customer", Issuer: issuer,
	})
	require.ErrorContains(t, err, "context customer")
	require.ErrorContains(t, err, "etcd ended early")
	require.ErrorContains(t, err, "member", "the log says what is wrong")
}

func TestAProcessThatDiesLaterIsReported(t *testing.T) {
	cluster, _ := start(t, controlplane.Config{Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer})
	require.NoError(t, cluster.Err())
	kill(t, cluster)
	require.Eventually(t, func() bool { return cluster.Err() != nil }, 30*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, cluster.Err(), "ended early")
}

func TestABinaryThatIsNotThereIsReportedWithTheRemedy(t *testing.T) {
	_, err := controlplane.Start(t.Context(), controlplane.Config{Binary: "/nonexistent/controlplane"})
	require.ErrorContains(t, err, "run `make tools`")
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := controlplane.Start(ctx, controlplane.Config{Binary: binary(t), Dir: t.TempDir(), Context: "customer", Issuer: issuer})
	require.ErrorIs(t, err, context.Canceled)
}

// mint asks for a token of shop's default ServiceAccount, for Entra.
func mint(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	seconds := int64(3600)
	request, err := client.CoreV1().ServiceAccounts("shop").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"api://AzureADTokenExchange"}, ExpirationSeconds: &seconds},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return request.Status.Token
}

// requireVerified checks a token as a cloud does: discovery document, key set,
// RS256 signature, claims; all without a credential.
func requireVerified(t *testing.T, cluster *controlplane.Cluster, token string) {
	t.Helper()
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(cluster.RESTConfig()))
	require.NoError(t, err)
	get := func(path string, into any) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cluster.RESTConfig().Host+path, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		require.NoError(t, json.NewDecoder(response.Body).Decode(into))
	}
	var discovery struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	get("/.well-known/openid-configuration", &discovery)
	assert.Equal(t, issuer, discovery.Issuer)
	assert.Equal(t, strings.TrimSuffix(issuer, "/")+"/openid/v1/jwks", discovery.JWKSURI)
	var keys struct {
		Keys []struct{ Kid, Alg, N, E string }
	}
	get("/openid/v1/jwks", &keys)
	require.Len(t, keys.Keys, 1)
	assert.Equal(t, "RS256", keys.Keys[0].Alg)

	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	decode := func(part string) []byte {
		text, err := base64.RawURLEncoding.DecodeString(part)
		require.NoError(t, err)
		return text
	}
	var header struct{ Alg, Kid string }
	require.NoError(t, json.Unmarshal(decode(parts[0]), &header))
	assert.Equal(t, "RS256", header.Alg)
	assert.Equal(t, keys.Keys[0].Kid, header.Kid)
	public := &rsa.PublicKey{
		N: new(big.Int).SetBytes(decode(keys.Keys[0].N)),
		E: int(new(big.Int).SetBytes(decode(keys.Keys[0].E)).Int64()),
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	require.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], decode(parts[2])))
	var claims struct {
		Iss, Sub string
		Aud      []string
	}
	require.NoError(t, json.Unmarshal(decode(parts[1]), &claims))
	assert.Equal(t, issuer, claims.Iss)
	assert.Equal(t, "system:serviceaccount:shop:default", claims.Sub)
	assert.Equal(t, []string{"api://AzureADTokenExchange"}, claims.Aud)
}
