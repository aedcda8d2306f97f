package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/tests/recorder"
)

const tenant = "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"

func google() kubernetes.GoogleIdentifiers {
	return kubernetes.GoogleIdentifiers{
		ProjectNumber: pulumi.String("402817365910"), Pool: pulumi.String("acme-azure-pool"), Provider: pulumi.String("acme-azure-provider"),
		ServiceAccount: pulumi.String("acme-pull@vendor-images.iam.gserviceaccount.com"),
	}
}

func entra() kubernetes.EntraSource {
	return kubernetes.EntraSource{
		GoogleIdentifiers: google(), TenantID: tenant, Authority: "https://login.microsoftonline.com/",
		Audience: "api://AzureADTokenExchange", Scope: "api://AzureADTokenExchange/.default", ClientID: pulumi.String("the-client"),
	}
}

func pullSecret() *kubernetes.PullSecretArgs {
	return &kubernetes.PullSecretArgs{
		Customer: "acme", Product: "shop", Namespace: "shop", Source: entra(), Registry: pulumi.String("europe-west1-docker.pkg.dev"),
		Images:    pulumi.ToStringArray([]string{"europe-west1-docker.pkg.dev/p/r/shop:1", "europe-west1-docker.pkg.dev/p/r/shop-worker:1", "europe-west1-docker.pkg.dev/p/r/shop:1"}),
		Refresher: kubernetes.Refresher{Image: "registry.example/refresher:1.0"},
		After:     pulumi.Array{pulumi.String("identity"), pulumi.String("bindings")},
	}
}

func register(t *testing.T, args *kubernetes.PullSecretArgs, preview bool) *recorder.Recorder {
	t.Helper()
	r := &recorder.Recorder{Preview: preview}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		_, err := kubernetes.NewPullSecret(ctx, "pull", args)
		return err
	}))
	return r
}

// pods are the pod templates of everything that runs.
func pods(r *recorder.Recorder) map[string]resource.PropertyMap {
	found := map[string]resource.PropertyMap{}
	for kind, path := range map[string]string{"CronJob": "spec.jobTemplate.spec.template", "Job": "spec.template", "Deployment": "spec.template"} {
		for _, registration := range r.Of(kind) {
			found[registration.Name] = registration.Value(path).ObjectValue()
		}
	}
	return found
}

func at(object resource.PropertyMap, path string) resource.PropertyValue {
	return recorder.Registration{Inputs: object}.Value(path)
}

func TestTheRefresherMayPatchItsOneSecretAndNothingElse(t *testing.T) {
	r := register(t, pullSecret(), false)
	require.Len(t, r.Of("Role"), 1)
	assert.Empty(t, r.Of("ClusterRole"))
	rules := r.Named("pull-role").Value("rules")
	assert.Equal(t, []any{map[string]any{
		"apiGroups": []any{""}, "resources": []any{"secrets"}, "resourceNames": []any{"ar-pull-secret"}, "verbs": []any{"patch"},
	}}, rules.Mappable())
	binding := r.Named("pull-binding")
	assert.Equal(t, []any{map[string]any{"kind": "ServiceAccount", "name": "shop-refresher", "namespace": "shop"}}, binding.Value("subjects").Mappable())
	assert.Equal(t, "shop-refresher", binding.Text("roleRef.name"))
}

func TestTheSecretIsMadeEmptyAndLeftToTheRefresher(t *testing.T) {
	secret := register(t, pullSecret(), false).Named("pull-secret")
	assert.Equal(t, "kubernetes.io/dockerconfigjson", secret.Text("type"))
	assert.JSONEq(t, `{"auths":{}}`, secret.Text(`stringData[".dockerconfigjson"]`))
	assert.Equal(t, []string{"data", "stringData"}, secret.RPC.GetIgnoreChanges())
}

