package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/fault"
)

var amazonTrusts = []string{"irsa", "pod-identity"}

func TestRefreshWalksToTheVendorsECRAndPatchesTheOneSecret(t *testing.T) {
	for _, trust := range amazonTrusts {
		for _, p := range []partition{commercial, government, china} {
			t.Run(trust+" "+p.id, func(t *testing.T) {
				w := newWorld(t, trust)
				w.moveTo(p)
				code, stdout, stderr := w.run("refresh")
				require.Equal(t, 0, code, stderr)
				assert.Empty(t, stdout)
				assert.Equal(t, []string{"kubernetes ok", "sts ok", "ecr ok", "registry ok", "secret ok"}, hops(t, stderr))

				require.Len(t, w.patches, 1)
				var applied struct {
					Metadata struct{ Annotations map[string]string }
					Data     map[string][]byte
				}
				require.NoError(t, json.Unmarshal(w.patches[0].body, &applied))
				expires, err := time.Parse(time.RFC3339, applied.Metadata.Annotations["waybill.example/expires"])
				require.NoError(t, err)
				assert.WithinDuration(t, time.Now().Add(12*time.Hour), expires, time.Minute)
				assert.Equal(t, p.image(), applied.Metadata.Annotations["waybill.example/images"])
				config, err := json.Marshal(map[string]any{"auths": map[string]any{
					p.registry(): map[string]any{"username": "AWS", "password": w.amazon.password, "auth": w.amazon.authorizationToken()},
				}})
				require.NoError(t, err)
				assert.JSONEq(t, string(config), string(applied.Data[".dockerconfigjson"]), "keyed by the vendor's host, never by the caller's own registry")
			})
		}
	}
}

func TestEveryAmazonHopSaysWhoIssuedWhatForWhom(t *testing.T) {
	for trust, from := range map[string][2]string{
		"irsa":         {"https://" + commercial.sts(), "sts.amazonaws.com"},
		"pod-identity": {agentURL, "pods.eks.amazonaws.com"},
	} {
		w := newWorld(t, trust)
		_, _, stderr := w.run("refresh")
		want := map[string][3]any{
			"kubernetes": {eksIssuer, ksa, from[1]},
			"sts":        {from[0], commercial.session(), nil},
			"ecr":        {"https://" + commercial.ecr(), commercial.session(), commercial.registry()},
			"registry":   {commercial.registry(), "AWS", commercial.registry() + "/" + ecrImagePath + "@" + digest},
			"secret":     {"https://" + apiHost, namespace + "/" + secretName, commercial.registry()},
		}
		seen := 0
		for _, line := range lines(t, stderr) {
			if line["msg"] != "hop" {
				continue
			}
			seen++
			name := fmt.Sprint(line["hop"])
			assert.Equal(t, want[name], [3]any{line["issuer"], line["subject"], line["audience"]}, name)
			_, err := time.Parse(time.RFC3339, fmt.Sprint(line["expires"]))
			require.NoError(t, err, name)
		}
		assert.Equal(t, len(want), seen)
	}
}

func TestTheAgentIsAskedOnTheNodeAndNowhereElse(t *testing.T) {
	for url, address := range map[string]string{agentURL: "169.254.170.23:80", agentURLv6: "[fd00:ec2::23]:80"} {
		w := newWorld(t, "pod-identity")
		w.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
		code, _, stderr := w.run("refresh")
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, []string{address}, w.amazon.dialled)
	}
	w := newWorld(t, "irsa")
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	assert.Empty(t, w.amazon.dialled)
}

func TestNoKeyProfileOrEndpointOfTheEnvironmentIsUsed(t *testing.T) {
	config := t.TempDir() + "/config"
	require.NoError(t, os.WriteFile(config, []byte("[default]\nrole_arn = arn:aws:iam::999999999999:role/stranger\nendpoint_url = https://"+strangerHost+"\n"), 0o600))
	for key, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "x", "AWS_PROFILE": "default",
		"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": config, "AWS_REGION": "sa-east-1", "AWS_ENDPOINT_URL": "https://" + strangerHost,
		"AWS_ENDPOINT_URL_STS": "https://" + strangerHost, "AWS_USE_FIPS_ENDPOINT": "true", "AWS_STS_REGIONAL_ENDPOINTS": "legacy", "AWS_CA_BUNDLE": "/nowhere",
	} {
		t.Setenv(key, value)
	}
	for _, trust := range amazonTrusts {
		w := newWorld(t, trust)
		code, _, stderr := w.run("refresh")
		require.Equal(t, 0, code, stderr)
		assert.Zero(t, w.asked(strangerHost))
	}
}

