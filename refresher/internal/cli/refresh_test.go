package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/fault"
)

var chains = map[string][]string{
	"entra":   {"kubernetes ok", "entra ok", "sts ok", "iam ok", "registry ok", "secret ok"},
	"cluster": {"kubernetes ok", "sts ok", "iam ok", "registry ok", "secret ok"},
}

func TestRefreshWalksTheChainAndPatchesTheOneSecret(t *testing.T) {
	for trust, want := range chains {
		t.Run(trust, func(t *testing.T) {
			w := newWorld(t, trust)
			code, stdout, stderr := w.run("refresh")
			require.Equal(t, 0, code, stderr)
			assert.Empty(t, stdout)
			assert.Equal(t, want, hops(t, stderr))

			all := lines(t, stderr)
			last := all[len(all)-1]
			assert.Equal(t, "refreshed", last["msg"])
			assert.Equal(t, namespace+"/"+secretName, last["secret"])

			require.Len(t, w.patches, 1)
			got := w.patches[0]
			assert.Equal(t, "application/apply-patch+yaml", got.contentType)
			query, err := url.ParseQuery(got.query)
			require.NoError(t, err)
			assert.Equal(t, url.Values{"fieldManager": {"waybill-refresher"}, "force": {"true"}}, query)

			var applied map[string]any
			require.NoError(t, json.Unmarshal(got.body, &applied))
			metadata := applied["metadata"].(map[string]any)
			annotations := metadata["annotations"].(map[string]any)
			for _, key := range []string{"waybill.example/expires", "waybill.example/last-success"} {
				at, err := time.Parse(time.RFC3339, fmt.Sprint(annotations[key]))
				require.NoError(t, err, key)
				assert.WithinDuration(t, time.Now(), at, 2*time.Hour)
				annotations[key] = "a time"
			}
			auth := base64.StdEncoding.EncodeToString([]byte("oauth2accesstoken:" + w.access))
			config, err := json.Marshal(map[string]any{"auths": map[string]any{
				registryHost: map[string]any{"username": "oauth2accesstoken", "password": w.access, "auth": auth},
			}})
			require.NoError(t, err)
			raw, err := base64.StdEncoding.DecodeString(fmt.Sprint(applied["data"].(map[string]any)[".dockerconfigjson"]))
			require.NoError(t, err)
			assert.JSONEq(t, string(config), string(raw))
			applied["data"] = nil
			assert.Equal(t, map[string]any{
				"apiVersion": "v1",
				"kind":       "Secret",
				"metadata": map[string]any{
					"name": secretName, "namespace": namespace,
					"annotations": map[string]any{
						"waybill.example/expires": "a time", "waybill.example/last-success": "a time", "waybill.example/images": image,
					},
				},
				"data": nil,
			}, applied, "the apply holds the refresher's own keys and nothing else")
		})
	}
}

func TestEveryHopSaysWhoIssuedWhatForWhom(t *testing.T) {
	w := newWorld(t, "entra")
	_, _, stderr := w.run("refresh")
	want := map[string][3]string{
		"kubernetes": {issuer, ksa, exchangeURI},
		"entra":      {entraIssuer, principal, entraAud},
		"sts":        {"https://sts.googleapis.com", principal, providerName},
		"iam":        {"https://iamcredentials.googleapis.com", account, "https://www.googleapis.com/auth/cloud-platform"},
		"registry":   {registryHost, "oauth2accesstoken", registryHost + "/" + imagePath + "@" + digest},
		"secret":     {"https://" + apiHost, namespace + "/" + secretName, registryHost},
	}
	seen := 0
	for _, line := range lines(t, stderr) {
		if line["msg"] != "hop" {
			continue
		}
		seen++
		name := fmt.Sprint(line["hop"])
		got := [3]string{fmt.Sprint(line["issuer"]), fmt.Sprint(line["subject"]), fmt.Sprint(line["audience"])}
		assert.Equal(t, want[name], got, name)
		assert.Contains(t, line, "duration", name)
		_, err := time.Parse(time.RFC3339, fmt.Sprint(line["expires"]))
		require.NoError(t, err, name)
	}
	assert.Equal(t, len(want), seen)
}

