package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/tests/recorder"
)

func workload() *kubernetes.WorkloadArgs {
	return &kubernetes.WorkloadArgs{
		Customer: "acme", Product: "shop", Namespace: pulumi.String("shop"), PullSecret: pulumi.String("ar-pull-secret"),
		Image: pulumi.String("registry.example/shop:1.0"), Port: 8080,
		Liveness: kubernetes.Probe{Path: "/health"}, Readiness: kubernetes.Probe{Path: "/health", Period: 7},
	}
}

func run(t *testing.T, args *kubernetes.WorkloadArgs) (*recorder.Recorder, resource.PropertyMap) {
	t.Helper()
	r := &recorder.Recorder{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		_, err := kubernetes.NewWorkload(ctx, "app", args)
		return err
	}))
	return r, pods(r)["app-deployment"]
}

func TestTheProductRunsAsTheGuidesShow(t *testing.T) {
	r, template := run(t, workload())
	assert.InDelta(t, 2, r.Named("app-deployment").Value("spec.replicas").NumberValue(), 0)
	assert.Equal(t, []string{"spec.replicas"}, r.Named("app-deployment").RPC.GetIgnoreChanges(), "whoever scales it by hand is left alone")
	assert.InDelta(t, 2, r.Named("app-replicas").Value("spec.replicas").NumberValue(), 0)
	container := at(template, "spec.containers[0]").ObjectValue()
	assert.Equal(t, "shop", container["name"].StringValue())
	assert.Equal(t, "registry.example/shop:1.0", container["image"].StringValue())
	assert.Equal(t, map[string]any{
		"requests": map[string]any{"cpu": "250m", "memory": "512Mi"}, "limits": map[string]any{"cpu": "1", "memory": "2Gi"},
	}, container["resources"].Mappable())
	probe := func(name string) map[string]any {
		return container[resource.PropertyKey(name)].Mappable().(map[string]any)
	}
	assert.Equal(t, map[string]any{"path": "/health", "port": "http"}, probe("livenessProbe")["httpGet"])
	assert.Equal(t, []any{30.0, 10.0}, []any{probe("livenessProbe")["initialDelaySeconds"], probe("livenessProbe")["periodSeconds"]})
	assert.Equal(t, []any{10.0, 7.0}, []any{probe("readinessProbe")["initialDelaySeconds"], probe("readinessProbe")["periodSeconds"]})
	assert.Equal(t, []any{map[string]any{"name": "ar-pull-secret"}}, at(template, "spec.imagePullSecrets").Mappable())
	ports := r.Named("app-service").Value("spec.ports[0]").Mappable().(map[string]any)
	assert.Equal(t, []any{80.0, "http"}, []any{ports["port"], ports["targetPort"]})
}

func TestTheProductsPodsHoldNoTokenAndNotTheRefreshersAccount(t *testing.T) {
	r, template := run(t, workload())
	assert.Equal(t, "shop", at(template, "spec.serviceAccountName").StringValue())
	assert.NotEqual(t, kubernetes.RefresherServiceAccount("shop"), at(template, "spec.serviceAccountName").StringValue())
	assert.False(t, at(template, "spec.automountServiceAccountToken").BoolValue())
	assert.False(t, r.Named("app-account").Value("automountServiceAccountToken").BoolValue())
}

// Every pod of either component is what Pod Security "restricted" admits, and
// can write nowhere that was not asked for.
func TestEveryPodIsRestricted(t *testing.T) {
	_, product := run(t, workload())
	templates := pods(register(t, pullSecret(), false))
	templates["product"] = product
	require.Len(t, templates, 3)
	for name, template := range templates {
		assert.True(t, at(template, "spec.securityContext.runAsNonRoot").BoolValue(), name)
		assert.Positive(t, at(template, "spec.securityContext.runAsUser").NumberValue(), name)
		assert.Equal(t, "RuntimeDefault", at(template, "spec.securityContext.seccompProfile.type").StringValue(), name)
		for _, container := range at(template, "spec.containers").ArrayValue() {
			assert.Equal(t, map[string]any{
				"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
			}, container.ObjectValue()["securityContext"].Mappable(), name)
		}
	}
}

func TestTheConfigurationFileIsAnImmutableSecret(t *testing.T) {
	args := workload()
	args.Config, args.ConfigPath = pulumi.String(`{"key": "value"}`), "/app/data/config.json"
	r, template := run(t, args)
	secret := r.Named("app-config")
	assert.True(t, secret.Value("immutable").BoolValue())
	assert.Empty(t, secret.Text("metadata.name"), "new contents get a new name, which rolls the Deployment")
	assert.True(t, secret.Inputs["stringData"].ContainsSecrets())
	assert.Equal(t, []any{map[string]any{"name": "config", "mountPath": "/app/data/config.json", "subPath": "config", "readOnly": true}},
		at(template, "spec.containers[0].volumeMounts").Mappable())
}