func TestCredentialsOfAnotherRoleAreNotUsed(t *testing.T) {
	for _, trust := range amazonTrusts {
		for name, caller := range map[string]string{
			"the node's role":             "arn:aws:sts::" + customer + ":assumed-role/eks-node/i-0123456789abcdef0",
			"the same name elsewhere":     "arn:aws:sts::" + vendor + ":assumed-role/puller/waybill-refresher",
			"a name that begins alike":    "arn:aws:sts::" + customer + ":assumed-role/puller-admin/waybill-refresher",
			"a user":                      "arn:aws:iam::" + customer + ":user/puller",
			"the role in another cloud's": "arn:aws-cn:sts::" + customer + ":assumed-role/puller/waybill-refresher",
		} {
			t.Run(trust+" "+name, func(t *testing.T) {
				w := newWorld(t, trust)
				w.amazon.caller = caller
				code, _, stderr := w.run("refresh")
				assert.Equal(t, 12, code, stderr)
				line := refusedLine(t, stderr)
				assert.Equal(t, "sts", line["hop"])
				assert.Contains(t, line["error"], fmt.Sprintf("the credentials are those of %q: want a session of %q", caller, commercial.role()))
				assert.Zero(t, w.asked(commercial.ecr()))
				w.unwritten()
			})
		}
	}
}

func TestAnAssociationOnItsWayIsWaitedFor(t *testing.T) {
	w := newWorld(t, "pod-identity")
	w.env["WAYBILL_PROPAGATION"] = "10s"
	w.before(agentHost, status(404, "[1]: (ResourceNotFoundException): no association, fault: client"))
	w.before(commercial.sts(), func(rw http.ResponseWriter, r *http.Request) {
		right := w.amazon.caller
		w.amazon.caller = "arn:aws:sts::" + customer + ":assumed-role/former/session"
		w.amazonSTS(rw, r)
		w.amazon.caller = right
	})
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	assert.Equal(t, 3, w.asked(agentHost))
}

// amazonPlace is one request of a chain.
type amazonPlace struct {
	trust, hop, host string
	regular          int // answers of the host before the one to this request
}

// key is the request's, for world.always.
func (p amazonPlace) key() string {
	switch {
	case p.host != commercial.sts():
		return p.host
	case p.trust == "irsa" && p.regular == 0:
		return "POST " + p.host + "/" + stsAssume
	default:
		return "POST " + p.host + "/" + stsCaller
	}
}

// amazonHosted are the requests of the chains.
var amazonHosted = []amazonPlace{
	{"irsa", "sts", commercial.sts(), 0},
	{"irsa", "sts", commercial.sts(), 1},
	{"pod-identity", "sts", agentHost, 0},
	{"pod-identity", "sts", commercial.sts(), 0},
	{"irsa", "ecr", commercial.ecr(), 0},
	{"irsa", "registry", commercial.registry(), 0},
}

func TestPassingFaultsAreTriedAgainAtEveryAmazonHopByOneLoop(t *testing.T) {
	throttled := []http.HandlerFunc{stsRefusal(400, "Throttling", "Rate exceeded"), ecrRefusal(400, "ThrottlingException", "Rate exceeded")}
	faults := map[string][]http.HandlerFunc{
		"errors 500, 503 and 502": {status(500, "oops"), status(503, "busy"), status(502, "")},
		"too many requests":       {status(429, ""), status(429, "{}")},
		"throttling":              throttled,
		"a broken connection":     {reset, reset},
		"no answer in time":       {hang},
	}
	for name, answers := range faults {
		for _, at := range amazonHosted {
			if at.hop == "registry" && name == "throttling" {
				continue // registries answer 429
			}
			t.Run(fmt.Sprint(at.trust, " ", at.hop, " ", at.host, " ", at.regular, " ", name), func(t *testing.T) {
				w := newWorld(t, at.trust)
				if name == "no answer in time" {
					w.policy.Attempt = 500 * time.Millisecond
				}
				for _, answer := range answers {
					for range at.regular {
						w.before(at.host, w.amazonSTS)
					}
					w.before(at.host, answer)
				}
				code, _, stderr := w.run("refresh")
				require.Equal(t, 0, code, stderr)
				assert.Len(t, w.patches, 1)
				for _, line := range lines(t, stderr) {
					if line["hop"] == at.hop {
						assert.EqualValues(t, len(answers)+1, line["attempts"], "the SDK adds no attempts of its own")
					}
				}
			})
		}
	}
}