func TestPassingFaultsAreTriedAgainAtEveryHop(t *testing.T) {
	faults := map[string][]http.HandlerFunc{
		"an error 500, then 503": {status(500, "oops"), status(503, `{"error":"unavailable"}`)},
		"too many requests":      {status(429, `{"error":"slow_down"}`)},
		"a broken connection":    {reset, reset},
		"no answer in time":      {hang},
	}
	hosts := map[string]string{"entra": entraHost, "sts": stsHost, "iam": iamHost, "registry": registryHost, "secret": apiHost}
	for name, answers := range faults {
		for hop, host := range hosts {
			t.Run(hop+" "+name, func(t *testing.T) {
				w := newWorld(t, "entra")
				w.policy.Attempt = 500 * time.Millisecond
				if hop == "entra" {
					// Two look-ups of where the token endpoint is come before the request that counts.
					w.before(host, w.entra, w.entra)
				}
				w.before(host, answers...)
				code, _, stderr := w.run("refresh")
				require.Equal(t, 0, code, stderr)
				assert.Len(t, w.patches, 1)
				for _, line := range lines(t, stderr) {
					if line["hop"] == hop {
						assert.Greater(t, line["attempts"], 1.0)
					}
				}
			})
		}
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	w := newWorld(t, "entra")
	var at []time.Time
	w.before(stsHost, func(rw http.ResponseWriter, r *http.Request) {
		at = append(at, time.Now())
		rw.Header().Set("Retry-After", "1")
		status(429, `{"error":"slow_down"}`)(rw, r)
	}, func(rw http.ResponseWriter, r *http.Request) {
		at = append(at, time.Now())
		w.sts(rw, r)
	})
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	require.Len(t, at, 2)
	assert.GreaterOrEqual(t, at[1].Sub(at[0]), time.Second)
}

func TestRetryAfterBeyondTheDeadlineEndsTheRunAtOnce(t *testing.T) {
	w := newWorld(t, "entra")
	w.always(iamHost, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Retry-After", "3000")
		status(429, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}}`)(rw, r)
	})
	begin := time.Now()
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 20, code)
	assert.Less(t, time.Since(begin), 20*time.Second)
	assert.Equal(t, "iam", refusedLine(t, stderr)["hop"])
	assert.Equal(t, 1, w.asked(iamHost))
	w.unwritten()
}

func TestRefusalsThatMayBePropagationAreTriedAgainForAWindow(t *testing.T) {
	denied := `{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED"}}`
	w := newWorld(t, "entra")
	w.env["WAYBILL_PROPAGATION"] = "10s"
	w.before(entraHost, w.entra, w.entra, status(400, `{"error":"invalid_client","error_description":"AADSTS70021: No matching federated identity record found"}`))
	w.before(stsHost, status(400, `{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid."}`), status(200, "<html>sign in</html>"))
	w.before(iamHost, status(403, denied), status(403, denied))
	w.before(registryHost, w.registry, status(403, `{"errors":[{"code":"DENIED","message":"Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource"}]}`))
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	assert.Len(t, w.patches, 1)

	w = newWorld(t, "entra")
	w.env["WAYBILL_PROPAGATION"] = "100ms"
	w.always(iamHost, status(403, denied))
	code, _, stderr = w.run("refresh")
	assert.Equal(t, 13, code, "the window, not the deadline, ends it")
	assert.Greater(t, refusedLine(t, stderr)["attempts"], 1.0)
	w.unwritten()
}

func TestEachRefusalNamesItsHopItsWordsAndItsLikelyCause(t *testing.T) {
	entraToken := "POST " + entraHost + "/" + tenant + "/oauth2/v2.0/token"
	manifest := registryHost + "/v2/" + imagePath + "/manifests/1.10"
	aadsts := func(code int, words string) http.HandlerFunc {
		return status(400, fmt.Sprintf(`{"error":"invalid_request","error_description":"AADSTS%d: %s Trace ID: 1","error_codes":[%d]}`, code, words, code))
	}
	google := func(code, words string) http.HandlerFunc {
		return status(400, fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, words))
	}
	deniedImage := status(403, `{"errors":[{"code":"DENIED","message":"Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \"projects/vendor-images\" (or it may not exist)"}]}`)
	cases := []struct {
		name   string
		at     []string
		answer http.HandlerFunc
		hop    string
		code   int
		words  string
		cause  string
		claim  string // iss of the refused token
	}{
		{"issuer of the federated credential", []string{entraToken}, aadsts(700211, "No matching federated identity record found for presented assertion issuer 'x'."), "entra", 11, "AADSTS700211", "issuer is not the cluster's", issuer},
		{"subject of the federated credential", []string{entraToken}, aadsts(700213, "No matching federated identity record found for presented assertion subject 'x'."), "entra", 11, "AADSTS700213", "namespace or ServiceAccount differs", issuer},
		{"audience of the federated credential", []string{entraToken}, aadsts(700212, "No matching federated identity record found for presented assertion audience 'x'."), "entra", 11, "AADSTS700212", "must be the URI api://AzureADTokenExchange", issuer},
		{"audience of the federated credential, other number", []string{entraToken}, aadsts(700214, "x"), "entra", 11, "AADSTS700214", "must be the URI api://AzureADTokenExchange", issuer},
		{"no matching credential", []string{entraToken}, aadsts(70021, "No matching federated identity record found."), "entra", 11, "AADSTS70021:", "trailing slash", issuer},
		{"stale assertion", []string{entraToken}, aadsts(700024, "Client assertion is not within its valid time range."), "entra", 11, "AADSTS700024", "read again on every attempt", issuer},
		{"issuer out of reach", []string{entraToken}, aadsts(90061, "Request to external OIDC endpoint failed."), "entra", 11, "AADSTS90061", "cannot reach the cluster's issuer", issuer},
		{"issuer out of reach, other number", []string{entraToken}, aadsts(501661, "x"), "entra", 11, "AADSTS501661", "cannot reach the cluster's issuer", issuer},
		{"unknown application", []string{entraToken}, aadsts(700016, "Application with identifier 'x' was not found in the directory."), "entra", 11, "AADSTS700016", "AZURE_CLIENT_ID", issuer},
		{"unknown tenant", []string{"GET " + entraHost + "/" + tenant + "/v2.0/.well-known/openid-configuration"}, aadsts(90002, "Tenant 'x' not found."), "entra", 11, "AADSTS90002", "no such tenant", ""},
		{"garbage from Entra", []string{entraToken}, status(200, "<html>welcome</html>"), "entra", 11, "", "proxy between the cluster and the cloud", issuer},

		{"issuer of the provider", []string{stsHost}, google("invalid_grant", "The issuer in ID Token https://a does not match the expected ones: https://b."), "sts", 12, "invalid_grant: The issuer in ID Token", "v1 and v2 issuers mixed up", entraIssuer},
		{"audience of the provider", []string{stsHost}, google("invalid_grant", "The audience in ID Token [x] does not match the expected audience."), "sts", 12, "The audience in ID Token", "carries the GUID", entraIssuer},
		{"attribute condition", []string{stsHost}, google("unauthorized_client", "The given credential is rejected by the attribute condition."), "sts", 12, "rejected by the attribute condition", "tenant, identity (sub) or client", entraIssuer},
		{"no such pool", []string{stsHost}, google("invalid_target", "The target service indicated by the \"audience\" parameters is invalid."), "sts", 12, "invalid_target", "project ID where its number is wanted", entraIssuer},
		{"garbage from the token service", []string{stsHost}, status(200, "not json"), "sts", 12, "", "proxy between the cluster and the cloud", entraIssuer},
		{"an answer without a token", []string{stsHost}, status(200, "{}"), "sts", 12, "", "proxy between the cluster and the cloud", entraIssuer},

		{"impersonation", []string{iamHost}, status(403, `{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED"}}`), "iam", 13, "PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' denied", "roles/iam.workloadIdentityUser", entraIssuer},
		{"garbage from IAM", []string{iamHost}, status(200, "[1,2"), "iam", 13, "", "proxy between the cluster and the cloud", entraIssuer},
		{"an answer without expiry from IAM", []string{iamHost}, status(200, `{"accessToken":"x"}`), "iam", 13, "", "proxy between the cluster and the cloud", entraIssuer},

		{"reader on the repository", []string{"HEAD " + manifest, "GET " + manifest}, deniedImage, "registry", 14, "DENIED: Permission", "roles/artifactregistry.reader", ""},
		{"reader, at the registry's own token service", []string{"GET " + registryHost + "/v2/token"}, deniedImage, "registry", 14, "DENIED: Permission", "roles/artifactregistry.reader", ""},
		{"HEAD denied, GET allowed", []string{"HEAD " + manifest}, deniedImage, "registry", 14, "", fault.Unknown, ""},

		{"the secret is gone", []string{apiHost}, refusal(403, "Forbidden", `secrets "product-pull" is forbidden: User "x" cannot create resource "secrets" in API group "" in the namespace "product"`), "secret", 15, "cannot create resource", "the pull secret is gone; run `pulumi up --refresh -s STACK`", ""},
		{"the secret is gone, said otherwise", []string{apiHost}, refusal(404, "NotFound", `secrets "product-pull" not found`), "secret", 15, "not found", "the pull secret is gone; run `pulumi up --refresh -s STACK`", ""},
		{"the role is gone", []string{apiHost}, refusal(403, "Forbidden", `secrets "product-pull" is forbidden: User "x" cannot patch resource "secrets"`), "secret", 15, "cannot patch", "Role or RoleBinding does not allow patch", ""},
		{"the secret is immutable", []string{apiHost}, refusal(422, "Invalid", `Secret "product-pull" is invalid: data: Forbidden: field is immutable when "immutable" is set`), "secret", 15, "immutable", "marked the secret immutable", ""},
		{"the pod's token is refused", []string{apiHost}, refusal(401, "Unauthorized", "Unauthorized"), "secret", 15, "Unauthorized", "the pod's own token", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			newWorld(t, "entra").refuses(c.at, c.answer, c.hop, c.code, c.words, c.cause, c.claim)
		})
	}
}

