package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

var providerURN = resource.NewURN("dev", "waybill", "", "pulumi:providers:kubernetes", "cluster")

// refusals returns the reasons that a configuration is refused for.
func refusals(t *testing.T, settings map[string]any) []string {
	t.Helper()
	e := connect(t, provider.Options{})
	checked, err := e.provider.CheckConfig(t.Context(), plugin.CheckConfigRequest{
		URN: providerURN, News: properties(settings), Olds: resource.PropertyMap{},
	})
	require.NoError(t, err)
	var reasons []string
	for _, failure := range checked.Failures {
		reasons = append(reasons, failure.Reason)
	}
	return reasons
}

func TestEveryWrongSettingIsRefusedAtOnce(t *testing.T) {
	reasons := refusals(t, map[string]any{
		"context":               "elsewhere",
		"contxt":                "customer",
		"renderYamlToDirectory": "yaml",
		"enableSecretMutable":   "sometimes",
		"namespace":             7,
		"enableServerSideApply": false,
	})
	require.Len(t, reasons, 6)
	assert.Contains(t, reasons, `context: "elsewhere" is in no kubeconfig: want one of customer`)
	assert.Contains(t, reasons, "renderYamlToDirectory: the sandbox's kubernetes provider cannot honour this setting: leave it out")
	assert.Contains(t, reasons, "namespace: is number: want text")
	assert.Contains(t, strings.Join(reasons, "\n"), "contxt: is no setting of the kubernetes provider v4.30.0: want one of alwaysRender, cluster")
}

func TestAContextIsRequired(t *testing.T) {
	assert.Equal(t, []string{"context: is missing: want one of customer"}, refusals(t, nil))
}

func TestSettingsThatChangeNothingHereAreTaken(t *testing.T) {
	assert.Empty(t, refusals(t, map[string]any{
		"context": "customer", "suppressHelmHookWarnings": true, "deleteUnreachable": "true", "enableServerSideApply": "true",
	}))
}

func TestAKubeconfigMayBeAPathOrContentsButLeadsToTheSandbox(t *testing.T) {
	contents, err := os.ReadFile(kubeconfigPath)
	require.NoError(t, err)
	assert.Empty(t, refusals(t, map[string]any{"context": "customer", "kubeconfig": string(contents)}))
	assert.Empty(t, refusals(t, map[string]any{"context": "customer", "kubeconfig": kubeconfigPath}))

	config, err := clientcmd.LoadFromFile(kubeconfigPath)
	require.NoError(t, err)
	config.Clusters["customer"].Server = "https://production.example:6443"
	foreign := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, foreign))
	assert.Equal(t, []string{`kubeconfig: context "customer": leads to https://production.example:6443, which is no cluster of this sandbox`},
		refusals(t, map[string]any{"context": "customer", "kubeconfig": foreign}))

	assert.Equal(t, []string{"kubeconfig: is neither the path of a kubeconfig nor the contents of one"},
		refusals(t, map[string]any{"context": "customer", "kubeconfig": "token: hunter2"}))
}

func TestOnlyAnotherClusterReplacesTheProvider(t *testing.T) {
	e := connect(t, provider.Options{})
	contents, err := os.ReadFile(kubeconfigPath)
	require.NoError(t, err)
	diff := func(olds, news map[string]any) plugin.DiffConfigResponse {
		response, err := e.provider.DiffConfig(t.Context(), plugin.DiffConfigRequest{
			URN: providerURN, OldInputs: properties(olds), OldOutputs: properties(olds), NewInputs: properties(news),
		})
		require.NoError(t, err)
		return response
	}
	same := map[string]any{"context": "customer"}
	assert.Equal(t, plugin.DiffNone, diff(same, same).Changes)

	spelled := diff(same, map[string]any{"context": "customer", "kubeconfig": string(contents)})
	assert.Equal(t, plugin.DiffSome, spelled.Changes)
	assert.False(t, spelled.Replace(), "the same cluster, named in another way")

	assert.True(t, diff(map[string]any{"context": "customer", "clusterIdentifier": "a"},
		map[string]any{"context": "customer", "clusterIdentifier": "b"}).Replace())
}

func TestNothingWorksBeforeTheConfiguration(t *testing.T) {
	_, err := provider.New(provider.Options{Kubeconfig: kubeconfigPath}).Check(t.Context(), plugin.CheckRequest{
		URN: urnOf("core/v1:ConfigMap", "a"), Type: "kubernetes:core/v1:ConfigMap",
	})
	require.ErrorContains(t, err, "not configured")
}

func TestFunctionsAndForeignKindsAreRefused(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	_, err := e.provider.Invoke(t.Context(), plugin.InvokeRequest{Tok: "kubernetes:helm:template", Args: resource.PropertyMap{}})
	require.ErrorContains(t, err, "has no functions")
	for token, part := range map[string]string{
		"core/v1:SecretList":        "want the kind of its items",
		"core/v1:SecretPatch":       "no Patch resources",
		"example.com/v1:Widget":     "no custom resources",
		"helm.sh/v3:Release":        "no custom resources",
		"yaml:ConfigFile":           "is no kind of object",
		"apps/v1beta1:Deployment":   `no matches for kind "Deployment" in version "apps/v1beta1"`,
		"batch/v1beta1:CronJob":     `no matches for kind "CronJob"`,
		"policy/v1beta1:PodTooMany": "no custom resources",
	} {
		_, err := e.check(state{urn: urnOf(token, "a")}, resource.PropertyMap{})
		require.ErrorContains(t, err, part, token)
	}
}

func TestThePluginSaysWhichVersionItFollows(t *testing.T) {
	info, err := connect(t, provider.Options{}).provider.GetPluginInfo(t.Context())
	require.NoError(t, err)
	require.NotNil(t, info.Version)
	assert.Equal(t, "4.30.0", info.Version.String())
}
