package settings_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/settings"
)

func environment(changes map[string]string) settings.Lookup {
	env := map[string]string{
		"WAYBILL_TRUST":               "entra",
		"WAYBILL_SECRET":              "product-pull",
		"WAYBILL_NAMESPACE":           "product",
		"WAYBILL_IMAGE":               "europe-west1-docker.pkg.dev/vendor/acme/product:1.10",
		"WAYBILL_CREDENTIAL_CONFIG":   "/etc/waybill/credential-config.json",
		"WAYBILL_SUBJECT_TOKEN_FILE":  "/var/run/secrets/waybill/subject/token",
		"WAYBILL_GCP_PROJECT_NUMBER":  "123456789012",
		"WAYBILL_GCP_POOL":            "acme-pool",
		"WAYBILL_GCP_PROVIDER":        "acme-entra",
		"WAYBILL_GCP_SERVICE_ACCOUNT": "acme-pull@vendor-images.iam.gserviceaccount.com",
		"AZURE_CLIENT_ID":             "66666666-7777-8888-9999-000000000000",
		"AZURE_TENANT_ID":             "11111111-2222-3333-4444-555555555555",
		"AZURE_AUTHORITY_HOST":        "https://login.microsoftonline.com/",
		"AZURE_FEDERATED_TOKEN_FILE":  "/var/run/secrets/waybill/subject/token",
	}
	maps.Copy(env, changes)

	return func(key string) (string, bool) { value, ok := env[key]; return value, ok }
}

func TestDefaultsLiveInTheProgram(t *testing.T) {
	s, err := settings.Load(environment(nil))
	require.NoError(t, err)
	assert.Equal(t, 4*time.Minute, s.Deadline)
	assert.Equal(t, 90*time.Second, s.Propagation)
	assert.Equal(t, "api://AzureADTokenExchange/.default", s.Entra.Scope)
	assert.Equal(t, []string{"api://AzureADTokenExchange"}, s.SubjectAudiences)
	assert.Empty(t, s.Google.SubjectTokenFile)
}

func TestTheClusterTrustTakesTheProvidersFullNameAsAudience(t *testing.T) {
	s, err := settings.Load(environment(map[string]string{"WAYBILL_TRUST": "cluster", "AZURE_TENANT_ID": ""}))
	require.NoError(t, err)
	assert.Nil(t, s.Entra)
	assert.Equal(t, "https://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/acme-pool/providers/acme-entra", s.SubjectAudiences[0])
	assert.Equal(t, "/var/run/secrets/waybill/subject/token", s.Google.SubjectTokenFile)

	s, err = settings.Load(environment(map[string]string{"WAYBILL_TRUST": "cluster", "WAYBILL_SUBJECT_AUDIENCE": "vendor"}))
	require.NoError(t, err)
	assert.Equal(t, []string{"vendor"}, s.SubjectAudiences)
}

func TestSovereignCloudsHaveAnAudienceOfTheirOwn(t *testing.T) {
	for authority, audience := range map[string]string{
		"https://login.microsoftonline.us":  "api://AzureADTokenExchangeUSGov",
		"https://login.chinacloudapi.cn/":   "api://AzureADTokenExchangeChina",
		"https://login.microsoftonline.com": "api://AzureADTokenExchange",
	} {
		s, err := settings.Load(environment(map[string]string{"AZURE_AUTHORITY_HOST": authority}))
		require.NoError(t, err)
		assert.Equal(t, []string{audience}, s.SubjectAudiences)
		assert.Contains(t, s.Entra.Hosts(), strings.Trim(strings.TrimPrefix(authority, "https://"), "/"))
	}
}