// refuses runs a refresh while these hosts answer so: it ends with the code, and writes
// nothing but why, at which hop, in whose words, and whose token was refused.
func (w *world) refuses(at []string, answer http.HandlerFunc, hop string, code int, words, cause, claim string) {
	w.t.Helper()
	for _, at := range at {
		w.always(at, answer)
	}
	ended, stdout, stderr := w.run("refresh")
	assert.Equal(w.t, code, ended, stderr)
	assert.Empty(w.t, stdout)
	line := refusedLine(w.t, stderr)
	assert.Equal(w.t, hop, line["hop"])
	assert.Contains(w.t, line["error"], words)
	assert.NotEmpty(w.t, line["error"])
	assert.Contains(w.t, fmt.Sprint(line["cause"], "; ", line["remedy"]), cause)
	assert.EqualValues(w.t, 1, line["attempts"])
	claims, _ := line["claims"].(map[string]any)
	if claim == "" {
		assert.Empty(w.t, claims["iss"])
	} else {
		assert.Equal(w.t, claim, claims["iss"])
	}
	all := lines(w.t, stderr)
	assert.Equal(w.t, "not refreshed", all[len(all)-1]["msg"])
	assert.EqualValues(w.t, code, all[len(all)-1]["exit"])
	w.unwritten()
}

