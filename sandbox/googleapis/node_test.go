package googleapis_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/world"
)

const nodes = "gke-nodes@acme-apps.iam.gserviceaccount.com"

func nodeTokens(t *testing.T) *googleapis.Tokens {
	t.Helper()
	dir := t.TempDir()
	cloud, err := gcp.Open(filepath.Join(dir, "gcp.json"), world.GCP{Projects: []world.Project{{
		ID: "acme-apps", Number: "402817365910", ServiceAccounts: []world.ServiceAccount{{ID: "gke-nodes"}},
	}}}, time.Now, 0)
	require.NoError(t, err)
	tokens, err := googleapis.OpenTokens(filepath.Join(dir, "key"), cloud, time.Now)
	require.NoError(t, err)
	return tokens
}

func TestNodesPullFromArtifactRegistryAsTheirServiceAccount(t *testing.T) {
	tokens := nodeTokens(t)
	user, password, ok, err := tokens.NodeLogin(nodes, "europe-west1-docker.pkg.dev/vendor-images/acme/server:1.0")
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "oauth2accesstoken", user)
	principal, err := tokens.Open(password)
	require.NoError(t, err)
	assert.Equal(t, nodes, principal.Email)
	assert.True(t, principal.Allows(googleapis.CloudPlatform))
}

func TestNodesHaveNothingForOtherRegistries(t *testing.T) {
	tokens := nodeTokens(t)
	for _, image := range []string{
		"registry.example.com/server:1.0", "server", "nowhere-docker.pkg.dev/vendor-images/acme/server:1.0",
		"europe-west1-docker.pkg.dev.example.com/server", "111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme:1.0",
	} {
		_, _, ok, err := tokens.NodeLogin(nodes, image)
		require.NoError(t, err, image)
		assert.False(t, ok, image)
	}
}

func TestNodesWhoseAccountIsGoneGetNoToken(t *testing.T) {
	tokens := nodeTokens(t)
	_, _, ok, err := tokens.NodeLogin("deleted@acme-apps.iam.gserviceaccount.com", "us-docker.pkg.dev/vendor-images/acme/server:1.0")
	require.ErrorContains(t, err, `there is no service account "deleted@acme-apps.iam.gserviceaccount.com"`)
	assert.False(t, ok)
}