func TestTheWorkloadIsSettable(t *testing.T) {
	args := workload()
	replicas := 5
	args.Replicas, args.ServicePort, args.Pod.User = &replicas, 8443, 1000
	args.Command, args.Arguments = []string{"/app"}, []string{"--serve"}
	args.Env = map[string]string{"B": "2", "A": "1"}
	args.Writable = []kubernetes.WritableMount{{Path: "/tmp"}, {Path: "/var/cache", Size: "64Mi"}}
	args.MaxUnavailable, args.SpreadOver = "25%", []string{"kubernetes.io/hostname"}
	args.Identity = kubernetes.AzureIdentity{TenantID: tenant, ClientID: pulumi.String("own-client")}
	r, template := run(t, args)
	assert.InDelta(t, 5, r.Named("app-deployment").Value("spec.replicas").NumberValue(), 0)
	container := at(template, "spec.containers[0]").ObjectValue()
	assert.Equal(t, []any{"/app"}, container["command"].Mappable())
	assert.Equal(t, []any{"--serve"}, container["args"].Mappable())
	assert.Equal(t, []any{map[string]any{"name": "A", "value": "1"}, map[string]any{"name": "B", "value": "2"}}, container["env"].Mappable())
	assert.Equal(t, []any{
		map[string]any{"name": "writable-0", "emptyDir": map[string]any{}},
		map[string]any{"name": "writable-1", "emptyDir": map[string]any{"sizeLimit": "64Mi"}},
	}, at(template, "spec.volumes").Mappable())
	assert.Equal(t, "25%", r.Named("app-budget").Text("spec.maxUnavailable"))
	assert.Len(t, at(template, "spec.topologySpreadConstraints").ArrayValue(), 1)
	assert.Equal(t, "true", at(template, "metadata.labels").ObjectValue()["azure.workload.identity/use"].StringValue(), "the webhook acts on the pods' label")
	assert.Equal(t, "own-client", r.Named("app-account").Text(`metadata.annotations["azure.workload.identity/client-id"]`))
	assert.True(t, r.Named("app-deployment").Value(`spec.selector.matchLabels["azure.workload.identity/use"]`).IsNull())
}

func TestADisruptionBudgetCanBeLeftOut(t *testing.T) {
	args := workload()
	args.MaxUnavailable = "none"
	r, _ := run(t, args)
	assert.Empty(t, r.Of("PodDisruptionBudget"))
	r, _ = run(t, workload())
	assert.InDelta(t, 1, r.Named("app-budget").Value("spec.maxUnavailable").NumberValue(), 0)
}

func TestTheDeploymentWaitsForTheFirstRefresh(t *testing.T) {
	r := &recorder.Recorder{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		pull, err := kubernetes.NewPullSecret(ctx, "pull", pullSecret())
		if err != nil {
			return err
		}
		args := workload()
		args.Namespace, args.PullSecret = pull.Namespace, pull.SecretName
		args.After = []pulumi.Resource{pull.FirstRefresh}
		_, err = kubernetes.NewWorkload(ctx, "app", args)
		return err
	}))
	assert.Contains(t, strings.Join(r.Named("app-deployment").RPC.GetDependencies(), " "), "::pull-first-refresh")
}

func TestBadArgumentsOfTheWorkloadAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kubernetes.WorkloadArgs)
		want   string
	}{
		"a bad product": {func(a *kubernetes.WorkloadArgs) { a.Product = "Shop" }, `product "Shop"`},
		"no image":      {func(a *kubernetes.WorkloadArgs) { a.Image = nil }, "image is missing"},
		"a request above its limit": {func(a *kubernetes.WorkloadArgs) {
			a.Pod.Resources = kubernetes.Resources{Requests: map[string]string{"memory": "1.5Gi"}, Limits: map[string]string{"memory": "1536M"}}
		}, `resources.requests.memory "1.5Gi": is more than the limit, "1536M"`},
		"thousandths of a byte": {func(a *kubernetes.WorkloadArgs) {
			a.Pod.Resources = kubernetes.Resources{Limits: map[string]string{"memory": "512m"}}
		}, `resources.limits.memory "512m": is thousandths of a byte: want 512M or 512Mi`},
		"no disruption at all": {func(a *kubernetes.WorkloadArgs) { a.MaxUnavailable = "0%" }, `maxUnavailable "0%": would block every drain of a node`},
		"a folder over the file": {func(a *kubernetes.WorkloadArgs) {
			a.Config, a.ConfigPath = pulumi.String("x"), "/etc/app.json"
			a.Writable = []kubernetes.WritableMount{{Path: "/etc/app.json/cache"}}
		}, `writable[0].path "/etc/app.json/cache": is where the configuration file lies`},
		"a privileged port": {func(a *kubernetes.WorkloadArgs) { a.Port = 80 }, "port 80: want 1024 to 65535"},
		"no replica":        {func(a *kubernetes.WorkloadArgs) { none := 0; a.Replicas = &none }, "replicas 0: want 1 to 1000"},
		"root":              {func(a *kubernetes.WorkloadArgs) { a.Pod.User = -1 }, "user -1: want 1 to"},
		"half a config":     {func(a *kubernetes.WorkloadArgs) { a.ConfigPath = "/a" }, "config and configPath: want both or neither"},
		"a relative path":   {func(a *kubernetes.WorkloadArgs) { a.Writable = []kubernetes.WritableMount{{Path: "tmp"}} }, `writable[0].path "tmp": want an absolute path`},
		"the root path":     {func(a *kubernetes.WorkloadArgs) { a.Writable = []kubernetes.WritableMount{{Path: "/"}} }, `writable[0].path "/"`},
		"a bad size":        {func(a *kubernetes.WorkloadArgs) { a.Writable = []kubernetes.WritableMount{{Path: "/a", Size: "big"}} }, `writable[0].size "big"`},
		"a bad quantity":    {func(a *kubernetes.WorkloadArgs) { a.Pod.Resources.Limits = map[string]string{"cpu": "x"} }, `resources.limits.cpu "x"`},
		"a bad budget":      {func(a *kubernetes.WorkloadArgs) { a.MaxUnavailable = "all" }, `maxUnavailable "all": want a number, a percentage, or none`},
		"a bad probe":       {func(a *kubernetes.WorkloadArgs) { a.Liveness.Path = "health" }, `liveness.path "health": want a path that starts with /`},
		"a bad identity":    {func(a *kubernetes.WorkloadArgs) { a.Identity = kubernetes.AzureIdentity{} }, "identity.clientId is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			args := workload()
			c.change(args)
			require.ErrorContains(t, args.Validate(), c.want)
		})
	}
}

func TestAComponentHasObjectsAndPodsOfItsOwn(t *testing.T) {
	args := workload()
	args.Component = "worker"
	r, _ := run(t, args)
	name := args.Product + "-worker"
	for _, object := range []string{"app-deployment", "app-account", "app-service", "app-budget"} {
		assert.Equal(t, name, r.Named(object).Text("metadata.name"), object)
	}
	selector := `spec.selector.matchLabels["app.kubernetes.io/component"]`
	assert.Equal(t, "worker", r.Named("app-deployment").Text(selector))
	assert.Equal(t, "worker", r.Named("app-service").Text(`spec.selector["app.kubernetes.io/component"]`))

	args.Component = strings.Repeat("c", 63)
	require.ErrorContains(t, args.Validate(), "component")
	args.Component = "refresher"
	require.ErrorContains(t, args.Validate(), `component "refresher": want another name`)
}

// A selector cannot be changed: a Deployment that was made by hand keeps its own.
func TestASelectorOfSomebodyElsesIsKept(t *testing.T) {
	args := workload()
	args.Selector = map[string]string{"app": "bifrost"}
	r, _ := run(t, args)
	deployment := r.Named("app-deployment")
	assert.Equal(t, map[string]any{"app": "bifrost"}, deployment.Value("spec.selector.matchLabels").Mappable())
	assert.Equal(t, "bifrost", deployment.Text(`spec.template.metadata.labels.app`))
	assert.NotEmpty(t, deployment.Text(`spec.template.metadata.labels["app.kubernetes.io/name"]`), "waybill's labels beside it")
	assert.Equal(t, map[string]any{"app": "bifrost"}, r.Named("app-service").Value("spec.selector").Mappable())
}

func TestTheRoleOfAWorkloadIsInItsAnnotation(t *testing.T) {
	args := workload()
	args.Identity = kubernetes.IRSAIdentity{RoleARN: pulumi.String("arn:aws:iam::111122223333:role/shop")}
	r, _ := run(t, args)
	assert.Equal(t, "arn:aws:iam::111122223333:role/shop", r.Named("app-account").Text(`metadata.annotations["eks.amazonaws.com/role-arn"]`))
	args.Identity = kubernetes.IRSAIdentity{}
	require.ErrorContains(t, args.Validate(), "identity.roleArn is missing")
}