func TestTheRefresherIsScheduledWithLimits(t *testing.T) {
	r := register(t, pullSecret(), false)
	cron := r.Named("pull-refresh")
	assert.Regexp(t, `^([0-9]|1[0-4])-59/15 \* \* \* \*$`, cron.Text("spec.schedule"))
	assert.Equal(t, "Replace", cron.Text("spec.concurrencyPolicy"), "a pod on a dead node counts as active")
	for path, want := range map[string]float64{
		"spec.startingDeadlineSeconds": 900, "spec.successfulJobsHistoryLimit": 1, "spec.failedJobsHistoryLimit": 3,
		"spec.jobTemplate.spec.backoffLimit": 2, "spec.jobTemplate.spec.activeDeadlineSeconds": 840,
	} {
		assert.InDelta(t, want, cron.Value(path).NumberValue(), 0, path)
	}
	rules := cron.Value("spec.jobTemplate.spec.podFailurePolicy.rules").Mappable().([]any)
	assert.Equal(t, []any{
		map[string]any{"action": "Ignore", "onPodConditions": []any{map[string]any{"type": "DisruptionTarget", "status": "True"}}},
		map[string]any{"action": "FailJob", "onExitCodes": map[string]any{"containerName": "refresher", "operator": "In", "values": []any{2.0}}},
	}, rules)
}

// A vendor's clouds are not asked by all customers in the same minute.
func TestTheMinutesAreSpreadOverCustomersAndStay(t *testing.T) {
	minutes := map[string]int{}
	for i := range 300 {
		args := pullSecret()
		args.Customer = fmt.Sprintf("customer-%d", i)
		schedule := register(t, args, true).Named("pull-refresh").Text("spec.schedule")
		minute, _, _ := strings.Cut(schedule, "-")
		minutes[minute]++
	}
	assert.Len(t, minutes, 15)
	for minute, customers := range minutes {
		assert.Less(t, customers, 60, minute)
	}
	same := register(t, pullSecret(), true).Named("pull-refresh").Text("spec.schedule")
	assert.Equal(t, same, register(t, pullSecret(), false).Named("pull-refresh").Text("spec.schedule"))
}

// The images that a token is tried on change with every release, and nothing that
// would make the first refresh run again.
func TestTheImagesAreListedOnceAndChangedInPlace(t *testing.T) {
	r := register(t, pullSecret(), false)
	images := r.Named("pull-images")
	assert.Equal(t, "ar-pull-secret-images", images.Text("metadata.name"))
	assert.Equal(t, "europe-west1-docker.pkg.dev/p/r/shop-worker:1\neurope-west1-docker.pkg.dev/p/r/shop:1", images.Text("data.images"))
	assert.NotContains(t, r.Named("pull-first-refresh").RPC.GetReplacementTrigger().String(), "shop:1")
}

func TestTheFirstRefreshRunsAgainWhenWhatItNeedsChanges(t *testing.T) {
	r := register(t, pullSecret(), false)
	job := r.Named("pull-first-refresh")
	assert.Equal(t, []string{"spec.template.spec.containers[0].resources"}, job.RPC.GetIgnoreChanges(), "Autopilot raises them")
	assert.Empty(t, job.Text("metadata.name"), "Pulumi names it: a replacement under a fixed name already exists")
	assert.True(t, job.Value("spec.ttlSecondsAfterFinished").IsNull(), "a Job that deletes itself would run again")
	trigger := job.RPC.GetReplacementTrigger().String()
	for _, part := range []string{"identity", "bindings", recorder.GUID("kubernetes:core/v1:Secret" + "pull-secret")} {
		assert.Contains(t, trigger, part)
	}
	assert.Equal(t, "true", job.Text(`metadata.annotations["pulumi.com/replaceUnready"]`), "one that failed is made again")
	assert.Equal(t, "900s", job.RPC.GetCustomTimeouts().GetCreate(), "longer than its own deadline")
	assert.InDelta(t, 840, job.Value("spec.activeDeadlineSeconds").NumberValue(), 0)
	assert.InDelta(t, 0, job.Value("spec.backoffLimit").NumberValue(), 0, "the next update runs it again")
	assert.Equal(t, []any{"refresh", "--require-images"}, job.Value("spec.template.spec.containers[0].args").Mappable())
	dependencies := strings.Join(job.RPC.GetDependencies(), " ")
	for _, name := range []string{"::pull-secret", "::pull-config", "::pull-binding", "::pull-account", "::pull-egress", "::pull-images"} {
		assert.Contains(t, dependencies, name)
	}
}

