package googleapis_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/googleapis"
)

const denied = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."

func TestAnAccountsTokenLivesAsLongAsAskedUpToAnHour(t *testing.T) {
	s := newSetting(t)
	federated := s.federated()
	for lifetime, want := range map[string]time.Duration{"": time.Hour, "3600s": time.Hour, "600s": 10 * time.Minute, "1s": time.Second, "60.0s": time.Minute} {
		var body map[string]any
		if lifetime != "" {
			body = map[string]any{"lifetime": lifetime}
		}
		granted := s.impersonate(impersonateURL, federated, body)
		require.Equal(t, http.StatusOK, granted.status, granted.text)
		assert.Equal(t, s.clock.now.Add(want).UTC().Format(time.RFC3339), granted.fields["expireTime"], lifetime)
		got, err := s.server.Tokens.Open(granted.fields["accessToken"].(string))
		require.NoError(t, err)
		assert.Equal(t, email, got.Email)
	}
	for _, lifetime := range []string{"3601s", "43200s", "0s", "-1s", "1h", "3600", "1.5s", "soon"} {
		refused := s.impersonate(impersonateURL, federated, map[string]any{"lifetime": lifetime})
		assert.Equal(t, http.StatusBadRequest, refused.status, lifetime)
		assert.Contains(t, refused.text, `"status":"INVALID_ARGUMENT"`, lifetime)
		assert.Contains(t, refused.text, "Invalid lifetime", lifetime)
	}
}

func TestAnAccountsTokenIsRefusedForEachWrongRequest(t *testing.T) {
	s := newSetting(t)
	federated := s.federated()
	narrow, err := s.server.Tokens.Mint(googleapis.Principal{
		PoolProject: number, Pool: "acme-azure", Federated: []string{principal},
		Scopes: []string{"https://www.googleapis.com/auth/devstorage.read_only"}, Expiry: s.clock.now.Add(time.Hour),
	})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		at, token string
		body      map[string]any
		status    int
		words     []string
	}{
		"no token":          {impersonateURL, "", nil, http.StatusUnauthorized, []string{"Request is missing required authentication credential.", `"status":"UNAUTHENTICATED"`}},
		"not a token":       {impersonateURL, "abc", nil, http.StatusUnauthorized, []string{"Request had invalid authentication credentials."}},
		"a changed token":   {impersonateURL, federated[:len(federated)-2] + "AA", nil, http.StatusUnauthorized, []string{"Request had invalid authentication credentials."}},
		"a narrow token":    {impersonateURL, narrow, nil, http.StatusForbidden, []string{"Request had insufficient authentication scopes."}},
		"no scope":          {impersonateURL, federated, map[string]any{"scope": nil}, http.StatusBadRequest, []string{"Invalid scope", `"status":"INVALID_ARGUMENT"`}},
		"delegates":         {impersonateURL, federated, map[string]any{"delegates": []string{"x"}}, http.StatusBadRequest, []string{"delegat"}},
		"a project":         {strings.Replace(impersonateURL, "/-/", "/"+project+"/", 1), federated, nil, http.StatusBadRequest, []string{"wildcard"}},
		"scope of one text": {impersonateURL, federated, map[string]any{"scope": "x"}, http.StatusBadRequest, []string{"Invalid JSON payload"}},
		"another account":   {strings.Replace(impersonateURL, "acme", "globex", 1), federated, nil, http.StatusNotFound, []string{"Not found; Gaia id not found for email globex-pull@"}},
		"another method":    {strings.Replace(impersonateURL, "Access", "Id", 1), federated, nil, http.StatusNotFound, []string{"Method not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			refused := s.impersonate(test.at, test.token, test.body)
			assert.Equal(t, test.status, refused.status)
			for _, words := range test.words {
				assert.Contains(t, refused.text, words)
			}
		})
	}
}

func TestAnAccountIsForItsMembersOnly(t *testing.T) {
	s := newSetting(t)
	federated := s.federated()
	for name, member := range map[string]string{
		"another subject":       strings.Replace(principal, subject, client, 1),
		"another case":          strings.Replace(principal, subject, strings.ToUpper(subject), 1),
		"a prefix":              principal[:len(principal)-1],
		"an attribute":          "principalSet://iam.googleapis.com/" + poolName + "/attribute.tenant/" + tenant,
		"all authenticated":     "allAuthenticatedUsers",
		"a group of the pool's": "principalSet://iam.googleapis.com/" + poolName + "/group/" + subject,
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.engine.Delete(s.grant))
			inputs := map[string]any{"serviceAccountId": "projects/" + project + "/serviceAccounts/" + email, "role": userRole, "member": member}
			s.grant = s.engine.MustCreate("gcp:serviceaccount/iAMMember:IAMMember", "grant", inputs)
			refused := s.impersonate(impersonateURL, federated, nil)
			assert.Equal(t, http.StatusForbidden, refused.status)
			assert.Contains(t, refused.text, denied)
			assert.Contains(t, refused.text, `"status":"PERMISSION_DENIED"`)
		})
	}
	require.NoError(t, s.engine.Delete(s.grant))
	_, err := s.walk(nil)
	require.ErrorContains(t, err, "status code 403")
	require.ErrorContains(t, err, denied)
}

func TestAnotherRoleIsNotEnough(t *testing.T) {
	s := newSetting(t)
	require.NoError(t, s.engine.Delete(s.grant))
	for role, status := range map[string]int{
		"roles/iam.serviceAccountUser": http.StatusForbidden, "roles/iam.serviceAccountTokenCreator": http.StatusOK,
	} {
		grant := s.engine.MustCreate("gcp:serviceaccount/iAMMember:IAMMember", "grant", map[string]any{
			"serviceAccountId": "projects/" + project + "/serviceAccounts/" + email, "role": role, "member": principal,
		})
		assert.Equal(t, status, s.impersonate(impersonateURL, s.federated(), nil).status, role)
		require.NoError(t, s.engine.Delete(grant))
	}
}

func TestADisabledAccountGetsNoTokens(t *testing.T) {
	s := newSetting(t)
	s.update(s.account, accountInputs(map[string]any{"disabled": true}))
	refused := s.impersonate(impersonateURL, s.federated(), nil)
	assert.Equal(t, http.StatusBadRequest, refused.status)
	assert.Contains(t, refused.text, "is disabled")
}

func TestTheCredentialsServiceMustBeEnabled(t *testing.T) {
	s := newSetting(t, apis("iamcredentials")...)
	_, err := s.walk(nil)
	require.ErrorContains(t, err, "IAM Service Account Credentials API has not been used in project "+number)
}