func TestAmazonsRetryAfterBeyondTheDeadlineEndsTheRunAtOnce(t *testing.T) {
	for _, at := range amazonHosted {
		w := newWorld(t, at.trust)
		for range at.regular {
			w.before(at.host, w.amazonSTS)
		}
		w.before(at.host, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Retry-After", "3000")
			status(429, "{}")(rw, r)
		})
		begin := time.Now()
		code, _, stderr := w.run("refresh")
		assert.Equal(t, 20, code, stderr)
		assert.Less(t, time.Since(begin), 20*time.Second)
		assert.Equal(t, at.hop, refusedLine(t, stderr)["hop"])
		w.unwritten()
	}
}

func TestTheDeadlineEndsTheRunWhateverAmazonDoes(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"busy for good": status(503, ""), "silent": hang} {
		for _, at := range amazonHosted {
			t.Run(fmt.Sprint(at.trust, " ", at.hop, " ", at.host, " ", at.regular, " ", name), func(t *testing.T) {
				w := newWorld(t, at.trust)
				w.env["WAYBILL_DEADLINE"] = "1s"
				w.always(at.key(), answer)
				begin := time.Now()
				code, _, stderr := w.run("refresh")
				assert.Equal(t, 20, code, stderr)
				assert.Less(t, time.Since(begin), 8*time.Second)
				line := refusedLine(t, stderr)
				assert.Equal(t, at.hop, line["hop"])
				assert.Equal(t, true, line["overdue"])
				w.unwritten()
			})
		}
	}
}

func TestASignalEndsTheRunAtAmazon(t *testing.T) {
	for _, at := range amazonHosted {
		w := newWorld(t, at.trust)
		ctx, cancel := context.WithCancel(t.Context())
		w.always(at.key(), func(rw http.ResponseWriter, r *http.Request) {
			cancel()
			hang(rw, r)
		})
		code, _, stderr := w.runContext(ctx, "refresh")
		cancel()
		assert.Equal(t, 20, code, stderr)
		w.unwritten()
	}
}

