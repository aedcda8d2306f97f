package tests_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
	"waybill.example/waybill/tests/stackfile"
)

// outputsOf are a stack's outputs as `pulumi stack output --json` prints them.
func outputsOf(t *testing.T, text string) exchange.Outputs {
	t.Helper()
	var outputs exchange.Outputs
	require.NoError(t, json.Unmarshal([]byte(text), &outputs))
	return outputs
}

const devOutputs = `{
	"accessRequest": {"document":"accessRequest","version":"1.0","customer":"example","platform":"aks","tenantId":"3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10",
		"environments":[{"name":"default","clientId":"8bd97dd6-59af-4720-b887-45fedc05701c","principalId":"ac05ac88-cf69-463a-8219-734b26b350fa"}]},
	"accessGrant": {"document":"accessGrant","version":"1.0","customer":"example","platform":"aks","projectNumber":"731904826550","pool":"example--hello-azure-pool",
		"serviceAccount":"example--hello-pull@hello-images.iam.gserviceaccount.com","registry":"europe-west1-docker.pkg.dev","repository":"hello-images/example--hello",
		"environments":[{"name":"default","provider":"example-azure-provider"}]}}`

func recordOf(t *testing.T, stack string, options record.Options) *record.Stack {
	t.Helper()
	made, err := record.Of(stackfile.Path(t, "..", stack), stacks.In, options)
	require.NoError(t, err, stack)
	return made
}

// A record is what an update registers, and made anew it is the same.
func TestARecordHasWhatAnUpdateRegisters(t *testing.T) {
	for _, name := range stackfile.Names(t, "..") {
		t.Run(name, func(t *testing.T) {
			first := recordOf(t, name, record.Options{})
			inputs := func(s *record.Stack) (all []string) {
				for _, r := range s.Registrations {
					all = append(all, fmt.Sprint(r.URN, r.Inputs, r.DependsOn))
				}
				return all
			}
			assert.Equal(t, inputs(first), inputs(recordOf(t, name, record.Options{})))
			values, secrets := loadStack(t, name)
			r := newRecorder(values, secrets)
			require.NoError(t, r.Run(examples(t)))
			var recorded []string
			made := map[string]bool{}
			for _, registration := range first.Registrations {
				recorded = append(recorded, fmt.Sprintf("%s %s < %s @ %s", registration.Type, registration.Name,
					strings.Replace(registration.Parent, "waybill-"+name, "waybill-test", 1), registration.Provider))
				for _, other := range first.Registrations {
					if slices.Contains(registration.DependsOn, other.URN) && other.URN != registration.URN {
						assert.True(t, made[other.URN], "%s stands before %s", registration.Name, other.Name)
					}
				}
				made[registration.URN] = true
				text := fmt.Sprint(registration.Inputs)
				assert.NotContains(t, text, "unknown(", registration.Name)
				assert.NotContains(t, text, ".unknown", registration.Name)
				for _, unknown := range registration.Unknowns() {
					assert.NotEmpty(t, unknown.From, "%s %s", registration.Name, unknown.Path)
				}
			}
			slices.Sort(recorded)
			want := identities(r)
			slices.Sort(want)
			if name == "oscorp-vendor" {
				return // the document beside it is there for the update alone
			}
			assert.Equal(t, want, recorded)
		})
	}
}

// What only a cloud can tell is not known, says where it comes from, and is known once
// the stack has exported it.
func TestWhatOnlyACloudCanTellIsNotMadeUp(t *testing.T) {
	unknowns := func(r record.Registration) []string {
		var all []string
		for _, unknown := range r.Unknowns() {
			all = append(all, unknown.Path+" from "+unknown.From)
		}
		return all
	}
	s := recordOf(t, "dev", record.Options{})
	assert.Equal(t, []string{"issuer from the OIDC issuer of cluster example-cluster"}, unknowns(s.Named("azure-hello-federated-credential")))
	assert.Equal(t, []string{"attributeCondition from azure-identity (clientId, principalId)"}, unknowns(s.Named("gcp-provider")))
	assert.Equal(t, []string{`data["credential-config.json"] from gcp-pool (name), gcp-provider (name)`}, unknowns(s.Named("pull-config")))
	job := unknowns(s.Named("pull-first-refresh"))
	require.Len(t, job, 2, "the client ID, and the name of a ConfigMap whose contents are not known")
	assert.Contains(t, job[0], "azure-identity (clientId, principalId)")
	assert.NotContains(t, s.Outputs, "accessRequest")

	s = recordOf(t, "dev", record.Options{Outputs: outputsOf(t, devOutputs)})
	for _, r := range s.Registrations {
		if r.Name != "azure-hello-federated-credential" {
			assert.Empty(t, r.Unknowns(), r.Name)
		}
	}
	assert.Contains(t, s.Named("pull-config").Text(`data["credential-config.json"]`), "projects/731904826550/locations/global/workloadIdentityPools/example--hello-azure-pool/providers/")
	assert.Equal(t, "731904826550", s.Outputs["accessGrant"].(map[string]any)["projectNumber"])
	assert.Regexp(t, `^pull-config-[0-9a-f]{8}$`, s.Named("pull-first-refresh").Text("spec.template.spec.volumes[2].configMap.name"))

	_, err := record.Of(stackfile.Path(t, "..", "dev"), stacks.In, record.Options{Outputs: outputsOf(t, strings.ReplaceAll(devOutputs, `"customer":"example"`, `"customer":"acme"`))})
	require.ErrorContains(t, err, `is of customer "acme" on platform "aks": want "example" on "aks", whose stack this is`)
}

// A secret of the stack file stays encrypted, and is not known unless it is given.
func TestExampleARecordKnowsTheSecretsThatItIsGiven(t *testing.T) {
	config := recordOf(t, "acme", record.Options{}).Named("workload-config")
	assert.Equal(t, []record.Unknown{{Path: "stringData.config", From: "waybill:productConfig"}}, config.Unknowns())
	config = recordOf(t, "acme", record.Options{Secrets: map[string]string{"waybill:productConfig": `{"a": 1}`}}).Named("workload-config")
	assert.Equal(t, `{"a": 1}`, config.Text("stringData.config"))
	assert.True(t, config.Inputs["stringData"].ContainsSecrets())
}

func TestExampleARecordSaysWhatTheStackWaitsFor(t *testing.T) {
	waiting := recordOf(t, "soylent-customer", record.Options{}).Waiting
	require.Len(t, waiting, 1)
	assert.Equal(t, "accessGrant", waiting[0].Document)
	assert.Equal(t, "vendor", waiting[0].From)
	assert.NotEmpty(t, waiting[0].Command)
	assert.Empty(t, recordOf(t, "globex", record.Options{}).Waiting)
}
