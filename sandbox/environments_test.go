package sandbox_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/rehearsal"
)

// credentialsOf are the federated credentials of an identity, sorted.
func credentialsOf(s *sandbox.Sandbox, identity string) []string {
	names := []string{}
	for _, found := range s.Azure.Identities() {
		if found.Name != identity {
			continue
		}
		for _, credential := range found.Credentials {
			names = append(names, credential.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Three environments with nine workloads each: twenty-seven trusts on two
// identities beside three refreshers, none of which can become another.
func TestExampleEnvironmentsAndTheirWorkloads(t *testing.T) {
	t.Parallel()
	p := newProject(t, "tyrell")
	s := p.start(nil)
	outputs := up(t, s).Outputs
	assert.Empty(t, changes(up(t, s)))
	first, second := credentialsOf(s, "bifrost-workloads-1"), credentialsOf(s, "bifrost-workloads-2")
	assert.Len(t, first, 20)
	assert.Len(t, second, 7)
	for _, environment := range []string{"prod", "staging", "dev"} {
		assert.Len(t, credentialsOf(s, "bifrost-pull-identity-"+environment), 1)
	}
	assert.Len(t, outputs["workloadTrusts"], 27)

	walked := map[string]int{}
	hops := walk(t, s, outputs)
	for _, hop := range hops {
		assert.True(t, hop.OK, "%s %s: %s", hop.Environment, hop.Name, hop.Detail)
		walked[hop.Environment]++
	}
	assert.Len(t, walked, 3, "every environment is walked: %v", walked)
	assert.Equal(t, 27, strings.Count(rehearsal.Diagram(hops), "<br/>workload bifrost_"))
	tryRefusals(t, s, outputs)

	t.Run("removing one trust removes one", func(t *testing.T) {
		p.change(func(customer map[string]any) {
			customer["workloads"].([]any)[3].(map[string]any)["environments"] = []any{"prod", "staging"}
		})
		result := up(t, s)
		for _, change := range changes(result) {
			whose := strings.Contains(change, "workload-dev-scheduler") || change == "delete workloads-1-bifrost_dev_scheduler" || change == "update workloads-1"
			assert.True(t, whose, "%s: is nobody's but the scheduler's of dev", change)
		}
		assert.Contains(t, changes(result), "delete workloads-1-bifrost_dev_scheduler")
		assert.Equal(t, slices.DeleteFunc(slices.Clone(first), func(name string) bool { return name == "bifrost_dev_scheduler" }),
			credentialsOf(s, "bifrost-workloads-1"))
		assert.Equal(t, second, credentialsOf(s, "bifrost-workloads-2"), "nobody moves into the free place")
	})
	t.Run("removing an environment removes one", func(t *testing.T) {
		p.set("environments.staging.namespace.protect", false)
		up(t, s)
		p.change(func(customer map[string]any) {
			delete(customer["environments"].(map[string]any), "staging")
			customer["workloads"].([]any)[3].(map[string]any)["environments"] = []any{"prod"}
		})
		for _, change := range changes(up(t, s)) {
			assert.NotContains(t, change, "prod", "another environment is left alone")
		}
		assert.Empty(t, credentialsOf(s, "bifrost-pull-identity-staging"))
		assert.Empty(t, credentialsOf(s, "bifrost-workloads-2"))
		assert.Empty(t, changes(up(t, s)))
	})
}

// Where Google cannot reach a cluster's issuer, the key set that was uploaded
// decides.
func TestExampleAClusterWithAnUploadedKeySetIsWalked(t *testing.T) {
	t.Parallel()
	p := newProject(t, "wayne")
	s := p.start(nil)
	keys, err := client(t, s).CoreV1().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(context.Background())
	require.NoError(t, err)
	p.set("environments.default.cluster.keySet", string(keys))
	outputs := up(t, s).Outputs
	// The issuer is gone from the network: only the keys are left to decide.
	stop := s.Network.Fault(func(r *http.Request) bool { return r.URL.Host == "kubernetes.wayne.example" }, network.Fault{Reset: true})
	defer stop()
	for _, hop := range walk(t, s, outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}
}

// A customer that starts with one environment adds others, and takes them away,
// without touching the first; two of them have a namespace of the same name in two
// clusters.
func TestExampleOneEnvironmentBecomesSeveral(t *testing.T) {
	t.Parallel()
	p := newProject(t, "tyrell")
	environment := func(cluster, namespace string) map[string]any {
		return map[string]any{
			"cluster":   map[string]any{"context": cluster, "name": cluster},
			"namespace": map[string]any{"name": namespace, "protect": false},
		}
	}
	p.change(func(customer map[string]any) {
		customer["environments"] = map[string]any{"default": environment("tyrell-shared", "bifrost")}
		customer["workloads"] = []any{map[string]any{"component": "web", "replicas": 1, "identity": true}}
	})
	s := p.start(nil)
	for _, change := range changes(up(t, s)) {
		assert.NotContains(t, change, "-default", "the default environment adds nothing to names")
	}

	p.change(func(customer map[string]any) {
		environments := customer["environments"].(map[string]any)
		environments["prod"], environments["test"] = environment("tyrell-prod", "bifrost"), environment("tyrell-shared", "bifrost-test")
	})
	grown := changes(up(t, s))
	assert.NotEmpty(t, grown)
	for _, change := range grown {
		assert.True(t, strings.HasPrefix(change, "create ") || change == "update workloads-1", "%s: the first environment is left alone", change)
	}
	assert.Contains(t, grown, "create gcp-provider-prod")
	assert.Empty(t, changes(up(t, s)))

	p.change(func(customer map[string]any) {
		customer["environments"] = map[string]any{"default": environment("tyrell-shared", "bifrost")}
	})
	for _, change := range changes(up(t, s)) {
		whose := strings.Contains(change, "prod") || strings.Contains(change, "test")
		gone := strings.HasPrefix(change, "delete ") || strings.HasPrefix(change, "keep ")
		assert.True(t, whose && gone || change == "update workloads-1", "%s: the first environment is left alone", change)
	}
}

// Two environments may have an existing namespace of the same name in two clusters.
func TestExampleTwoClustersHaveANamespaceOfOneName(t *testing.T) {
	t.Parallel()
	p := newProject(t, "tyrell")
	p.world(func(world map[string]any) {
		for _, cluster := range world["kubernetes"].(map[string]any)["clusters"].([]any) {
			cluster.(map[string]any)["namespaces"] = []any{map[string]any{
				"name": "bifrost", "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
			}}
		}
	})
	p.change(func(customer map[string]any) {
		environments := map[string]any{}
		for name, cluster := range map[string]string{"prod": "tyrell-prod", "test": "tyrell-shared"} {
			environments[name] = map[string]any{
				"cluster":   map[string]any{"context": cluster, "name": cluster},
				"namespace": map[string]any{"name": "bifrost", "existing": true},
			}
		}
		customer["environments"] = environments
		customer["workloads"] = []any{map[string]any{"component": "web", "replicas": 1}}
	})
	s := p.start(nil)
	result := up(t, s)
	assert.Contains(t, changes(result), "create pull-prod-refresh")
	assert.Contains(t, changes(result), "create pull-test-refresh")
	assert.Empty(t, changes(up(t, s)))
}