func TestEachRefusalByAmazonNamesItsHopItsWordsAndItsLikelyCause(t *testing.T) {
	assume, caller := "POST "+commercial.sts()+"/"+stsAssume, "POST "+commercial.sts()+"/"+stsCaller
	manifest := commercial.registry() + "/v2/" + ecrImagePath + "/manifests/1.10"
	head, get := "HEAD "+manifest, "GET "+manifest
	pull := func(why string) http.HandlerFunc {
		return status(403, fmt.Sprintf(`{"errors":[{"code":"DENIED","message":"User: %s is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:%s:repository/%s because %s"}]}`, commercial.session(), vendor, ecrImagePath, why))
	}
	agent := func(code int, name, why string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			http.Error(rw, fmt.Sprintf("[8f2c]: (%s): %s, fault: client", name, why), code)
		}
	}
	cases := []struct {
		name, trust string
		at          []string
		answer      http.HandlerFunc
		hop         string
		code        int
		words       string
		cause       string
		claim       string // iss of the refused token
	}{
		{"trust policy", "irsa", []string{assume}, stsRefusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), "sts", 12, "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", "OIDC provider, :aud and :sub", eksIssuer},
		{"no OIDC provider", "irsa", []string{assume}, stsRefusal(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://x"), "sts", 12, "InvalidIdentityToken: No OpenIDConnect", "no IAM OIDC provider for the token's iss", eksIssuer},
		{"client-ID list", "irsa", []string{assume}, stsRefusal(400, "InvalidIdentityToken", "Incorrect token audience"), "sts", 12, "Incorrect token audience", "client-ID list", eksIssuer},
		{"issuer out of reach", "irsa", []string{assume}, stsRefusal(400, "IDPCommunicationError", "Unable to get a response"), "sts", 12, "IDPCommunicationError", "must be public", eksIssuer},
		{"keys out of reach", "irsa", []string{assume}, stsRefusal(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"), "sts", 12, "verification key", "must be public", eksIssuer},
		{"stale token", "irsa", []string{assume}, stsRefusal(400, "ExpiredTokenException", "Token expired: current date/time 1 must be before the expiration date/time 0"), "sts", 12, "ExpiredTokenException", "read again on every attempt", eksIssuer},
		{"another cluster's token", "irsa", []string{assume}, stsRefusal(400, "InvalidIdentityToken", "Invalid token"), "sts", 12, "InvalidIdentityToken", "not from the cluster", eksIssuer},
		{"STS off in the Region", "irsa", []string{assume}, stsRefusal(403, "RegionDisabledException", "STS is not activated in this region"), "sts", 12, "RegionDisabledException", "AWS_REGION", eksIssuer},
		{"a VPC endpoint's policy", "irsa", []string{assume}, stsRefusal(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRoleWithWebIdentity because no VPC endpoint policy allows the action"), "sts", 12, "VPC endpoint policy", "policy of a VPC endpoint", eksIssuer},
		{"a service control policy", "irsa", []string{head, get}, pull("an explicit deny in a service control policy"), "registry", 14, "explicit deny", "a policy other than the chain's two", ""},
		{"the node's clock", "irsa", []string{caller}, stsRefusal(403, "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z"), "sts", 12, "Signature expired", "content is wrong: the node's clock", eksIssuer},
		{"credentials that STS does not know", "irsa", []string{caller}, stsRefusal(403, "InvalidClientTokenId", "The security token included in the request is invalid."), "sts", 12, "InvalidClientTokenId", "another partition's endpoint", eksIssuer},
		{"garbage from STS", "irsa", []string{assume}, status(200, "<html>welcome</html>"), "sts", 12, "", "proxy between the cluster and the cloud", eksIssuer},
		{"an answer without credentials from STS", "irsa", []string{assume}, status(200, "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult/></AssumeRoleWithWebIdentityResponse>"), "sts", 12, "", "proxy between the cluster and the cloud", eksIssuer},
		{"an answer without a caller", "irsa", []string{caller}, status(200, "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"), "sts", 12, "names no caller", "proxy between the cluster and the cloud", eksIssuer},

		{"trust policy for Pod Identity", "pod-identity", []string{agentHost}, agent(400, "AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume the associated role."), "sts", 12, "(AccessDeniedException): Unauthorized Exception!", "sts:AssumeRole and sts:TagSession", eksIssuer},
		{"no association", "pod-identity", []string{agentHost}, agent(404, "ResourceNotFoundException", "No association found for this service account"), "sts", 12, "ResourceNotFoundException", "no Pod Identity association", eksIssuer},
		{"another cluster's token, said by EKS", "pod-identity", []string{agentHost}, agent(400, "InvalidTokenException", "Invalid service account token"), "sts", 12, "InvalidTokenException", "Pod Identity agent's cluster", eksIssuer},
		{"stale token, said by EKS", "pod-identity", []string{agentHost}, agent(400, "ExpiredTokenException", "Service account token expired"), "sts", 12, "ExpiredTokenException", "read again on every attempt", eksIssuer},
		{"garbage from the agent", "pod-identity", []string{agentHost}, status(200, "welcome"), "sts", 12, "", "proxy between the cluster and the cloud", eksIssuer},
		{"a permanent key from the agent", "pod-identity", []string{agentHost}, status(200, `{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7MDENG"}`), "sts", 12, "no temporary credentials", "proxy between the cluster and the cloud", eksIssuer},
		{"null from the agent", "pod-identity", []string{agentHost}, status(200, `{}`), "sts", 12, "no temporary credentials", "proxy between the cluster and the cloud", eksIssuer},

		{"the role's own policy", "irsa", []string{commercial.ecr()}, ecrRefusal(400, "AccessDeniedException", "User: "+commercial.session()+" is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action"), "ecr", 16, "AccessDeniedException: User: arn:aws:sts::", "does not allow ecr:GetAuthorizationToken; it must do so on *", ""},
		{"a Region that is not enabled", "irsa", []string{commercial.ecr()}, ecrRefusal(400, "UnrecognizedClientException", "The security token included in the request is invalid."), "ecr", 16, "UnrecognizedClientException", "Region that the customer's account has not enabled", ""},
		{"forbidden without words", "irsa", []string{commercial.ecr()}, status(403, ""), "ecr", 16, "", fault.Unknown, ""},
		{"garbage from ECR", "irsa", []string{commercial.ecr()}, status(200, "<html>welcome</html>"), "ecr", 16, "", "proxy between the cluster and the cloud", ""},

		{"403 Forbidden", "irsa", []string{head, get}, status(403, ""), "registry", 14, "403", "one of the two policies is missing", ""},
		{"the vendor's policy", "irsa", []string{head, get}, pull("no resource-based policy allows the ecr:BatchGetImage action"), "registry", 14, "DENIED: User:", "vendor's repository policy does not name this role", ""},
		{"the customer's policy", "irsa", []string{head, get}, pull("no identity-based policy allows the ecr:BatchGetImage action"), "registry", 14, "DENIED: User:", "role's own policy, in the role's account", ""},
		{"HEAD denied, GET allowed", "irsa", []string{head}, status(403, ""), "registry", 14, "", "one of the two policies is missing", ""},

		{"the secret is gone", "irsa", []string{apiHost}, refusal(404, "NotFound", `secrets "product-pull" not found`), "secret", 15, "not found", "the pull secret is gone", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			newWorld(t, c.trust).refuses(c.at, c.answer, c.hop, c.code, c.words, c.cause, c.claim)
		})
	}
}

func TestAmazonsRefusalsThatMayBePropagationAreTriedAgainForAWindow(t *testing.T) {
	denied := stsRefusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	w := newWorld(t, "irsa")
	w.env["WAYBILL_PROPAGATION"] = "10s"
	w.before(commercial.sts(), denied, denied, status(200, "<html>sign in</html>"))
	w.before(commercial.ecr(), ecrRefusal(400, "AccessDeniedException", "User is not authorized to perform: ecr:GetAuthorizationToken on resource: *"))
	w.before(commercial.registry(), w.ecrRegistry, status(403, ""), status(403, ""))
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	assert.Len(t, w.patches, 1)

	w = newWorld(t, "irsa")
	w.env["WAYBILL_PROPAGATION"] = "100ms"
	w.always(commercial.sts(), denied)
	code, _, stderr = w.run("refresh")
	assert.Equal(t, 12, code, "the window, not the deadline, ends it")
	assert.Greater(t, refusedLine(t, stderr)["attempts"], 1.0)
	w.unwritten()
}

func TestAnUnusableAuthorizationTokenNeverReplacesAGoodOne(t *testing.T) {
	in12Hours := float64(time.Now().Add(12 * time.Hour).Unix())
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	cases := map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"about to expire": {ecrAuthorization(map[string]any{"authorizationToken": encode("AWS:hunter2hunter2"), "expiresAt": float64(time.Now().Add(39 * time.Minute).Unix())}), "want at least 40m0s"},
		"expired":         {ecrAuthorization(map[string]any{"authorizationToken": encode("AWS:hunter2hunter2"), "expiresAt": 1.0}), "the token has expired"},
		"without an end":  {ecrAuthorization(map[string]any{"authorizationToken": encode("AWS:hunter2hunter2")}), "does not say when the token ends"},
		"no base64":       {ecrAuthorization(map[string]any{"authorizationToken": "hunter2!hunter2!", "expiresAt": in12Hours}), "is no base64"},
		"another user":    {ecrAuthorization(map[string]any{"authorizationToken": encode("root:hunter2hunter2"), "expiresAt": in12Hours}), "is not AWS:PASSWORD"},
		"no user":         {ecrAuthorization(map[string]any{"authorizationToken": encode("hunter2hunter2"), "expiresAt": in12Hours}), "is not AWS:PASSWORD"},
		"no password":     {ecrAuthorization(map[string]any{"authorizationToken": encode("AWS:"), "expiresAt": in12Hours}), "is not AWS:PASSWORD"},
		"no token":        {ecrAuthorization(map[string]any{"expiresAt": in12Hours}), "is not AWS:PASSWORD"},
		"none":            {status(200, `{"authorizationData":[]}`), "no authorization token"},
		"null":            {status(200, `{}`), "no authorization token"},
		"cut off":         {status(200, `{"authorizationData":[{"authorizationToken":"`+encode("AWS:hunter2hunter2")), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "irsa")
			w.always(commercial.ecr(), c.answer)
			code, _, stderr := w.run("refresh")
			assert.Equal(t, 16, code)
			line := refusedLine(t, stderr)
			assert.Equal(t, "ecr", line["hop"])
			assert.Contains(t, line["error"], c.words)
			assert.NotContains(t, stderr, "hunter2")
			assert.NotContains(t, stderr, encode("AWS:hunter2hunter2")[:12])
			assert.Zero(t, w.asked(commercial.registry()))
			w.unwritten()
		})
	}
}

