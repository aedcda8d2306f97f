package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// second and third are further images of the product.
const (
	secondPath = "vendor-images/acme/migrations"
	second     = registryHost + "/" + secondPath + ":1.10"
	third      = registryHost + "/vendor-images/acme/tools@" + digest
)

// holds answers the manifest of an image at path, whatever its tag.
func (w *world) holds(path, identifier string) {
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		w.always(method+" "+registryHost+"/v2/"+path+"/manifests/"+identifier, func(rw http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/v2/" + imagePath + "/manifests/1.10"
			w.registry(rw, r)
		})
	}
}

// lacks answers 404 for a manifest, in a registry's words, to whoever shows a token.
func (w *world) lacks(host, path, identifier, code string) {
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		w.always(method+" "+host+"/v2/"+path+"/manifests/"+identifier, status(404, fmt.Sprintf(`{"errors":[{"code":%q,"message":"not here"}]}`, code)))
	}
}

func (w *world) annotations() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secret
}

func hopLine(t *testing.T, stderr, hop string) map[string]any {
	t.Helper()
	for _, line := range lines(t, stderr) {
		if line["msg"] == "hop" && line["hop"] == hop {
			return line
		}
	}
	require.Fail(t, "no line of hop "+hop, stderr)
	return nil
}

func TestEveryImageIsTriedWithTheNewToken(t *testing.T) {
	w := newWorld(t, "entra")
	w.env["WAYBILL_IMAGES"] = image + "\n" + second + "  " + third + "\n" + image + "\n"
	w.holds(secondPath, "1.10")
	w.holds("vendor-images/acme/tools", digest)
	code, _, stderr := w.run("refresh", "--require-images")
	require.Equal(t, 0, code, stderr)
	line := hopLine(t, stderr, "registry")
	at := "@" + digest
	assert.Equal(t, strings.Join([]string{registryHost + "/" + imagePath + at, registryHost + "/" + secondPath + at, third}, " "), line["audience"])
	assert.EqualValues(t, 1, line["attempts"], "nothing was tried twice")
	assert.NotContains(t, line, "missing")
	assert.Equal(t, strings.Join([]string{image, second, third}, ", "), w.annotations()["waybill.example/images"])
	assert.NotContains(t, w.annotations(), "waybill.example/missing")
	assert.Empty(t, w.merges, "the secret is read only where there is something to keep")
	assert.Empty(t, w.said)
}

func TestARefusalOfAnyImageKeepsTheTokenFromBeingWritten(t *testing.T) {
	for _, code := range []int{401, 403} {
		w := newWorld(t, "entra")
		w.env["WAYBILL_IMAGES"] = third + " " + image + " " + second
		w.lacks(registryHost, "vendor-images/acme/tools", digest, "MANIFEST_UNKNOWN")
		for _, method := range []string{"HEAD ", "GET "} {
			w.always(method+registryHost+"/v2/"+secondPath+"/manifests/1.10", status(code, `{"errors":[{"code":"DENIED","message":"no"}]}`))
		}
		exit, _, stderr := w.run("refresh", "--require-images")
		assert.Equal(t, 14, exit)
		assert.Equal(t, second, refusedLine(t, stderr)["image"])
		assert.Contains(t, w.said, "\nimage "+second+"\n")
		w.unwritten()
		_, stdout, _ := w.run("explain")
		assert.Contains(t, stdout, "\n  image   "+second+"\n")
	}
}

func TestImagesHaveAttemptsOfTheirOwn(t *testing.T) {
	w := newWorld(t, "entra")
	w.env["WAYBILL_IMAGES"] = image + " " + second
	w.holds(secondPath, "1.10")
	// The first image takes four requests, of which the first is answered badly once more.
	w.before(registryHost, status(503, ""), w.registry, w.registry, w.registry, status(503, ""), status(503, ""))
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	assert.EqualValues(t, 4, hopLine(t, stderr, "registry")["attempts"])
	w.mu.Lock()
	defer w.mu.Unlock()
	opened := 0
	for _, request := range w.requests {
		if request == "HEAD "+registryHost+"/v2/"+imagePath+"/manifests/1.10" {
			opened++
		}
	}
	assert.Equal(t, 1, opened, "what was opened is not opened again because of another")
}

