package settings_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/credconfig"
	"waybill.example/waybill/refresher/internal/settings"
)

const tokenFile = "/var/run/secrets/waybill/subject/token"

// pod is the environment of a trust of Google's with the credential configuration in place, and changes; a change to "-"
// takes the variable away.
func pod(t *testing.T, trust string, changes map[string]string) settings.Lookup {
	t.Helper()
	env := map[string]string{
		"WAYBILL_TRUST":                  trust,
		"WAYBILL_SECRET":                 "product-pull",
		"WAYBILL_NAMESPACE":              "product",
		"WAYBILL_REGISTRY":               "europe-west1-docker.pkg.dev",
		"WAYBILL_IMAGES":                 "europe-west1-docker.pkg.dev/vendor/acme/product:1.10",
		"GOOGLE_APPLICATION_CREDENTIALS": filepath.Join(t.TempDir(), "credential-config.json"),
	}
	inFile := ""
	if trust == "entra" {
		env["AZURE_CLIENT_ID"] = "66666666-7777-8888-9999-000000000000"
		env["AZURE_TENANT_ID"] = "11111111-2222-3333-4444-555555555555"
		env["AZURE_AUTHORITY_HOST"] = "https://login.microsoftonline.com/"
		env["AZURE_FEDERATED_TOKEN_FILE"] = tokenFile
	} else {
		inFile = tokenFile
		env["WAYBILL_SUBJECT_TOKEN_FILE"] = tokenFile
	}
	rendered, err := credconfig.Render(google, inFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(env["GOOGLE_APPLICATION_CREDENTIALS"], rendered, 0o600))
	return changed(env, changes)
}

var google = credconfig.Identifiers{
	ProjectNumber: "123456789012", Pool: "acme-pool", Provider: "acme-entra", ServiceAccount: "acme-pull@vendor-images.iam.gserviceaccount.com",
}

func changed(env, changes map[string]string) settings.Lookup {
	maps.Copy(env, changes)
	maps.DeleteFunc(env, func(_, value string) bool { return value == "-" })
	return func(key string) (string, bool) { value, ok := env[key]; return value, ok }
}

func TestDefaultsLiveInTheProgram(t *testing.T) {
	s, err := settings.Load(pod(t, "entra", nil))
	require.NoError(t, err)
	assert.Equal(t, 4*time.Minute, s.Deadline)
	assert.Equal(t, 90*time.Second, s.Propagation)
	assert.Equal(t, "api://AzureADTokenExchange/.default", s.Entra.Scope)
	assert.Equal(t, "api://AzureADTokenExchange", s.SubjectAudience)
}

func TestTheIdentifiersAreThoseOfTheCredentialConfiguration(t *testing.T) {
	for _, trust := range []string{"entra", "cluster"} {
		s, err := settings.Load(pod(t, trust, nil))
		require.NoError(t, err)
		assert.Equal(t, google, s.Google)
		assert.Equal(t, tokenFile, s.SubjectTokenFile)
	}
}

func TestTheClusterTrustTakesTheProvidersFullNameAsAudience(t *testing.T) {
	s, err := settings.Load(pod(t, "cluster", nil))
	require.NoError(t, err)
	assert.Nil(t, s.Entra)
	assert.Equal(t, "https://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/acme-pool/providers/acme-entra",
		s.SubjectAudience)
}

func TestTheReadmeListsTheVariablesThatAreRead(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	listed, read := map[string]bool{}, map[string]bool{settings.AuthorityKey: true}
	for _, row := range regexp.MustCompile("(?m)^\\| `[A-Z].*? \\|").FindAllString(string(text), -1) {
		for _, key := range regexp.MustCompile(`[A-Z][A-Z0-9_]+|https_proxy`).FindAllString(row, -1) {
			listed[key] = true
		}
	}
	for _, lookup := range []settings.Lookup{
		pod(t, "entra", nil), pod(t, "cluster", nil), amazonPod("irsa", nil), amazonPod("pod-identity", nil),
	} {
		_, err := settings.Load(func(key string) (string, bool) {
			read[key] = true
			return lookup(key)
		})
		require.NoError(t, err)
	}
	assert.Equal(t, read, listed)
}

func TestEachImageIsNamedOnceWithItsWish(t *testing.T) {
	host := "europe-west1-docker.pkg.dev"
	s, err := settings.Load(pod(t, "entra", map[string]string{"WAYBILL_IMAGES": "\n" + host + "/a/b:1\n\n" + host + "/a/c:1 \t" + host + "/a/b:1\n"}))
	require.NoError(t, err)
	assert.Equal(t, []string{host + "/a/b:1", host + "/a/c:1"}, s.Names())

	_, err = settings.Load(pod(t, "entra", map[string]string{"WAYBILL_IMAGES": host + "/a/b:1 " + host + "/a/b docker.io/a/b:1 " + host + "/A:1"}))
	assert.Equal(t, settings.Problems{
		`WAYBILL_IMAGES "` + host + `/a/b": want HOST/PATH:TAG or HOST/PATH@sha256:DIGEST`,
		`WAYBILL_IMAGES "docker.io/a/b:1": its host is index.docker.io: want ` + host + `, the pod's WAYBILL_REGISTRY; no other host is shown the token`,
		`WAYBILL_IMAGES "` + host + `/A:1": want HOST/PATH:TAG or HOST/PATH@sha256:DIGEST`,
	}, settings.AsProblems(err))

	for _, none := range []string{"-", "", " \n"} {
		_, err = settings.Load(pod(t, "entra", map[string]string{"WAYBILL_IMAGES": none}))
		assert.Equal(t, settings.Problems{`WAYBILL_IMAGES "": want at least one image, HOST/PATH:TAG or HOST/PATH@sha256:DIGEST`}, settings.AsProblems(err))
	}
}