func TestTheSilentAgentIsExplained(t *testing.T) {
	w := newWorld(t, "pod-identity")
	w.env["WAYBILL_DEADLINE"] = "1s"
	w.amazon.agent.Close()
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 20, code)
	line := refusedLine(t, stderr)
	assert.Equal(t, "sts", line["hop"])
	assert.Contains(t, line["cause"], "Pod Identity agent does not answer on the node")
	w.unwritten()
}

func TestAmazonsSubjectTokenIsCheckedBeforeAnybodyIsAsked(t *testing.T) {
	for _, trust := range amazonTrusts {
		w := newWorld(t, trust)
		w.write(w.tokenFile, jwt(t, map[string]any{"iss": eksIssuer, "sub": ksa, "aud": exchangeURI, "exp": time.Now().Add(time.Hour).Unix()}))
		code, _, stderr := w.run("refresh")
		assert.Equal(t, 10, code)
		assert.Contains(t, refusedLine(t, stderr)["error"], `audience "api://AzureADTokenExchange": want "`)
		require.NoError(t, os.Remove(w.tokenFile))
		code, _, _ = w.run("refresh")
		assert.Equal(t, 10, code)
		assert.Len(t, w.requests, w.asked(apiHost), "nobody but the API server is asked")
		assert.Empty(t, w.amazon.dialled)
	}
}