func TestAMissingImageIsReportedAndTheTokenWritten(t *testing.T) {
	for _, trust := range []string{"entra", "irsa"} {
		for _, said := range []string{"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"} {
			t.Run(trust+" "+said, func(t *testing.T) {
				w := newWorld(t, trust)
				host, ref := w.env["WAYBILL_REGISTRY"], w.env["WAYBILL_IMAGES"]
				path := strings.TrimSuffix(strings.TrimPrefix(ref, host+"/"), ":1.10")
				w.lacks(host, path, "1.10", said)
				code, _, stderr := w.run("refresh")
				require.Equal(t, 0, code, stderr)
				require.Len(t, w.patches, 1)
				assert.Contains(t, string(w.patches[0].body), ".dockerconfigjson")
				line := hopLine(t, stderr, "registry")
				assert.Equal(t, true, line["ok"])
				assert.Equal(t, []any{ref}, line["missing"])
				assert.EqualValues(t, 1, line["attempts"])

				push := fmt.Sprintf("the registry does not hold %s yet: the vendor pushes it, for example with %q", ref, "crane copy YOUR-IMAGE "+ref)
				var warned []string
				for _, line := range lines(t, stderr) {
					if line["msg"] == "missing" {
						warned = append(warned, fmt.Sprint(line["level"], " ", line["image"]))
						assert.Equal(t, push+" (the token itself is written and good)", line["remedy"])
					}
				}
				assert.Equal(t, []string{"WARN " + ref}, warned)
				assert.Equal(t, push+" (the token itself is written and good)\n", w.said)
				image, at, _ := strings.Cut(w.annotations()["waybill.example/missing"], " since ")
				assert.Equal(t, ref, image)
				since, err := time.Parse(time.RFC3339, at)
				require.NoError(t, err)
				assert.WithinDuration(t, time.Now(), since, time.Minute)

				code, _, stderr = w.run("refresh", "--require-images")
				assert.Equal(t, 17, code, stderr)
				assert.Len(t, w.patches, 2, "the token is written all the same")
				assert.Equal(t, push+"; then run `pulumi up` again (the token itself is written and good)\n", w.said)
				all := lines(t, stderr)
				assert.Equal(t, []any{"refreshed", 17.0}, []any{all[len(all)-1]["msg"], all[len(all)-1]["exit"]})

				code, stdout, _ := w.run("explain")
				assert.Equal(t, 0, code)
				assert.Regexp(t, `(?m)^registry    ok  `, stdout)
				assert.Contains(t, stdout, "\n  missing   "+ref+"\n")
				assert.Empty(t, w.said)
				_, stdout, _ = w.run("explain", "--json")
				var document struct {
					Missing []string
					Hops    []struct {
						Name    string
						Missing []string
					}
				}
				require.NoError(t, json.Unmarshal([]byte(stdout), &document))
				assert.Equal(t, []string{ref}, document.Missing)
				for _, hop := range document.Hops {
					if hop.Name == "registry" {
						assert.Equal(t, []string{ref}, hop.Missing)
					} else {
						assert.Empty(t, hop.Missing)
					}
				}
			})
		}
	}
}

func TestAMissingImageIsMissingSinceItWasFirstMissed(t *testing.T) {
	w := newWorld(t, "entra")
	w.env["WAYBILL_IMAGES"] = image + " " + second + " " + third
	w.lacks(registryHost, secondPath, "1.10", "MANIFEST_UNKNOWN")
	w.lacks(registryHost, "vendor-images/acme/tools", digest, "MANIFEST_UNKNOWN")
	w.secret = map[string]string{"waybill.example/missing": second + " since 2026-01-02T03:04:05Z, " + image + " since 2026-01-02T03:04:05Z, " + third + " since whenever"}
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	entries := strings.Split(w.annotations()["waybill.example/missing"], ", ")
	require.Len(t, entries, 2)
	assert.Equal(t, second+" since 2026-01-02T03:04:05Z", entries[0])
	_, at, _ := strings.Cut(entries[1], third+" since ")
	_, err := time.Parse(time.RFC3339, at)
	require.NoError(t, err)
	assert.Contains(t, w.said, fmt.Sprintf("%q", "crane copy YOUR-IMAGE@"+digest+" "+strings.TrimSuffix(third, "@"+digest)+":ANY-TAG"))

	require.Len(t, w.merges, 1)
	query, err := url.ParseQuery(w.merges[0].query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"fieldManager": {"waybill-refresher"}, "dryRun": {"All"}}, query)
	assert.JSONEq(t, `{}`, string(w.merges[0].body), "the answer to a patch that changes nothing is the secret")

	w.holds(secondPath, "1.10")
	w.holds("vendor-images/acme/tools", digest)
	code, _, stderr = w.run("refresh")
	require.Equal(t, 0, code, stderr)
	assert.NotContains(t, w.annotations(), "waybill.example/missing")
}

