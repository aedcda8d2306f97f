package tests_test

import (
	"encoding/pem"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority is a certificate in PEM.
var authority = func() string {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}()

// What docs/clusters.md shows reaches the pods of the refresher and of the product.
func TestExampleACustomersClusterDecides(t *testing.T) {
	wishes := map[string]any{
		"pullSecrets": []any{"corp-mirror"}, "nodeSelector": map[string]any{"pool": "general"},
		"tolerations":   []any{map[string]any{"key": "dedicated", "value": "platform", "effect": "NoSchedule"}},
		"priorityClass": "business-hours", "labels": map[string]any{"team": "images"},
		"annotations": map[string]any{"example.com/owner": "Team Images"}, "user": 10001,
	}
	refresher := map[string]any{"image": "mirror.corp.example/waybill/refresher:0.1.0", "probes": true}
	for key, value := range wishes {
		refresher[key] = value
	}
	r, err := runStack(t, "dev", nil, all(
		set("refresher", refresher), set("workload", wishes), set("labels", map[string]any{"cost-center": "42"}),
		set("environments.default.proxy", map[string]any{
			"https": "http://proxy.corp.example:3128", "no": []any{".corp.example", "10.0.0.0/8"}, "authority": authority, "product": true,
		}),
	))
	require.NoError(t, err)
	for name, template := range map[string]string{
		"pull-refresh": "spec.jobTemplate.spec.template", "pull-first-refresh": "spec.template", "workload-deployment": "spec.template",
	} {
		pod := r.Named(name)
		assert.Equal(t, "42", pod.Text(`metadata.labels["cost-center"]`), name)
		assert.Equal(t, "images", pod.Text(template+".metadata.labels.team"), name)
		assert.Equal(t, "Team Images", pod.Text(template+`.metadata.annotations["example.com/owner"]`), name)
		assert.Equal(t, map[string]any{"kubernetes.io/os": "linux", "pool": "general"}, pod.Value(template+".spec.nodeSelector").Mappable(), name)
		assert.Equal(t, "platform", pod.Text(template+".spec.tolerations[0].value"), name)
		assert.Equal(t, "business-hours", pod.Text(template+".spec.priorityClassName"), name)
		assert.Contains(t, pod.Value(template+".spec.imagePullSecrets").Mappable(), map[string]any{"name": "corp-mirror"}, name)
		assert.InDelta(t, 10001, pod.Value(template+".spec.securityContext.runAsUser").NumberValue(), 0, name)
		assert.Contains(t, pod.Value(template+".spec.containers[0].env").Mappable(), map[string]any{"name": "HTTPS_PROXY", "value": "http://proxy.corp.example:3128"}, name)
	}
	assert.Equal(t, authority, r.Named("pull-authority").Text(`data["authority.crt"]`))
	assert.Equal(t, authority, r.Named("workload-authority").Text(`data["authority.crt"]`))

	r, err = runStack(t, "dev", nil, all(set("refresher.platformIds", true), set("workload.platformIds", true),
		set("environments.default.networkPolicy", false), set("workload.autoscaled", true)))
	require.NoError(t, err)
	assert.True(t, r.Named("workload-deployment").Value("spec.template.spec.securityContext.runAsUser").IsNull())
	assert.Empty(t, r.Of("NetworkPolicy"))
	assert.Empty(t, r.Of("DeploymentPatch"))
}

func TestExampleWhatNoClusterTakesIsNamed(t *testing.T) {
	proxy := func(value map[string]any) func(map[string]any) { return set("environments.default.proxy", value) }
	tried(t, map[string]mistake{
		"a password of the proxy's":  {"dev", proxy(map[string]any{"https": "http://me:hunter2@proxy.example:3128"}), `environments.default.proxy.https holds a user or a password: want http://HOST:PORT without them, such as that of a proxy that knows the cluster by its addresses`, nil},
		"a proxy without a port":     {"dev", proxy(map[string]any{"https": "http://proxy.example"}), `environments.default.proxy.https "http://proxy.example": want the proxy's URL with its port: http://HOST:PORT, or https://HOST:PORT if the proxy itself speaks TLS; no user and no password; default: direct connections`, proxy(map[string]any{"https": "https://proxy.example:3129"})},
		"a password, and no port":    {"dev", proxy(map[string]any{"https": "http://me:1@proxy.example"}), `environments.default.proxy.https holds a user or a password: want http://HOST:PORT without them, such as that of a proxy that knows the cluster by its addresses`, nil},
		"an authority that is none":  {"dev", proxy(map[string]any{"authority": "MIIB"}), `environments.default.proxy.authority "MIIB": want the private authority's certificates as PEM text; the pods trust them`, proxy(map[string]any{"authority": authority})},
		"two authorities":            {"dev", proxy(map[string]any{"authority": authority, "authorityConfigMap": map[string]any{"name": "a", "key": "b"}}), `environments.default.proxy.authority and a ConfigMap's: want one of them`, nil},
		"replicas of an autoscaler":  {"dev", all(set("workload.autoscaled", true), set("workload.replicas", 3)), `workload.replicas 3: want none where an autoscaler sets their number`, set("workload.autoscaled", true)},
		"a user of the platform's":   {"dev", all(set("refresher.platformIds", true), set("refresher.user", 3)), `refresher.platformIds true: want neither user nor group beside it`, nil},
		"a reserved label":           {"dev", set("labels", map[string]any{"app.kubernetes.io/name": "x"}), `labels["app.kubernetes.io/name"] "x": want a key that does not start with app.kubernetes.io/, whose labels are waybill's`, set("labels", map[string]any{"team": "x"})},
		"nodes with Windows":         {"dev", set("workload.nodeSelector", map[string]any{"kubernetes.io/os": "windows"}), `workload.nodeSelector["kubernetes.io/os"] "windows": want linux, or none`, nil},
		"a toleration of nothing":    {"dev", set("workload.tolerations", []any{map[string]any{"operator": "Equal", "effect": "NoExecute"}}), `workload.tolerations[0].key is missing: want the taint's key, or the operator Exists`, nil},
		"ports without a policy":     {"dev", all(set("environments.default.networkPolicy", false), set("environments.default.egressPorts", []any{443})), `environments.default.egressPorts are given and the network policy is left out: want one or the other`, nil},
		"pods that nobody schedules": {"stark", set("workload.tolerations", []any{map[string]any{"operator": "Exists"}}), `workload.tolerations belongs to another platform, chain or side: want none here; it is read on aks, eks, kubernetes, gke`, nil},
	})
}
