package rehearsal_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox"
)

const devDiagram = `flowchart LR
  subgraph customer["Customer: cluster, Entra tenant 3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"]
    refresher["refresher<br/>ServiceAccount hello/hello-refresher"]
    identity["managed identity<br/>client CLIENT_ID<br/>principal PRINCIPAL_ID"]
    secret["pull secret<br/>hello/ar-pull-secret"]
    kubelet["kubelet<br/>Deployment hello/hello"]
  end
  subgraph vendor["Vendor: project hello-images (402817365910)"]
    provider["workload identity provider<br/>example--hello-azure-pool/example-azure-provider"]
    account["service account<br/>example--hello-pull@hello-images.iam.gserviceaccount.com"]
    registry["Artifact Registry<br/>europe-west1-docker.pkg.dev/hello-images/example--hello"]
  end
  refresher -->|"kubernetes<br/>issuer https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e7a812/<br/>subject system:serviceaccount:hello:hello-refresher<br/>audience api://AzureADTokenExchange"| identity
  identity -->|"entra<br/>issuer https://login.microsoftonline.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/v2.0<br/>subject PRINCIPAL_ID<br/>audience fb60f99c-7a34-4190-8149-302f77469936"| provider
  provider -->|"sts<br/>audience //iam.googleapis.com/projects/402817365910/locations/global/workloadIdentityPools/example--hello-azure-pool/providers/example-azure-provider<br/>principal principal://iam.googleapis.com/projects/402817365910/locations/global/workloadIdentityPools/example--hello-azure-pool/subject/PRINCIPAL_ID"| account
  account -->|"iam<br/>access token of example--hello-pull@hello-images.iam.gserviceaccount.com"| secret
  secret -->|"secret<br/>credentials for europe-west1-docker.pkg.dev"| kubelet
  kubelet -->|"registry<br/>pulls europe-west1-docker.pkg.dev/hello-images/example--hello/hello:1.0"| registry
`

// What Azure chooses anew at each deployment is replaced by its name.
func TestTheDiagramShowsTheDeployedChain(t *testing.T) {
	ctx := context.Background()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	s, err := sandbox.Start(ctx, sandbox.Options{Root: root, Stack: "dev", State: t.TempDir()})
	require.NoError(t, err, "the tools are built by `make tools`")
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	e, err := s.Engine(ctx, nil)
	require.NoError(t, err)

	before, err := e.Outputs()
	require.NoError(t, err)
	assert.Empty(t, before, "nothing is deployed")

	result, err := e.Up(ctx)
	require.NoError(t, err)
	deployed, err := e.Outputs()
	require.NoError(t, err)
	assert.Equal(t, result.Outputs, deployed)

	chain, err := s.Rehearsal(ctx, deployed)
	require.NoError(t, err)
	diagram, err := chain.Diagram(ctx)
	require.NoError(t, err)
	request := deployed["accessRequest"].(map[string]any)["environments"].([]any)[0].(map[string]any)
	got := strings.NewReplacer(request["clientId"].(string), "CLIENT_ID", request["principalId"].(string), "PRINCIPAL_ID").Replace(diagram)
	assert.Equal(t, devDiagram, got)
}