func TestWhatOnlyLooksLikeAMissingImageSaysNothingForTheToken(t *testing.T) {
	manifest := registryHost + "/v2/" + imagePath + "/manifests/1.10"
	unknown := status(404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"Failed to fetch \"1.10\""}]}`)
	denied := status(403, `{"errors":[{"code":"DENIED","message":"no"}]}`)
	cases := map[string]map[string]http.HandlerFunc{
		"a page":                {"HEAD " + manifest: status(404, ""), "GET " + manifest: status(404, "<html>not found</html>")},
		"another code":          {"HEAD " + manifest: status(404, ""), "GET " + manifest: status(404, `{"errors":[{"code":"UNSUPPORTED","message":"x"}]}`)},
		"of the log-in":         {"GET " + registryHost + "/v2/": unknown},
		"of the token service":  {"GET " + registryHost + "/v2/token": unknown},
		"to whoever asks":       {"GET " + registryHost + "/v2/": status(200, ""), "HEAD " + manifest: unknown, "GET " + manifest: unknown},
		"denied, then missing":  {"HEAD " + manifest: denied, "GET " + manifest: unknown},
		"missing, then denied":  {"HEAD " + manifest: unknown, "GET " + manifest: denied},
		"shown to whoever asks": {"GET " + registryHost + "/v2/": status(200, ""), "HEAD " + manifest: shown, "GET " + manifest: shown},
		"missing, then a redirect": {"HEAD " + manifest: unknown, "GET " + manifest: func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "https://"+strangerHost+"/", http.StatusFound)
		}},
	}
	for name, answers := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "entra")
			for at, answer := range answers {
				w.always(at, answer)
			}
			code, _, stderr := w.run("refresh")
			assert.Equal(t, 14, code, stderr)
			assert.Equal(t, image, refusedLine(t, stderr)["image"])
			w.unwritten()
		})
	}
	t.Run("pushed between two questions", func(t *testing.T) {
		w := newWorld(t, "entra")
		w.always("HEAD "+manifest, unknown)
		code, _, stderr := w.run("refresh", "--require-images")
		assert.Equal(t, 0, code, stderr)
	})
}

// shown answers with the manifest, whoever asks.
func shown(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Docker-Content-Digest", digest)
	rw.Header().Set("Content-Length", "2")
	status(200, "{}")(rw, r)
}

func TestAFailureIsSaidOnTheSecretUntilTheNextSuccess(t *testing.T) {
	hosts := map[string]struct {
		host string
		code int
	}{"entra": {entraHost, 11}, "sts": {stsHost, 12}, "iam": {iamHost, 13}, "registry": {registryHost, 14}}
	for hop, at := range hosts {
		t.Run(hop, func(t *testing.T) {
			w := newWorld(t, "entra")
			w.always(at.host, status(400, `{"error":"invalid_grant","error_description":"no `+w.ksaToken+`"}`))
			code, _, _ := w.run("refresh")
			require.Equal(t, at.code, code)
			w.unwritten()
			require.Len(t, w.merges, 1)
			assert.Equal(t, "fieldManager=waybill-refresher", w.merges[0].query)
			var sent map[string]map[string]map[string]string
			require.NoError(t, json.Unmarshal(w.merges[0].body, &sent), "annotations and nothing else")
			text := sent["metadata"]["annotations"]["waybill.example/problem"]
			assert.Regexp(t, fmt.Sprintf(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ hop %s, exit %d: .+`, hop, at.code), text)
			assert.LessOrEqual(t, len([]rune(text)), 401)

			delete(w.instead, at.host)
			code, _, _ = w.run("explain")
			assert.Equal(t, 0, code)
			assert.Contains(t, w.annotations(), "waybill.example/problem", "an explanation changes nothing")
			code, _, stderr := w.run("refresh")
			require.Equal(t, 0, code, stderr)
			assert.NotContains(t, w.annotations(), "waybill.example/problem")
			assert.Len(t, w.merges, 2)
			code, _, _ = w.run("refresh")
			require.Equal(t, 0, code)
			assert.Len(t, w.merges, 2, "nothing is removed twice")
		})
	}
}

