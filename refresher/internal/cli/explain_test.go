package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// flat removes what changes from run to run, without moving a column.
func flat(text string) string {
	text = timestamp.ReplaceAllString(text, "YYYY-MM-DDThh:mm:ssZ")
	var rows []string
	for row := range strings.Lines(text) {
		rows = append(rows, strings.TrimRight(row, " \n"))
	}
	return strings.Join(rows, "\n")
}

func TestExplainShowsEveryHopAndWritesNothing(t *testing.T) {
	w := newWorld(t, "entra")
	code, stdout, stderr := w.run("explain")
	require.Equal(t, 0, code, stdout)
	assert.Empty(t, stderr)
	golden, err := os.ReadFile("testdata/explain.txt")
	require.NoError(t, err)
	assert.Equal(t, strings.TrimRight(string(golden), "\n"), flat(stdout))
	require.Len(t, w.patches, 1)
	assert.Contains(t, w.patches[0].query, "dryRun=All", "the API server is asked, and changes nothing")
}

func TestExplainShowsTheRefusalAndWhatWasNotReached(t *testing.T) {
	w := newWorld(t, "cluster")
	w.env["WAYBILL_PROPAGATION"] = "1h"
	w.always(stsHost, status(400, `{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}`))
	code, stdout, _ := w.run("explain")
	assert.Equal(t, 12, code)
	assert.Equal(t, 1, w.asked(stsHost), "an explanation does not wait for propagation")
	shown := flat(stdout)
	_, details, found := strings.Cut(shown, "\n\nsts refused")
	require.True(t, found, shown)
	assert.Equal(t, ` (HTTP 400)
  said    unauthorized_client: The given credential is rejected by the attribute condition.
  likely  the provider's attribute condition is false for the claims below: tenant, identity (sub) or client (azp, v1: appid) differs from what the vendor configured
  iss     https://westeurope.oic.prod-aks.azure.com/11111111-2222-3333-4444-555555555555/cluster/
  sub     system:serviceaccount:product:product-refresher
  aud     https://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/acme-pool/providers/acme-entra
  exp     YYYY-MM-DDThh:mm:ssZ`, details)
	for _, row := range []string{`(?m)^kubernetes  ok +Y`, `(?m)^sts +refused +-$`, `(?m)^iam +not reached +-$`, `(?m)^registry +not reached +-$`, `(?m)^secret +not reached +-$`} {
		assert.Regexp(t, row, shown)
	}
	w.unwritten()
}

func TestExplainForMachines(t *testing.T) {
	w := newWorld(t, "entra")
	w.always(iamHost, status(http.StatusForbidden, `{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied","status":"PERMISSION_DENIED"}}`))
	code, stdout, stderr := w.run("explain", "--json")
	assert.Equal(t, 13, code)
	assert.Empty(t, stderr)
	var document struct {
		Trust, Secret string
		Images        []string
		OK            bool
		Exit          int
		Hops          []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &document))
	assert.Equal(t, []any{"entra", []string{image}, namespace + "/" + secretName, false, 13}, []any{document.Trust, document.Images, document.Secret, document.OK, document.Exit})
	var verdicts []string
	for _, hop := range document.Hops {
		verdicts = append(verdicts, fmt.Sprint(hop["name"], " ", hop["verdict"]))
	}
	assert.Equal(t, []string{"kubernetes ok", "entra ok", "sts ok", "iam refused", "registry not reached", "secret not reached"}, verdicts)
	assert.Equal(t, principal, document.Hops[3]["claims"].(map[string]any)["sub"])

	w = newWorld(t, "entra")
	w.env["WAYBILL_IMAGES"] = "docker.io/library/product:1"
	code, stdout, _ = w.run("explain", "--json")
	assert.Equal(t, 2, code)
	assert.Contains(t, stdout, "no other host is shown the token")
}
