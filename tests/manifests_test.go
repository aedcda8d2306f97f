package tests_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/stacks/manifests"
	"waybill.example/waybill/stacks/record"
	"waybill.example/waybill/tests/stackfile"
)

// manifestsOf runs `waybill manifests` in the project's folder.
func manifestsOf(t *testing.T, arguments ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	status = stacks.Command(append([]string{"manifests"}, arguments...), &out, &complaints)
	return status, out.String(), complaints.String()
}

// kinds are the kinds and names of a stream's objects, in their order.
func kinds(t *testing.T, stream string) []string {
	t.Helper()
	var all []string
	for _, text := range strings.Split(stream, "---\n")[1:] {
		var object map[string]any
		require.NoError(t, encoding.YAML.Unmarshal([]byte(text), &object))
		all = append(all, manifests.Object(object).Kind()+" "+manifests.Object(object).Name())
	}
	return all
}

// allKnown are outputs that tell everything that any of the examples needs.
func allKnown(stack *record.Stack) map[string]any {
	var environments, providers []any
	for _, e := range stack.Customer.Sorted() {
		environments = append(environments, map[string]any{"name": e.Name, "clientId": "8bd97dd6-59af-4720-b887-45fedc05701c", "principalId": "ac05ac88-cf69-463a-8219-734b26b350fa"})
		providers = append(providers, map[string]any{"name": e.Name, "provider": "a-provider"})
	}
	head := func(document string) map[string]any {
		return map[string]any{"document": document, "version": "1.0", "customer": stack.Customer.Slug, "platform": stack.Customer.Platform}
	}
	request, grant := head("accessRequest"), head("accessGrant")
	request["environments"], grant["environments"], grant["projectNumber"] = environments, providers, "731904826550"
	trusts := map[string]any{}
	for _, r := range stack.Registrations {
		if name := r.Text("resourceName"); strings.HasPrefix(r.Name, "workloads-") && r.Kind() == "UserAssignedIdentity" {
			trusts[r.Name] = map[string]any{"identity": name, "clientId": "9ce08ee7-60b0-4831-8998-56afedd16812"}
		}
	}
	return map[string]any{"accessRequest": request, "accessGrant": grant, "workloadTrusts": trusts}
}

// Every object of every stack that builds both halves is applied: with a name, and
// without anything that only Pulumi reads; each after what it depends on.
func TestManifestsAreWhatTheStackRegisters(t *testing.T) {
	tried := 0
	for _, name := range stackfile.Names(t, "..") {
		stack := recordOf(t, name, record.Options{})
		if stack.Customer.Side != "both" || stack.Customer.Platform == "ecs" {
			continue
		}
		tried++
		known := record.Options{Outputs: allKnown(stack), Secrets: map[string]string{"waybill:productConfig": `{"a": 1}`}}
		stack = recordOf(t, name, known)
		for _, e := range stack.Customer.Sorted() {
			set, err := manifests.Of(stack, e.Name)
			require.NoError(t, err, name)
			var want, got []string
			for _, r := range stack.Registrations {
				if r.Provider == "kubernetes"+e.Suffix() && r.Custom() && !strings.HasSuffix(r.Kind(), "Patch") {
					want = append(want, r.Kind())
				}
			}
			for _, o := range set.Objects {
				got = append(got, o.Kind())
				assert.NotEmpty(t, o.Name())
				text, err := encoding.YAML.Marshal(o)
				require.NoError(t, err)
				assert.NotContains(t, string(text), "pulumi", o.Name())
				if spec, is := o["spec"].(map[string]any); is && o.Kind() == "Deployment" {
					_, number := spec["replicas"]
					assert.NotEqual(t, stack.Customer.Workload.Autoscaled, number, "%s: an autoscaler sets the number", o.Name())
				}
			}
			assert.Equal(t, want, got, name)
			again, err := manifests.Of(recordOf(t, name, known), e.Name)
			require.NoError(t, err)
			assert.Equal(t, set, again, "%s: names are the same in every run", name)
		}
	}
	assert.Positive(t, tried)
}