func TestEachWrongValueIsNamedWithTheWish(t *testing.T) {
	cases := []struct{ key, value, wish string }{
		{"WAYBILL_TRUST", "", "want a value"},
		{"WAYBILL_TRUST", "aws", "want entra, cluster, irsa or pod-identity"},
		{"WAYBILL_SECRET", "Pull_Secret", "want a Kubernetes name"},
		{"WAYBILL_NAMESPACE", "a.b", "want a Kubernetes name"},
		{"WAYBILL_IMAGE", "europe-west1-docker.pkg.dev/vendor/acme/product", "want HOST/PATH:TAG"},
		{"WAYBILL_IMAGE", "product:1", "want HOST/PATH:TAG"},
		{"WAYBILL_IMAGE", "docker.io/library/product:1", "no other host is shown the token"},
		{"WAYBILL_IMAGE", "pkg.dev/vendor/product:1", "no other host is shown the token"},
		{"WAYBILL_IMAGE", "evil.example/x-docker.pkg.dev/product:1", "no other host is shown the token"},
		{"WAYBILL_IMAGE", "x-docker.pkg.dev:8443/vendor/product:1", "no other host is shown the token"},
		{"WAYBILL_DEADLINE", "4", "want a duration from 1s to 1h0m0s"},
		{"WAYBILL_DEADLINE", "0s", "want a duration from 1s to 1h0m0s"},
		{"WAYBILL_PROPAGATION", "-1s", "want a duration from 0s to 1h0m0s"},
		{"WAYBILL_CREDENTIAL_CONFIG", "config.json", "want an absolute path"},
		{"WAYBILL_CREDENTIAL_CONFIG", "/etc/../secret", "want an absolute path"},
		{"WAYBILL_GCP_PROJECT_NUMBER", "vendor-images", "its ID does not work here"},
		{"WAYBILL_GCP_POOL", "Acme", "want 4 to 32"},
		{"WAYBILL_GCP_PROVIDER", "gcp-acme", "which Google reserves"},
		{"WAYBILL_GCP_PROVIDER", "a/../../b", "want 4 to 32"},
		{"WAYBILL_GCP_SERVICE_ACCOUNT", "acme-pull@gmail.com", "iam.gserviceaccount.com"},
		{"WAYBILL_GCP_SERVICE_ACCOUNT", "acme-pull@x.iam.gserviceaccount.com/../y", "iam.gserviceaccount.com"},
		{"AZURE_TENANT_ID", "common", "want the tenant's GUID"},
		{"AZURE_CLIENT_ID", "my-identity", "a GUID"},
		{"AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com/", "login.microsoftonline.us"},
		{"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com.stranger.example/", "want https:// and one of"},
		{"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/other-tenant", "want https:// and one of"},
		{"AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/azure/tokens/azure-identity-token", "WAYBILL_SUBJECT_TOKEN_FILE"},
		{"WAYBILL_ENTRA_SCOPE", "api://AzureADTokenExchange", "ends in /.default"},
		{"WAYBILL_ENTRA_SCOPE", "a/.default b/.default", "want one scope"},
	}
	for _, c := range cases {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			_, err := settings.Load(environment(map[string]string{c.key: c.value}))
			problems := settings.AsProblems(err)
			require.Len(t, problems, 1)
			assert.True(t, strings.HasPrefix(problems[0], c.key+" \""), problems[0])
			assert.Contains(t, problems[0], c.wish)
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := settings.Load(environment(map[string]string{"WAYBILL_SECRET": "", "WAYBILL_GCP_POOL": "x", "AZURE_TENANT_ID": "y"}))
	assert.Len(t, settings.AsProblems(err), 3)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestARefusedURLIsShownWithoutItsSecrets(t *testing.T) {
	_, err := settings.Load(environment(map[string]string{"AZURE_AUTHORITY_HOST": "https://user:hunter2@login.microsoftonline.com/?key=hunter2"}))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestTheSubjectTokenAloneNeedsLess(t *testing.T) {
	only := map[string]string{"WAYBILL_SECRET": "", "WAYBILL_NAMESPACE": "", "WAYBILL_IMAGE": "", "WAYBILL_GCP_POOL": ""}
	_, err := settings.LoadSubject(environment(only))
	require.NoError(t, err)
	only["WAYBILL_TRUST"] = "cluster"
	_, err = settings.LoadSubject(environment(only))
	require.ErrorContains(t, err, "want entra")
}

// A pool that knows several clusters puts the environment before the subject:
// what an operator is shown has to be the member that IAM is asked about.
func TestTheEnvironmentIsPartOfThePrincipal(t *testing.T) {
	s, err := settings.Load(environment(map[string]string{"WAYBILL_TRUST": "cluster", "AZURE_TENANT_ID": "", "WAYBILL_GCP_ENVIRONMENT": "prod"}))
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(s.Google.Principal("system:serviceaccount:a:b"), "/subject/prod::system:serviceaccount:a:b"))

	_, err = settings.Load(environment(map[string]string{"WAYBILL_TRUST": "cluster", "AZURE_TENANT_ID": "", "WAYBILL_GCP_ENVIRONMENT": "a:b"}))
	require.ErrorContains(t, err, "WAYBILL_GCP_ENVIRONMENT")
}