func TestARotatedTokenIsReadAgainForAmazon(t *testing.T) {
	for trust, host := range map[string]string{"irsa": commercial.sts(), "pod-identity": agentHost} {
		w := newWorld(t, trust)
		fresh := w.ksaToken
		w.write(w.tokenFile, jwt(t, map[string]any{"iss": eksIssuer, "sub": ksa, "aud": audience[trust], "exp": time.Now().Add(time.Minute).Unix()}))
		w.before(host, func(rw http.ResponseWriter, r *http.Request) {
			w.write(w.tokenFile, fresh)
			status(500, "")(rw, r)
		})
		code, _, stderr := w.run("refresh")
		assert.Equal(t, 0, code, stderr)
	}
}

func TestWhatAmazonEchoesIsRedacted(t *testing.T) {
	var header string // of the request that is answered
	cases := map[string]struct {
		trust, at string
		echo      func(*world) string
		answer    func(words string) http.HandlerFunc
	}{
		"the ServiceAccount token by STS": {"irsa", "POST " + commercial.sts() + "/" + stsAssume,
			func(w *world) string { return "cannot read " + w.ksaToken[len(w.ksaToken)/2:] }, func(s string) http.HandlerFunc { return stsRefusal(400, "InvalidIdentityToken", s) }},
		"the ServiceAccount token by the agent": {"pod-identity", agentHost,
			func(w *world) string { return "bad token " + w.ksaToken }, func(s string) http.HandlerFunc { return status(400, s) }},
		"the keys by STS": {"irsa", "POST " + commercial.sts() + "/" + stsCaller,
			func(w *world) string {
				return "The canonical request was: x-amz-security-token:" + w.amazon.sessionToken + " key " + w.amazon.accessKey + " secret " + w.amazon.secretKey + " " + header
			}, func(s string) http.HandlerFunc { return stsRefusal(403, "SignatureDoesNotMatch", s) }},
		"the keys by the agent": {"pod-identity", agentHost,
			func(w *world) string {
				return `{"AccessKeyId":"` + w.amazon.accessKey + `","SecretAccessKey":"` + w.amazon.secretKey + `","Token":"` + w.amazon.sessionToken
			},
			func(s string) http.HandlerFunc { return status(200, s) }},
		"the session token by ECR": {"irsa", commercial.ecr(),
			func(w *world) string { return "token " + w.amazon.sessionToken[40:90] + " of " + header }, func(s string) http.HandlerFunc { return ecrRefusal(400, "UnrecognizedClientException", s) }},
		"the password by the registry": {"irsa", commercial.registry(),
			func(w *world) string { return w.amazon.password + " " + w.amazon.authorizationToken()[8:60] }, func(s string) http.HandlerFunc {
				return status(403, `{"errors":[{"code":"DENIED","message":"`+s+`"}]}`)
			}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.trust)
			w.always(c.at, func(rw http.ResponseWriter, r *http.Request) {
				header = r.Header.Get("Authorization")
				c.answer(c.echo(w))(rw, r)
			})
			for _, command := range []string{"refresh", "explain"} {
				// run looks for the secrets in all that was printed.
				code, stdout, stderr := w.run(command)
				assert.NotZero(t, code)
				shown := stdout + stderr
				if name != "the keys by the agent" {
					assert.Contains(t, shown, "[redacted]")
				}
				if _, signature, ok := strings.Cut(header, "Signature="); ok {
					assert.NotContains(t, shown, signature[:16])
				}
			}
		})
	}
}

