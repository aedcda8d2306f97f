package sandbox_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/tests/programs"
)

// googleWorld is what existed before the programs on Google Cloud came: the
// vendor's project, and two clusters of the customer's.
const googleWorld = `
gcp:
  projects:
    - id: ` + programs.GoogleProject + `
      number: "604213377881"
      apis: [iam.googleapis.com, sts.googleapis.com, iamcredentials.googleapis.com, artifactregistry.googleapis.com]
      repositories:
        - location: ` + programs.GoogleLocation + `
          name: neighbour
          images: ["press:1.0"]
      serviceAccounts:
        - id: release-pipeline
      bindings:
        - role: roles/artifactregistry.writer
          members: ["serviceAccount:release-pipeline@` + programs.GoogleProject + `.iam.gserviceaccount.com"]
      pusher: release-pipeline
      releases:
        - ` + programs.GoogleLocation + `/orchard--press/press:1.0
kubernetes:
  clusters:
    - context: orchard-one
      issuer: ` + issuerOne + `
    - context: orchard-two
      issuer: ` + issuerTwo + `
refresher: ` + programs.AWSRefresher + `
registries:
  - host: registry.waybill.example
`

const (
	issuerOne = "https://one.oic.orchard.example/"
	issuerTwo = "https://two.oic.orchard.example/"
)

// googleTenants are the customer's tenant and another customer's. Each has an
// identity of its own that the refreshers may become.
const googleTenants = `
azure:
  tenants:
    - id: ` + programs.GoogleTenant + `
      subscriptions:
        - id: ` + programs.GoogleSubscription + `
          resourceGroups:
            - name: ` + programs.GoogleGroup + `
              location: westeurope
      applications:
        - clientId: 1b0c7a52-6a0f-4e2d-8c39-70d5f1e2b641
          principalId: 2c1d8b63-7b10-4f3e-9d4a-81e602f3c752
          federatedCredentials: &refreshers
            - name: one
              issuer: ` + issuerOne + `
              subject: system:serviceaccount:press:press-refresher
              audience: api://AzureADTokenExchange
            - name: two
              issuer: ` + issuerTwo + `
              subject: system:serviceaccount:press:press-refresher
              audience: api://AzureADTokenExchange
            - name: three
              issuer: ` + issuerOne + `
              subject: system:serviceaccount:press-trial:press-refresher
              audience: api://AzureADTokenExchange
    - id: 8e3f1a94-0c27-4d6b-b158-95f7c4e0d863
      applications:
        - clientId: 9f402ba5-1d38-4e7c-8269-a6081d5f1e97
          principalId: a0513cb6-2e49-4f8d-937a-b7192e602f08
          federatedCredentials: *refreshers
`

// The environments of the programs: two on one cluster, and one on another where
// everything has the same name.
var (
	trial   = programs.Site{Environment: "trial", Context: "orchard-one", Issuer: issuerOne, Namespace: "press-trial"}
	prodOne = programs.Site{Environment: "prod", Context: "orchard-one", Issuer: issuerOne, Namespace: "press"}
	prodTwo = programs.Site{Environment: "prod-two", Context: "orchard-two", Issuer: issuerTwo, Namespace: "press"}
)

// impatientStack says what the programs of tests do: a refresher that fails says so soon.
const impatientStack = "config:\n  waybill:customer: {refresher: {propagation: 1s}}\n"

// startGoogle starts a program on a world of Google Cloud.
func startGoogle(t *testing.T, world string, program pulumi.RunFunc) *sandbox.Sandbox {
	t.Helper()
	p := &project{t: t, root: t.TempDir(), stack: "google"}
	p.copy("Pulumi.yaml")
	path := filepath.Join(p.root, "sandbox", "worlds", "google.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(world), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(p.root, "Pulumi.google.yaml"), []byte(impatientStack), 0o600))
	return p.start(program)
}

func TestEnvironmentsOfOneCustomerCannotBecomeOneAnother(t *testing.T) {
	t.Parallel()
	three := []programs.Site{trial, prodOne, prodTwo}
	t.Run("by the clusters' issuers", func(t *testing.T) {
		t.Parallel()
		s := startGoogle(t, googleWorld+walking("clusterIssuer", "", three...), programs.ViaCluster(three...))
		rehearse(t, s, slices.Concat(viaThree, viaThree, viaThree), 3*(52+6)+12+3+1)
	})
	t.Run("by Entra", func(t *testing.T) {
		t.Parallel()
		s := startGoogle(t, googleWorld+googleTenants+walking("entra", "", three...), programs.ViaEntra(three...))
		rehearse(t, s, slices.Concat(viaTwo, viaTwo, viaTwo), 3*(60+6)+3*2*2+3+1)
	})
}