func TestATokenAboutToExpireNeverReplacesAGoodOne(t *testing.T) {
	w := newWorld(t, "entra")
	w.accessLife = 9 * time.Minute
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 13, code)
	assert.Contains(t, refusedLine(t, stderr)["error"], "want at least 40m0s")
	assert.Zero(t, w.asked(registryHost))
	w.unwritten()
}

func TestTheSubjectTokenIsCheckedBeforeAnybodyIsAsked(t *testing.T) {
	now := time.Now()
	cases := map[string]struct{ content, words string }{
		"empty":          {"\n", "a token of 0 bytes"},
		"no JWT":         {"not-a-token-but-a-password", "not a signed JWT"},
		"other audience": {jwt(t, map[string]any{"iss": issuer, "sub": ksa, "aud": "https://kubernetes.default.svc", "exp": now.Add(time.Hour).Unix()}), `audience "https://kubernetes.default.svc": want "api://AzureADTokenExchange"`},
		"expired":        {jwt(t, map[string]any{"iss": issuer, "sub": ksa, "aud": exchangeURI, "exp": now.Add(-time.Hour).Unix()}), "expired at"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "entra")
			w.ksaToken = c.content
			w.write(w.tokenFile, c.content)
			code, _, stderr := w.run("refresh")
			assert.Equal(t, 10, code)
			assert.Contains(t, refusedLine(t, stderr)["error"], c.words)
			assert.Len(t, w.requests, w.asked(apiHost), "nobody but the API server is asked")
		})
	}
	t.Run("missing", func(t *testing.T) {
		w := newWorld(t, "entra")
		require.NoError(t, os.Remove(w.tokenFile))
		code, _, stderr := w.run("refresh")
		assert.Equal(t, 10, code)
		assert.Contains(t, refusedLine(t, stderr)["error"], "no such file")
		assert.Len(t, w.requests, w.asked(apiHost), "nobody but the API server is asked")
	})
}

