package googleapis_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/oidc/oidctest"
)

// A cluster whose issuer nobody outside can reach, in a pool of several clusters:
// its keys are uploaded, and its environment's name stands before the subject.
// String concatenation with a constant is among the examples of
// https://cloud.google.com/iam/docs/workload-identity-federation#mapping
func TestOneClusterOfSeveralIsTrustedByItsUploadedKeys(t *testing.T) {
	const (
		privateIssuer  = "https://kubernetes.default.svc.cluster.local"
		serviceAccount = "system:serviceaccount:bifrost:bifrost-refresher"
	)
	s := newSetting(t)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.rsa.Public()}})
	require.NoError(t, err)
	for _, environment := range []string{"prod", "test"} {
		s.engine.MustCreate("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", environment, map[string]any{
			"workloadIdentityPoolId": "acme-azure", "workloadIdentityPoolProviderId": "acme-" + environment,
			"attributeMapping":   map[string]any{"google.subject": "'" + environment + "::' + assertion.sub"},
			"attributeCondition": "assertion.sub == '" + serviceAccount + "'",
			"oidc":               map[string]any{"issuerUri": privateIssuer, "jwksJson": string(keys)},
		})
	}
	s.engine.MustCreate("gcp:serviceaccount/iAMMember:IAMMember", "prod-grant", map[string]any{
		"serviceAccountId": "projects/" + project + "/serviceAccounts/" + email, "role": userRole,
		"member": "principal://iam.googleapis.com/projects/" + number + "/locations/global/workloadIdentityPools/acme-azure/subject/prod::" + serviceAccount,
	})
	providerName := func(environment string) string {
		return "//iam.googleapis.com/projects/" + number + "/locations/global/workloadIdentityPools/acme-azure/providers/acme-" + environment
	}
	token := func(audience, subject string) string {
		return s.rsa.Sign(t, map[string]any{
			"iss": privateIssuer, "aud": []string{"https:" + audience}, "sub": subject,
			"iat": s.clock.now.Unix(), "exp": s.clock.now.Add(time.Hour).Unix(),
		})
	}
	exchanged := func(environment, subject string) answer {
		return s.exchange(edited(exchangeForm(token(providerName(environment), subject)), "audience", providerName(environment)))
	}
	federated := func(environment string) string {
		t.Helper()
		granted := exchanged(environment, serviceAccount)
		require.Equal(t, http.StatusOK, granted.status, granted.text)
		return granted.fields["access_token"].(string)
	}
	assert.Equal(t, http.StatusOK, s.impersonate(impersonateURL, federated("prod"), nil).status)
	assert.Equal(t, http.StatusForbidden, s.impersonate(impersonateURL, federated("test"), nil).status, "another cluster's ServiceAccount of the same name")

	refused := exchanged("prod", "system:serviceaccount:bifrost:default")
	assert.Equal(t, http.StatusBadRequest, refused.status)
	assert.Contains(t, refused.text, "rejected by the attribute condition")
	foreign := oidctest.RSAKey(t, "rsa").Sign(t, map[string]any{
		"iss": privateIssuer, "aud": "https:" + providerName("prod"), "sub": serviceAccount,
		"iat": s.clock.now.Unix(), "exp": s.clock.now.Add(time.Hour).Unix(),
	})
	assert.Equal(t, http.StatusBadRequest, s.exchange(edited(exchangeForm(foreign), "audience", providerName("prod"))).status, "a key that was not uploaded")
	elsewhere := s.exchange(edited(exchangeForm(token(providerName("test"), serviceAccount)), "audience", providerName("prod")))
	assert.Equal(t, http.StatusBadRequest, elsewhere.status, "a token for the other provider")
	assert.Contains(t, elsewhere.text, "The audience in ID Token")
}
