package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const corporateProxy = "http://proxy.wayne.example:3128"

// cluster changes the world's first cluster, which is then its only one.
func (p *project) cluster(change func(cluster map[string]any)) {
	p.t.Helper()
	p.world(func(world map[string]any) {
		of := world["kubernetes"].(map[string]any)
		first := of["clusters"].([]any)[:1]
		change(first[0].(map[string]any))
		of["clusters"] = first
	})
}

// proxied puts a proxy of this behaviour before the world's first cluster.
func (p *project) proxied(behaviour map[string]any) {
	p.t.Helper()
	p.cluster(func(cluster map[string]any) {
		behaviour["url"] = corporateProxy
		cluster["network"].(map[string]any)["proxy"] = behaviour
	})
}

// A pod gets out by what the configuration deploys, and by nothing else. What stops
// it is told with the proxy and the key that helps, and the next update goes on.
func TestAClusterBehindAProxy(t *testing.T) {
	t.Parallel()
	p := newProject(t, "wayne")
	p.set("refresher.deadline", "1m")
	p.set("refresher.propagation", "0s")
	const key = "environments.default.proxy"
	wrong := func(behaviour map[string]any, wants ...string) {
		t.Helper()
		p.proxied(behaviour)
		s := p.start(nil)
		defer func() { require.NoError(t, s.Close()) }()
		_, err := open(t, s).Up(context.Background())
		for _, want := range wants {
			require.ErrorContains(t, err, want)
		}
		assert.Less(t, len(err.Error()), 20_000, "a page of megabytes is cut")
	}
	inspects := map[string]any{"inspects": true}

	wrong(inspects, "connect: connection refused", "environments.NAME.proxy.https")
	p.set(key+".https", corporateProxy)
	wrong(map[string]any{"refuses": "login"},
		"the proxy proxy.wayne.example:3128 answered CONNECT with 407 Proxy Authentication Required: Cache Access Denied", "set another proxy in environments.NAME.proxy.https")
	wrong(map[string]any{"refuses": "hosts"},
		"the proxy proxy.wayne.example:3128 answered CONNECT with 403 Forbidden: Access Denied: Category of sts.googleapis.com:443: cloud storage", "environments.NAME.proxy.no")
	wrong(inspects, "certificate signed by unknown authority", `issued by "CN=authority of proxy.wayne.example`, "environments.NAME.proxy.authority")

	s := p.start(nil)
	authority, err := os.ReadFile(filepath.Join(p.root, ".sandbox", "wayne", "egress", "wayne-rack-1", "ca.pem"))
	require.NoError(t, err)
	p.set(key+".authority", string(authority))
	outputs := up(t, s).Outputs
	assert.Empty(t, changes(up(t, s)))
	for _, hop := range walk(t, s, outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}

	// As trust-manager would keep it.
	_, err = client(t, s).CoreV1().ConfigMaps("bifrost").Create(context.Background(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "trusted-ca"}, Data: map[string]string{"ca-bundle.crt": string(authority)},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	p.set(key+".authority", nil)
	p.set(key+".authorityConfigMap", map[string]any{"name": "trusted-ca", "key": "ca-bundle.crt"})
	outputs = up(t, s).Outputs
	for _, hop := range walk(t, s, outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}
}