func TestAFailureIsSaidOnTheSecretEvenWhenTimeIsUp(t *testing.T) {
	w := newWorld(t, "entra")
	w.env["WAYBILL_DEADLINE"] = "1s"
	w.always(stsHost, status(503, ""))
	code, _, _ := w.run("refresh")
	assert.Equal(t, 20, code)
	assert.Contains(t, w.annotations()["waybill.example/problem"], "hop sts, exit 20: ")

	w = newWorld(t, "entra")
	ctx, cancel := context.WithCancel(t.Context())
	w.always(stsHost, func(rw http.ResponseWriter, r *http.Request) {
		cancel()
		hang(rw, r)
	})
	code, _, _ = w.runContext(ctx, "refresh")
	cancel()
	assert.Equal(t, 20, code)
	assert.Contains(t, w.annotations()["waybill.example/problem"], "hop sts, exit 20: ")
}

func TestAFailureThatCannotBeSaidOnTheSecretIsTheSameFailure(t *testing.T) {
	w := newWorld(t, "entra")
	w.always(stsHost, status(400, `{"error":"invalid_target"}`))
	w.always(apiHost, refusal(403, "Forbidden", `secrets "product-pull" is forbidden: User "x" cannot patch resource "secrets"`))
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 12, code)
	assert.Equal(t, 1, w.asked(apiHost))
	all := lines(t, stderr)
	assert.Equal(t, "the secret is not annotated with the failure", all[len(all)-1]["msg"])

	// The hop that failed is the one that would have to carry the word.
	w = newWorld(t, "entra")
	w.always(apiHost, refusal(403, "Forbidden", `secrets "product-pull" is forbidden: User "x" cannot patch resource "secrets"`))
	code, _, _ = w.run("refresh")
	assert.Equal(t, 15, code)
	assert.Equal(t, 1, w.asked(apiHost))

	// Nor is a success less of one because the word of the last failure stays.
	w = newWorld(t, "entra")
	w.secret = map[string]string{"waybill.example/problem": "old"}
	w.before(apiHost, w.api, status(500, ""))
	code, _, stderr = w.run("refresh")
	assert.Equal(t, 0, code)
	assert.Contains(t, stderr, "the annotation of the last failure stays")
}

func TestTheTerminationMessageIsForAReaderWhoHasSeenNothingElse(t *testing.T) {
	w := newWorld(t, "entra")
	w.always(stsHost, status(400, `{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}`))
	code, _, _ := w.run("refresh")
	require.Equal(t, 12, code)
	said := strings.Split(w.said, "\n")
	require.Len(t, said, 6, w.said)
	assert.Equal(t, "hop sts refused (exit 12, HTTP 400): unauthorized_client: The given credential is rejected by the attribute condition.", said[0])
	assert.Contains(t, said[1], "likely cause: the provider's attribute condition is false")
	assert.Contains(t, said[2], "what to do: compare the token's claims")
	assert.Contains(t, said[3], "the token that was shown: iss="+entraIssuer+" sub="+principal)
	assert.Equal(t, []string{"secret " + namespace + "/" + secretName + " is not refreshed", ""}, said[4:])

	w.env["WAYBILL_DEADLINE"] = "1s"
	w.always(stsHost, status(503, ""))
	_, _, _ = w.run("refresh")
	assert.Contains(t, w.said, "hop sts ran out of time (exit 20, HTTP 503): ")

	w.env["WAYBILL_DEADLINE"] = "never"
	w.env["WAYBILL_SECRET"] = "Not A Name"
	code, _, _ = w.run("refresh")
	assert.Equal(t, 2, code)
	assert.Contains(t, w.said, `the refresher's configuration is refused (exit 2): WAYBILL_SECRET "Not A Name": want a Kubernetes name`)
	assert.Contains(t, w.said, "\nWAYBILL_DEADLINE \"never\": want a duration")

	_, _, _ = w.run("refresh", "--endpoint=x")
	assert.Contains(t, w.said, "configuration is refused (exit 2): arguments: unknown flag")
}