func TestTheRefreshersPodsRelyOnNoWebhook(t *testing.T) {
	r := register(t, pullSecret(), false)
	templates := pods(r)
	require.Len(t, templates, 2)
	for name, template := range templates {
		for _, keys := range []string{"metadata.labels", "metadata.annotations"} {
			for key := range at(template, keys).ObjectValue() {
				assert.NotContains(t, string(key), "azure.workload.identity", name)
				assert.NotContains(t, string(key), "eks.amazonaws.com", name)
			}
		}
		assert.Equal(t, "disabled", at(template, `metadata.annotations["linkerd.io/inject"]`).StringValue(), "a sidecar keeps a Job's pod from ending")
		assert.Equal(t, "false", at(template, `metadata.labels["sidecar.istio.io/inject"]`).StringValue())
		assert.Equal(t, "shop-refresher", at(template, "spec.serviceAccountName").StringValue())
		assert.False(t, at(template, "spec.automountServiceAccountToken").BoolValue())
		container := at(template, "spec.containers[0]").ObjectValue()
		environment := map[string]any{}
		for _, variable := range container["env"].ArrayValue() {
			v := variable.Mappable().(map[string]any)
			if value, plain := v["value"]; plain {
				environment[v["name"].(string)] = value
				continue
			}
			environment[v["name"].(string)] = v["valueFrom"]
		}
		assert.Equal(t, map[string]any{
			"WAYBILL_IMAGES":                            map[string]any{"configMapKeyRef": map[string]any{"name": "ar-pull-secret-images", "key": "images"}},
			"WAYBILL_TRUST":                             "entra",
			"WAYBILL_REGISTRY":                          "europe-west1-docker.pkg.dev",
			"GOOGLE_APPLICATION_CREDENTIALS":            "/etc/waybill/credential-config.json",
			"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1",
			"AZURE_TENANT_ID":                           tenant,
			"AZURE_CLIENT_ID":                           "the-client",
			"AZURE_AUTHORITY_HOST":                      "https://login.microsoftonline.com/",
			"AZURE_FEDERATED_TOKEN_FILE":                "/var/run/secrets/waybill/subject/token",
			"WAYBILL_ENTRA_SCOPE":                       "api://AzureADTokenExchange/.default",
			"WAYBILL_SECRET":                            "ar-pull-secret",
			"WAYBILL_NAMESPACE":                         "shop",
			"WAYBILL_DEADLINE":                          map[string]string{"pull-refresh": "4m0s", "pull-first-refresh": "12m0s"}[name],
			"WAYBILL_PROPAGATION":                       map[string]string{"pull-refresh": "1m30s", "pull-first-refresh": "8m0s"}[name],
		}, environment, name)
		assert.Equal(t, map[string]any{"path": "token", "expirationSeconds": 3600.0, "audience": "api://AzureADTokenExchange"},
			volume(t, template, "subject-token")["projected"].(map[string]any)["sources"].([]any)[0].(map[string]any)["serviceAccountToken"])
		assert.Equal(t, map[string]any{"path": "token", "expirationSeconds": 3600.0},
			volume(t, template, "api-token")["projected"].(map[string]any)["sources"].([]any)[0].(map[string]any)["serviceAccountToken"], "the API server's own audience")
	}
}

func volume(t *testing.T, template resource.PropertyMap, name string) map[string]any {
	t.Helper()
	for _, v := range at(template, "spec.volumes").ArrayValue() {
		if volume := v.Mappable().(map[string]any); volume["name"] == name {
			return volume
		}
	}
	require.Fail(t, "no volume "+name)
	return nil
}

func TestWithAClusterSourceTheTokenIsForTheProviderItself(t *testing.T) {
	args := pullSecret()
	args.Source = kubernetes.ClusterSource{GoogleIdentifiers: google()}
	r := register(t, args, false)
	for name, template := range pods(r) {
		token := volume(t, template, "subject-token")["projected"].(map[string]any)["sources"].([]any)[0].(map[string]any)["serviceAccountToken"].(map[string]any)
		assert.Equal(t, "https://iam.googleapis.com/projects/402817365910/locations/global/workloadIdentityPools/acme-azure-pool/providers/acme-azure-provider", token["audience"], name)
	}
	assert.Contains(t, r.Named("pull-config").Text(`data["credential-config.json"]`), `"file": "/var/run/secrets/waybill/subject/token"`)
}