func TestAmazonsTokensAreShownToNobodyOutsideTheChain(t *testing.T) {
	redirect := func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://"+strangerHost+"/collect", http.StatusTemporaryRedirect)
	}
	cases := map[string]struct {
		trust, at string
		answer    http.HandlerFunc
	}{
		"a redirect from STS":       {"irsa", commercial.sts(), redirect},
		"a redirect from the agent": {"pod-identity", agentHost, redirect},
		"a redirect to the agent's other path": {"pod-identity", agentHost, func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://169.254.169.254/latest/meta-data/iam/security-credentials/", http.StatusTemporaryRedirect)
		}},
		"a redirect from ECR":          {"irsa", commercial.ecr(), redirect},
		"a redirect from the registry": {"irsa", commercial.registry(), redirect},
		"a challenge that leads away": {"irsa", "GET " + commercial.registry() + "/v2/", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="https://`+strangerHost+`/token",service="x"`)
			status(401, "{}")(rw, r)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.trust)
			w.always(c.at, c.answer)
			code, _, stderr := w.run("refresh")
			assert.NotZero(t, code, stderr)
			assert.NotEqual(t, 20, code, "trying again cannot help")
			assert.Zero(t, w.asked(strangerHost)+w.asked("169.254.169.254"))
			w.unwritten()
		})
	}
}

func TestExplainShowsTheChainToECR(t *testing.T) {
	for _, trust := range amazonTrusts {
		w := newWorld(t, trust)
		code, stdout, stderr := w.run("explain")
		require.Equal(t, 0, code, stdout)
		assert.Empty(t, stderr)
		golden, err := os.ReadFile("testdata/explain-" + trust + ".txt")
		require.NoError(t, err)
		assert.Equal(t, strings.TrimRight(string(golden), "\n"), flat(stdout))
		require.Len(t, w.patches, 1)
		assert.Contains(t, w.patches[0].query, "dryRun=All", "the API server is asked, and changes nothing")
	}
}

func TestExplainShowsWhatECRRefused(t *testing.T) {
	w := newWorld(t, "irsa")
	w.env["WAYBILL_PROPAGATION"] = "1h"
	w.always(commercial.ecr(), ecrRefusal(400, "AccessDeniedException", "User: "+commercial.session()+" is not authorized to perform: ecr:GetAuthorizationToken on resource: *"))
	code, stdout, _ := w.run("explain", "--json")
	assert.Equal(t, 16, code)
	assert.Equal(t, 1, w.asked(commercial.ecr()), "an explanation does not wait for propagation")
	var document struct{ Hops []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(stdout), &document))
	var verdicts []string
	for _, hop := range document.Hops {
		verdicts = append(verdicts, fmt.Sprint(hop["name"], " ", hop["verdict"]))
	}
	assert.Equal(t, []string{"kubernetes ok", "sts ok", "ecr refused", "registry not reached", "secret not reached"}, verdicts)
}

func TestAnythingWrongInTheAmazonPodIsRefusedBeforeAnyRequest(t *testing.T) {
	for key, value := range map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/v2/credentials",
		"WAYBILL_IMAGES":                     image,
		"AWS_EC2_METADATA_DISABLED":          "false",
	} {
		w := newWorld(t, "pod-identity")
		w.env[key] = value
		for _, command := range []string{"refresh", "explain"} {
			code, stdout, stderr := w.run(command)
			assert.Equal(t, 2, code)
			assert.Contains(t, stdout+stderr, key)
		}
		assert.Empty(t, w.requests)
		assert.Empty(t, w.amazon.dialled)
	}
	w := newWorld(t, "irsa")
	code, stdout, _ := w.run("subject-token")
	assert.Equal(t, 2, code)
	assert.Contains(t, stdout, "the projected file itself is the subject token")
}