func TestARotatedSubjectTokenIsReadAgain(t *testing.T) {
	w := newWorld(t, "cluster")
	stale := jwt(t, map[string]any{"iss": issuer, "sub": ksa, "aud": "https:" + providerName, "exp": time.Now().Add(time.Minute).Unix()})
	fresh := w.ksaToken
	w.write(w.tokenFile, stale)
	w.before(stsHost, func(rw http.ResponseWriter, r *http.Request) {
		w.write(w.tokenFile, fresh)
		status(500, "")(rw, r)
	})
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 0, code, stderr)
}

func TestTheDeadlineEndsTheRunWhateverTheCloudsDo(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"busy for good": status(503, ""), "silent": hang} {
		for hop, host := range map[string]string{"entra": entraHost, "sts": stsHost, "iam": iamHost, "registry": registryHost, "secret": apiHost} {
			t.Run(hop+" "+name, func(t *testing.T) {
				w := newWorld(t, "entra")
				w.env["WAYBILL_DEADLINE"] = "1s"
				w.always(host, answer)
				begin := time.Now()
				code, _, stderr := w.run("refresh")
				assert.Equal(t, 20, code, stderr)
				assert.Less(t, time.Since(begin), 8*time.Second)
				line := refusedLine(t, stderr)
				assert.Equal(t, hop, line["hop"])
				assert.Equal(t, true, line["overdue"])
				w.unwritten()
			})
		}
	}
}

func TestASignalEndsTheRun(t *testing.T) {
	w := newWorld(t, "entra")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.always(stsHost, func(rw http.ResponseWriter, r *http.Request) {
		cancel()
		hang(rw, r)
	})
	code, _, stderr := w.runContext(ctx, "refresh")
	assert.Equal(t, 20, code, stderr)
	w.unwritten()
}

func TestWhatACloudEchoesIsRedacted(t *testing.T) {
	w := newWorld(t, "entra")
	echoes := map[string]func() string{
		"POST " + entraHost + "/" + tenant + "/oauth2/v2.0/token": func() string {
			return `{"error":"invalid_client","error_description":"AADSTS700024: client_assertion=` + w.ksaToken + `"}`
		},
		stsHost: func() string {
			return `{"error":"invalid_grant","error_description":"cannot parse ` + w.entraToken[len(w.entraToken)/2:] + `"}`
		},
		iamHost: func() string {
			return `{"error":{"code":401,"message":"bad header Bearer ` + w.federated[9:60] + `","status":"UNAUTHENTICATED"}}`
		},
		registryHost: func() string { return `{"errors":[{"code":"DENIED","message":"` + w.access + `"}]}` },
		apiHost: func() string {
			return `{"kind":"Status","apiVersion":"v1","status":"Failure","code":400,"reason":"BadRequest","message":"data ` +
				base64.StdEncoding.EncodeToString([]byte("oauth2accesstoken:"+w.access)) + ` and ` + w.apiToken[:4] + `"}`
		},
	}
	for at, echo := range echoes {
		t.Run(at, func(t *testing.T) {
			w.instead = map[string]http.HandlerFunc{}
			w.always(at, func(rw http.ResponseWriter, r *http.Request) { status(400, echo())(rw, r) })
			// run looks for the secrets in all that was printed.
			code, _, stderr := w.run("refresh")
			assert.NotZero(t, code)
			assert.Contains(t, refusedLine(t, stderr)["error"], "[redacted]")
			_, stdout, _ := w.run("explain")
			assert.Contains(t, stdout, "[redacted]")
		})
	}
}