func TestTheConfigurationIsImmutable(t *testing.T) {
	config := register(t, pullSecret(), false).Named("pull-config")
	assert.True(t, config.Value("immutable").BoolValue())
	assert.Empty(t, config.Text("metadata.name"), "new contents get a new name")
	assert.Contains(t, config.Text(`data["credential-config.json"]`), `"command": "/refresher subject-token"`)
}

func TestTheNamespaceIsMadeToEnforceRestrictedOrLeftAlone(t *testing.T) {
	namespace := register(t, pullSecret(), false).Named("pull-namespace")
	assert.True(t, namespace.RPC.GetRetainOnDelete(), "others come to live in it")
	open := pullSecret()
	no := false
	open.ProtectNamespace = &no
	assert.False(t, register(t, open, false).Named("pull-namespace").RPC.GetRetainOnDelete())
	assert.Equal(t, "restricted", namespace.Text(`metadata.labels["pod-security.kubernetes.io/enforce"]`))

	r := &recorder.Recorder{Reads: map[string]func(string) (resource.PropertyMap, error){
		"kubernetes:core/v1:Namespace": func(id string) (resource.PropertyMap, error) {
			return resource.NewPropertyMapFromMap(map[string]any{"metadata": map[string]any{
				"name": id, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"}}}), nil
		},
	}}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		existing, err := kubernetes.FindNamespace(ctx, "shop-namespace", "shop", false)
		if err != nil {
			return err
		}
		args := pullSecret()
		args.Existing = existing
		args.ProtectNamespace = &no
		require.ErrorContains(t, args.Validate(), "protectNamespace false: want none of an existing namespace")
		args.ProtectNamespace = nil
		_, err = kubernetes.NewPullSecret(ctx, "pull", args)
		return err
	}))
	for _, found := range r.Of("Namespace") {
		assert.True(t, found.Read, "%s is read only", found.Name)
	}
	assert.Equal(t, "shop", r.Named("pull-secret").Text("metadata.namespace"))
}

func TestNothingReachesTheRefresherNorItTheNodesIdentity(t *testing.T) {
	policy := register(t, pullSecret(), false).Named("pull-egress")
	assert.Equal(t, []any{"Ingress", "Egress"}, policy.Value("spec.policyTypes").Mappable())
	assert.True(t, policy.Value("spec.ingress").IsNull())
	egress := policy.Value("spec.egress").ArrayValue()
	require.Len(t, egress, 2)
	assert.Equal(t, []any{map[string]any{"protocol": "TCP", "port": 443.0}, map[string]any{"protocol": "TCP", "port": 6443.0}},
		egress[1].ObjectValue()["ports"].Mappable())
	for _, rule := range egress {
		assert.True(t, rule.ObjectValue()["to"].IsNull(), "Cilium's blocks match no API server on a node")
	}
	assert.Contains(t, egress[0].ObjectValue()["ports"].Mappable(), map[string]any{"protocol": "UDP", "port": 5353.0}, "OpenShift's")
	assert.Equal(t, at(pods(register(t, pullSecret(), false))["pull-refresh"], "metadata.labels").ObjectValue()["app.kubernetes.io/component"].StringValue(),
		policy.Text(`spec.podSelector.matchLabels["app.kubernetes.io/component"]`))
}