func TestSovereignCloudsHaveAnAudienceOfTheirOwn(t *testing.T) {
	for authority, audience := range map[string]string{
		"https://login.microsoftonline.us":  "api://AzureADTokenExchangeUSGov",
		"https://login.chinacloudapi.cn/":   "api://AzureADTokenExchangeChina",
		"https://login.microsoftonline.com": "api://AzureADTokenExchange",
	} {
		s, err := settings.Load(pod(t, "entra", map[string]string{"AZURE_AUTHORITY_HOST": authority}))
		require.NoError(t, err)
		assert.Equal(t, audience, s.SubjectAudience)
		assert.Contains(t, s.Entra.Hosts(), strings.Trim(strings.TrimPrefix(authority, "https://"), "/"))
	}
}

func TestEachWrongValueIsNamedWithTheWish(t *testing.T) {
	cases := []struct{ key, value, wish string }{
		{"WAYBILL_TRUST", "", "want a value"},
		{"WAYBILL_TRUST", "aws", "want entra, cluster, irsa or pod-identity"},
		{"WAYBILL_SECRET", "Pull_Secret", "want a Kubernetes name"},
		{"WAYBILL_NAMESPACE", "a.b", "want a Kubernetes name"},
		{"WAYBILL_NAMESPACE", "product a.b", "want a Kubernetes name"},
		{"WAYBILL_NAMESPACE", "product a a", "want each namespace once"},
		{"WAYBILL_IMAGES", "europe-west1-docker.pkg.dev/vendor/acme/product", "want HOST/PATH:TAG"},
		{"WAYBILL_IMAGES", "product:1", "want HOST/PATH:TAG"},
		{"WAYBILL_IMAGES", "docker.io/library/product:1", "no other host is shown the token"},
		{"WAYBILL_IMAGES", "us-east1-docker.pkg.dev/vendor/acme/product:1", "want europe-west1-docker.pkg.dev, the pod's WAYBILL_REGISTRY"},
		{"WAYBILL_IMAGES", "evil.example/europe-west1-docker.pkg.dev/product:1", "its host is evil.example"},
		{"WAYBILL_IMAGES", "europe-west1-docker.pkg.dev:8443/vendor/product:1", "no other host is shown the token"},
		{"WAYBILL_REGISTRY", "", "want a value"},
		{"WAYBILL_DEADLINE", "4", "want a duration from 1s to 1h0m0s"},
		{"WAYBILL_DEADLINE", "0s", "want a duration from 1s to 1h0m0s"},
		{"WAYBILL_PROPAGATION", "-1s", "want a duration from 0s to 1h0m0s"},
		{"GOOGLE_APPLICATION_CREDENTIALS", "config.json", "want an absolute path"},
		{"GOOGLE_APPLICATION_CREDENTIALS", "/etc/../secret", "want an absolute path"},
		{"AZURE_TENANT_ID", "common", "want the tenant's GUID"},
		{"AZURE_CLIENT_ID", "my-identity", "a GUID"},
		{"AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com/", "login.microsoftonline.us"},
		{"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com.stranger.example/", "want https:// and one of"},
		{"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/other-tenant", "want https:// and one of"},
		{"AZURE_FEDERATED_TOKEN_FILE", "token", "want an absolute path"},
		{"WAYBILL_ENTRA_SCOPE", "api://AzureADTokenExchange", "ends in /.default"},
		{"WAYBILL_ENTRA_SCOPE", "a/.default b/.default", "want one scope"},
	}
	for _, c := range cases {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			_, err := settings.Load(pod(t, "entra", map[string]string{c.key: c.value}))
			problems := settings.AsProblems(err)
			require.Len(t, problems, 1)
			assert.True(t, strings.HasPrefix(problems[0], c.key+" \""), problems[0])
			assert.Contains(t, problems[0], c.wish)
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := settings.Load(pod(t, "entra", map[string]string{"WAYBILL_SECRET": "", "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere", "AZURE_TENANT_ID": "y"}))
	assert.Len(t, settings.AsProblems(err), 3)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestARegistryOfAnotherKindIsRefused(t *testing.T) {
	for _, host := range []string{"docker.io", "pkg.dev", "x-docker.pkg.dev:8443", "x-docker.pkg.dev.evil.example"} {
		_, err := settings.Load(pod(t, "entra", map[string]string{"WAYBILL_REGISTRY": host}))
		require.ErrorContains(t, err, "WAYBILL_REGISTRY \""+host+"\": want an Artifact Registry host, LOCATION-docker.pkg.dev")
	}
}

func TestARefusedURLIsShownWithoutItsSecrets(t *testing.T) {
	_, err := settings.Load(pod(t, "entra", map[string]string{"AZURE_AUTHORITY_HOST": "https://user:hunter2@login.microsoftonline.com/?key=hunter2"}))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestTheSubjectTokenAloneNeedsLess(t *testing.T) {
	only := map[string]string{"WAYBILL_SECRET": "", "WAYBILL_NAMESPACE": "", "WAYBILL_IMAGES": "", "WAYBILL_REGISTRY": "", "GOOGLE_APPLICATION_CREDENTIALS": ""}
	_, err := settings.LoadSubject(pod(t, "entra", only))
	require.NoError(t, err)
	only["WAYBILL_TRUST"] = "cluster"
	_, err = settings.LoadSubject(pod(t, "entra", only))
	require.ErrorContains(t, err, "want entra")
}