func TestTheTerminationMessageFits(t *testing.T) {
	w := newWorld(t, "entra")
	var images []string
	for i := range 40 {
		tag := fmt.Sprintf("t%d", i)
		images = append(images, registryHost+"/"+imagePath+":"+tag)
		w.lacks(registryHost, imagePath, tag, "MANIFEST_UNKNOWN")
	}
	w.env["WAYBILL_IMAGES"] = strings.Join(images, " ")
	code, _, stderr := w.run("refresh", "--require-images")
	require.Equal(t, 17, code, stderr)
	assert.LessOrEqual(t, len(w.said), 4096)
	assert.Greater(t, len(w.said), 4000)
	assert.True(t, strings.HasSuffix(w.said, "…\n"))
}

func TestExplainTriesOnce(t *testing.T) {
	// Entra is asked twice where its tokens come from, and the look-up that all tenants share is not needed.
	for host, asked := range map[string]int{entraHost: 2, stsHost: 1, iamHost: 1, registryHost: 1, apiHost: 1} {
		w := newWorld(t, "entra")
		w.always(host, status(503, ""))
		begin := time.Now()
		code, stdout, _ := w.run("explain")
		assert.Less(t, time.Since(begin), 10*time.Second)
		assert.GreaterOrEqual(t, code, 11)
		assert.LessOrEqual(t, code, 15)
		assert.Equal(t, asked, w.asked(host), stdout)
		assert.Contains(t, stdout, "refused (HTTP 503)")
	}
}

func TestAProgramOutsideAPodMakesNoTerminationMessage(t *testing.T) {
	t.Chdir(t.TempDir())
	w := newWorld(t, "entra")
	w.always(stsHost, status(400, ""))
	w.noTermination = true
	code, _, _ := w.run("refresh")
	assert.Equal(t, 12, code)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestSeveralNamespacesGetTheSameToken(t *testing.T) {
	w := newWorld(t, "entra")
	w.env["WAYBILL_NAMESPACE"] = "product billing"
	code, _, stderr := w.run("refresh")
	require.Equal(t, 0, code, stderr)
	require.Len(t, w.patches, 2)
	for i, wanted := range []string{"product", "billing"} {
		var sent struct {
			Metadata struct{ Namespace string }
			Data     map[string][]byte
		}
		require.NoError(t, json.Unmarshal(w.patches[i].body, &sent))
		assert.Equal(t, secretPaths[i], w.patches[i].path)
		assert.Equal(t, wanted, sent.Metadata.Namespace)
		assert.Contains(t, string(sent.Data[".dockerconfigjson"]), w.access)
	}
	assert.Contains(t, stderr, `"secret":"product/product-pull, billing/product-pull"`)
}

func TestANamespaceThatRefusesTheTokenKeepsNoOtherFromIt(t *testing.T) {
	w := newWorld(t, "entra")
	w.env["WAYBILL_NAMESPACE"] = "gone billing product"
	code, _, stderr := w.run("refresh")
	assert.Equal(t, 15, code)
	assert.Len(t, w.patches, 2)
	assert.Contains(t, refusedLine(t, stderr)["error"], "namespace gone: unexpected request")

	w = newWorld(t, "entra")
	w.env["WAYBILL_NAMESPACE"] = "gone billing product"
	w.always(stsHost, status(400, `{"error":"invalid_target"}`))
	code, _, _ = w.run("refresh")
	assert.Equal(t, 12, code)
	assert.Len(t, w.merges, 2, "a failure is said on every secret that is there")
}