func TestBadArgumentsOfThePullSecretAreNamed(t *testing.T) {
	long := 11 * time.Minute
	for name, c := range map[string]struct {
		change func(*kubernetes.PullSecretArgs)
		want   string
	}{
		"a bad namespace":        {func(a *kubernetes.PullSecretArgs) { a.Namespace = "Shop" }, `namespace "Shop"`},
		"a long secret name":     {func(a *kubernetes.PullSecretArgs) { a.Name = strings.Repeat("a", 45) }, "want a pull secret's name of at most 44"},
		"no source":              {func(a *kubernetes.PullSecretArgs) { a.Source = nil }, "source is missing: want a token source"},
		"no registry":            {func(a *kubernetes.PullSecretArgs) { a.Registry = nil }, "registry is missing: want the host of the vendor's registry"},
		"an empty source":        {func(a *kubernetes.PullSecretArgs) { a.Source = kubernetes.ClusterSource{} }, "source.projectNumber is missing"},
		"no client":              {func(a *kubernetes.PullSecretArgs) { s := entra(); s.ClientID = nil; a.Source = s }, "source.clientId is missing"},
		"no image":               {func(a *kubernetes.PullSecretArgs) { a.Refresher.Image = "" }, `refresher.image "": want HOST/PATH`},
		"an image without a tag": {func(a *kubernetes.PullSecretArgs) { a.Refresher.Image = "registry.example/refresher" }, "want a tag other than latest"},
		"the tag latest":         {func(a *kubernetes.PullSecretArgs) { a.Refresher.Image = "registry.example/refresher:latest" }, "want a tag other than latest"},
		"a bad digest":           {func(a *kubernetes.PullSecretArgs) { a.Refresher.Image = "registry.example/refresher@sha256:12" }, "want a digest of the form sha256:"},
		"an hour":                {func(a *kubernetes.PullSecretArgs) { a.Refresher.Every = time.Hour }, "refresher.every 1h0m0s: want 5m to 20m0s"},
		"seven minutes":          {func(a *kubernetes.PullSecretArgs) { a.Refresher.Every = 7 * time.Minute }, "that divide an hour"},
		"minutes and a half":     {func(a *kubernetes.PullSecretArgs) { a.Refresher.Every = 450 * time.Second }, "whole minutes"},
		"a long deadline":        {func(a *kubernetes.PullSecretArgs) { a.Refresher.Deadline = long }, "refresher.deadline 11m0s: want 1m to 10m"},
		"a long propagation":     {func(a *kubernetes.PullSecretArgs) { a.Refresher.Propagation = &long }, "refresher.propagation 11m0s: want 0s to 10m"},
		"no image to try":        {func(a *kubernetes.PullSecretArgs) { a.Images = nil }, "images are missing: want one at least"},
		"ports of no policy":     {func(a *kubernetes.PullSecretArgs) { a.NoNetworkPolicy, a.EgressPorts = true, []int{443} }, "egressPorts are given and the network policy is left out"},
		"a bad port":             {func(a *kubernetes.PullSecretArgs) { a.EgressPorts = []int{0} }, "egressPorts 0: want 1 to 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			args := pullSecret()
			c.change(args)
			require.ErrorContains(t, args.Validate(), c.want)
		})
	}
	err := (&recorder.Recorder{}).Run(func(ctx *pulumi.Context) error {
		_, err := kubernetes.NewPullSecret(ctx, strings.Repeat("a", 41), pullSecret())
		return err
	})
	require.ErrorContains(t, err, "want at most 40 characters")
}

// What a preview registers may not depend on values that are unknown then.
func TestAPreviewOfThePullSecretRegistersTheSame(t *testing.T) {
	names := func(r *recorder.Recorder) []string {
		var all []string
		for _, registration := range r.All() {
			all = append(all, registration.Name)
		}
		slices.Sort(all)
		return all
	}
	assert.Equal(t, names(register(t, pullSecret(), false)), names(register(t, pullSecret(), true)))
}

// Without a grant there is nothing to ask for a token, and everything else.
func TestAPullSecretThatWaitsHasNoRefresher(t *testing.T) {
	args := pullSecret()
	args.Waiting = true
	r := &recorder.Recorder{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		pull, err := kubernetes.NewPullSecret(ctx, "pull", args)
		require.NoError(t, err)
		assert.Nil(t, pull.FirstRefresh)
		return nil
	}))
	for _, kind := range []string{"Secret", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy"} {
		assert.Len(t, r.Of(kind), 1, kind)
	}
	for _, kind := range []string{"CronJob", "Job", "ConfigMap"} {
		assert.Empty(t, r.Of(kind), kind)
	}
}
