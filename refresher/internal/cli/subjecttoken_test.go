package cli_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSubjectTokenAnswersInGooglesForm(t *testing.T) {
	w := newWorld(t, "entra")
	// Another Google client's container has no pull secret to name.
	for _, key := range []string{"WAYBILL_SECRET", "WAYBILL_NAMESPACE", "WAYBILL_IMAGE", "WAYBILL_REGISTRY", "GOOGLE_APPLICATION_CREDENTIALS"} {
		delete(w.env, key)
	}
	code, stdout, stderr := w.run("subject-token")
	require.Equal(t, 0, code, stdout)
	assert.Empty(t, stderr)
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &answer))
	expires := time.Unix(int64(answer["expiration_time"].(float64)), 0)
	assert.WithinDuration(t, time.Now().Add(24*time.Hour), expires, time.Minute)
	delete(answer, "expiration_time")
	assert.Equal(t, map[string]any{"version": 1.0, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": w.entraToken}, answer)
	assert.Zero(t, w.asked(stsHost)+w.asked(iamHost)+w.asked(registryHost)+w.asked(apiHost))
}

func TestSubjectTokenReportsFailureInGooglesForm(t *testing.T) {
	cases := map[string]struct {
		change        func(*world)
		exit          int
		code, message string
	}{
		"entra refuses": {func(w *world) {
			w.always("POST "+entraHost+"/"+tenant+"/oauth2/v2.0/token", status(400, `{"error":"invalid_client","error_description":"AADSTS700213: no match for `+w.ksaToken+`"}`))
		}, 11, "entra", "AADSTS700213"},
		"no token file": {func(w *world) {
			w.env["AZURE_FEDERATED_TOKEN_FILE"] = "/nowhere"
		}, 10, "kubernetes", "no such file"},
		"not configured":    {func(w *world) { delete(w.env, "AZURE_TENANT_ID") }, 2, "configuration", "AZURE_TENANT_ID"},
		"no Entra to be in": {func(w *world) { w.env["WAYBILL_TRUST"] = "cluster" }, 2, "configuration", "want entra"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "entra")
			c.change(w)
			exit, stdout, stderr := w.run("subject-token")
			assert.Equal(t, c.exit, exit)
			assert.Empty(t, stderr)
			w.holdsNoSecret(stdout)
			var answer map[string]any
			require.NoError(t, json.Unmarshal([]byte(stdout), &answer))
			assert.Equal(t, []string{"code", "message", "success", "version"}, slices.Sorted(maps.Keys(answer)))
			assert.Equal(t, false, answer["success"])
			assert.Equal(t, c.code, answer["code"])
			assert.Contains(t, answer["message"], c.message)
		})
	}
}