func TestManifestsOfTheCommand(t *testing.T) {
	t.Chdir("..")
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(outputs, []byte(devOutputs), 0o600))

	status, stdout, stderr := manifestsOf(t, "dev", "--outputs", outputs)
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, "Namespace hello", kinds(t, stdout)[0])
	assert.NotContains(t, stdout, "dockerconfigjson:", "what the refresher writes is in no object that is applied")
	assert.Contains(t, stdout, "type: kubernetes.io/dockerconfigjson")
	status, stdout, _ = manifestsOf(t, "dev", "--outputs", outputs, "--once")
	assert.Equal(t, 0, status)
	assert.Equal(t, []string{"Namespace hello", "Secret ar-pull-secret"}, kinds(t, stdout))
	assert.Contains(t, stdout, ".dockerconfigjson: eyJhdXRocyI6e319")

	status, stdout, stderr = manifestsOf(t, "dev")
	assert.Equal(t, 1, status)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "want --outputs")
	assert.Contains(t, stderr, "azure-identity (clientId, principalId), gcp-pool (name), gcp-provider (name): CronJob pull-refresh has it in spec")
	for _, arguments := range [][]string{{"dev", "more"}, {"dev", "--other"}, {"dev", "--once", "--out", "x"}, {"dev", "--outputs", "nowhere"}} {
		status, stdout, stderr = manifestsOf(t, arguments...)
		assert.Equal(t, 2, status, arguments)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "See \"waybill help\".")
	}
}

func TestExampleManifestsSayWhatIsMissing(t *testing.T) {
	t.Chdir("..")
	for stack, want := range map[string]string{
		"soylent-customer": "accessGrant is missing, which the vendor supplies",
		"oscorp-customer":  "> examples/oscorp.accessGrant.json`",
		"oscorp-vendor":    "side vendor on platform eks: has no Kubernetes objects",
		"stark":            "side both on platform ecs: has no Kubernetes objects",
		"tyrell":           "want --environment with one of dev, prod, staging",
		"acme":             "waybill:productConfig: Secret workload-config has it in stringData.config",
	} {
		status, stdout, stderr := manifestsOf(t, stack)
		assert.Equal(t, 1, status, stack)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
	}
}

// Where the vendor's half is another stack's, its document and what the customer told it
// are all that is needed.
func TestExampleACustomerOfTwoPartiesHasItsManifests(t *testing.T) {
	t.Chdir("..")
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(outputs, []byte(`{"accessRequest": `+soylentRequest+`, "accessGrant": `+soylentGrant+`}`), 0o600))
	status, stdout, stderr := manifestsOf(t, "soylent-customer", "--outputs", outputs)
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "value: 8bd97dd6-59af-4720-b887-45fedc05701c")
	assert.Contains(t, stdout, "projects/731904826550/locations/global/workloadIdentityPools/soylent--bifrost-azure-pool")

	require.NoError(t, os.WriteFile(outputs, []byte(`{"accessGrant": `+soylentGrant+`}`), 0o600))
	status, _, stderr = manifestsOf(t, "soylent-customer", "--outputs", outputs)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "azure-identity (clientId, principalId)", "the one value that the customer told the vendor")
}

// Every object has a file of its own, also where several namespaces have a pull secret of
// one name.
func TestExampleManifestsHaveAFileForEachObject(t *testing.T) {
	stack := recordOf(t, "weyland", record.Options{})
	set, err := manifests.Of(recordOf(t, "weyland", record.Options{Outputs: allKnown(stack)}), "")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, set.Write(folder))
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	require.NoError(t, err)
	assert.Len(t, files, len(set.Objects)+len([]string{"kustomization.yaml", "once.yaml"}))
}

// A secret is never printed: it is written to a file that its owner alone reads. What
// is no longer among the objects is no longer in the folder.
func TestExampleManifestsWriteSecretsForTheirOwner(t *testing.T) {
	stack := recordOf(t, "acme", record.Options{})
	write := func(config, folder string) (left []string, kustomization string) {
		set, err := manifests.Of(recordOf(t, "acme", record.Options{
			Outputs: allKnown(stack), Secrets: map[string]string{"waybill:productConfig": config},
		}), "")
		require.NoError(t, err)
		var out bytes.Buffer
		left, err = manifests.Print(&out, set.Objects)
		require.NoError(t, err)
		assert.NotContains(t, out.String(), "eyJwYXNz")
		require.NoError(t, set.Write(folder))
		text, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
		require.NoError(t, err)
		return left, string(text)
	}
	folder := filepath.Join(t.TempDir(), "out")
	left, first := write(`{"password": "hunter2"}`, folder)
	require.Len(t, left, 1)
	secrets := func() []string {
		found, err := filepath.Glob(filepath.Join(folder, "secret-workload-config-*.yaml"))
		require.NoError(t, err)
		require.Len(t, found, 1)
		info, err := os.Stat(found[0])
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		return found
	}
	assert.Contains(t, first, "order: fifo")
	before := secrets()
	_, second := write(`{"password": "hunter3"}`, folder)
	assert.NotEqual(t, before, secrets())
	assert.Equal(t, strings.Count(first, "\n"), strings.Count(second, "\n"))
}