func TestTheTokenIsShownToNobodyOutsideTheChain(t *testing.T) {
	redirect := func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://"+strangerHost+"/collect", http.StatusTemporaryRedirect)
	}
	cases := map[string]struct {
		at     string
		answer http.HandlerFunc
	}{
		"a redirect from the token service": {stsHost, redirect},
		"a redirect from IAM":               {iamHost, redirect},
		"a redirect from Entra":             {entraHost, redirect},
		"a foreign token endpoint": {"GET " + entraHost + "/" + tenant + "/v2.0/.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) {
			answerJSON(rw, map[string]any{"token_endpoint": "https://" + strangerHost + "/token", "authorization_endpoint": "https://" + strangerHost + "/a", "issuer": entraIssuer})
		}},
		"a foreign realm": {"GET " + registryHost + "/v2/", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="https://`+strangerHost+`/token",service="x"`)
			status(401, "{}")(rw, r)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "entra")
			w.always(c.at, c.answer)
			code, _, stderr := w.run("refresh")
			assert.NotZero(t, code, stderr)
			assert.NotEqual(t, 20, code, "trying again cannot help")
			assert.Zero(t, w.asked(strangerHost))
			w.unwritten()
		})
	}
}

func TestATamperedCredentialConfigurationIsRefusedBeforeAnyRequest(t *testing.T) {
	cases := map[string]struct{ trust, old, replacement, wish string }{
		"token service":      {"entra", `"https://sts.googleapis.com/v1/token"`, `"https://user:hunter2hunter2@stranger.example/v1/token?key=hunter2"`, `token_url "https://stranger.example/v1/token": want "https://sts.googleapis.com/v1/token"`},
		"path":               {"entra", `/v1/token`, `/v1beta/token`, `token_url "https://sts.googleapis.com/v1beta/token"`},
		"impersonation host": {"entra", `https://iamcredentials.googleapis.com`, `https://stranger.example`, "service_account_impersonation_url"},
		"service account":    {"entra", account, "acme-pull@gmail.com", `:generateAccessToken": want "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/NAME@PROJECT`},
		"account's path":     {"entra", account, account + "/../y", "service_account_impersonation_url"},
		"project's ID":       {"entra", project, "vendor-images", `want "//iam.googleapis.com/projects/NUMBER/locations`},
		"pool":               {"entra", pool, "Acme", "audience"},
		"provider":           {"entra", provider, "a/../../b", "audience"},
		"no identifiers": {"entra", providerName, "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
			"holds no identifiers"},
		"type":             {"entra", `"external_account"`, `"service_account"`, `type "service_account": want "external_account"`},
		"command":          {"entra", `/refresher subject-token`, `/bin/sh -c hunter2hunter2`, `credential_source.executable.command "/bin/sh …": want "/refresher subject-token"`},
		"time-out":         {"entra", `30000`, `5000`, `credential_source.executable.timeout_millis 5000: want 30000`},
		"number as text":   {"entra", `30000`, `"30000"`, `credential_source.executable.timeout_millis "30000": want 30000`},
		"second source":    {"entra", `"credential_source":{`, `"credential_source":{"url":"https://stranger.example/hunter2hunter2",`, `credential_source.url: want no such key`},
		"extra key":        {"entra", `{"audience"`, `{"client_secret":"hunter2hunter2","audience"`, `client_secret: want no such key`},
		"duplicate key":    {"entra", `{"audience"`, `{"type":"external_account","audience"`, `want each key once`},
		"case of a key":    {"entra", `"token_url"`, `"Token_URL"`, `Token_URL: want no such key`},
		"source is a text": {"entra", `"credential_source":{"executable":{"command":"/refresher subject-token","timeout_millis":30000}}`, `"credential_source":"x"`, `want an object`},
		"file for executable": {"entra", `{"executable":{"command":"/refresher subject-token","timeout_millis":30000}}`, `{"file":"/etc/passwd"}`,
			`credential_source.executable: missing`},
		"two documents": {"entra", `{"audience"`, `{}{"audience"`, "it does not parse"},
		"not JSON":      {"entra", `{"audience"`, `hunter2hunter2`, "it does not parse"},
		"other file":    {"cluster", `/token","format"`, `/other","format"`, "credential_source.file"},
		"other format":  {"cluster", `"text"`, `"json"`, `credential_source.format.type "json": want "text"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.trust)
			path := w.env["GOOGLE_APPLICATION_CREDENTIALS"]
			original, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(original), c.old)
			w.write(path, strings.Replace(string(original), c.old, c.replacement, 1))
			for _, command := range []string{"refresh", "explain"} {
				code, stdout, stderr := w.run(command)
				assert.Equal(t, 2, code)
				shown := strings.ReplaceAll(stdout+stderr, `\"`, `"`)
				assert.Contains(t, shown, "credential configuration: ")
				assert.Contains(t, shown, c.wish)
				assert.NotContains(t, shown, "hunter2")
			}
			assert.Empty(t, w.requests)
		})
	}
	t.Run("missing", func(t *testing.T) {
		w := newWorld(t, "entra")
		require.NoError(t, os.Remove(w.env["GOOGLE_APPLICATION_CREDENTIALS"]))
		code, _, _ := w.run("refresh")
		assert.Equal(t, 2, code)
		assert.Empty(t, w.requests)
	})
	t.Run("laid out otherwise is still equal", func(t *testing.T) {
		w := newWorld(t, "entra")
		path := w.env["GOOGLE_APPLICATION_CREDENTIALS"]
		original, err := os.ReadFile(path)
		require.NoError(t, err)
		var document map[string]any
		require.NoError(t, json.Unmarshal(original, &document))
		indented, err := json.MarshalIndent(document, "", "\t")
		require.NoError(t, err)
		w.write(path, string(indented)+"\n")
		code, _, stderr := w.run("refresh")
		assert.Equal(t, 0, code, stderr)
	})
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"bogus"}, {"refresh", "now"}, {"refresh", "--endpoint=https://stranger.example"}, {"explain", "--yaml"}} {
		w := newWorld(t, "entra")
		code, _, stderr := w.run(args...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, stderr, "refused")
		assert.Empty(t, w.requests)
	}
}

func TestTheHelpListsTheExitCodes(t *testing.T) {
	w := newWorld(t, "entra")
	code, stdout, _ := w.run("--help")
	assert.Zero(t, code)
	for _, exit := range fault.Exits {
		assert.Regexp(t, fmt.Sprintf(`(?m)^  %d +%s +%s$`, exit.Code, exit.Hop, regexp.QuoteMeta(exit.Meaning)), stdout)
	}
	code, stdout, _ = w.run("--version")
	assert.Zero(t, code)
	assert.Equal(t, "refresher version test\n", stdout)
}

func TestTheReadmeTellsTheExitCodesAndTheHopsOfEveryTrust(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, exit := range fault.Exits {
		hop := ""
		if exit.Hop != "" {
			hop = "`" + string(exit.Hop) + "` "
		}
		row := fmt.Sprintf("\n| %d | %s| %s |\n", exit.Code, hop, exit.Meaning)
		assert.True(t, strings.Contains(string(text), row), "want the row %q", row)
	}
	for _, trust := range []string{"entra", "cluster", "irsa", "pod-identity"} {
		w := newWorld(t, trust)
		_, _, stderr := w.run("refresh")
		walked := "`" + strings.ReplaceAll(strings.Join(hops(t, stderr), "`, `"), " ok", "") + "`"
		assert.True(t, regexp.MustCompile("(?m)^\\| `"+trust+"` \\|.*\\| "+walked+" \\|$").Match(text), "want %s of %s", walked, trust)
	}
}

// Whoever may write the image's ConfigMap says which image is tried, and not who is shown the token.
func TestAnImageOfAnotherHostIsRefusedBeforeAnyRequest(t *testing.T) {
	for trust, other := range map[string]string{
		"entra": "us-east1-docker.pkg.dev/" + imagePath + ":1.10", "cluster": strangerHost + "/" + imagePath + ":1.10", "irsa": china.image(), "pod-identity": image,
	} {
		w := newWorld(t, trust)
		w.env["WAYBILL_IMAGES"] = other
		for _, command := range []string{"refresh", "explain"} {
			code, stdout, stderr := w.run(command)
			assert.Equal(t, 2, code)
			host, _, _ := strings.Cut(other, "/")
			assert.Contains(t, stdout+stderr, "its host is "+host+": want "+w.env["WAYBILL_REGISTRY"])
		}
		assert.Empty(t, w.requests)
	}
}
