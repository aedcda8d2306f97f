package world_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

const walkCluster = `
kubernetes:
  clusters: [{context: apps, issuer: "https://oidc.example/id/1"}]
`

func TestWhatIsWalkedIsRead(t *testing.T) {
	read, err := load(t, walkCluster+`
walk:
  chain: irsa
  stacks:
    acme-customer: {side: customer, waitsFor: acme-vendor}
    acme-vendor: {side: vendor}
  environments:
    prod: {context: apps, namespace: server}
  workloads: [{account: server-api, hop: sts}]
  product: {port: 8080, health: /health}
`)
	require.NoError(t, err)
	assert.Equal(t, world.Place{Context: "apps", Namespace: "server"}, read.Walk.Environments["prod"])
	assert.Equal(t, "acme-vendor", read.Walk.Party("acme-customer").WaitsFor)
	assert.Equal(t, "acme-customer", read.Walk.Customer())
	assert.Equal(t, world.Party{Side: "both"}, world.Walk{}.Party("acme"), "a stack that the world does not name builds both sides")
}

func TestEveryWrongThingInAWalkIsReported(t *testing.T) {
	for name, c := range map[string]struct{ walk, want string }{
		"another chain":           {"chain: azure, environments: {default: {context: apps, namespace: server}}, product: {port: 1}", `walk.chain "azure": want one of entra, `},
		"no environment":          {"chain: irsa, product: {port: 1}", "walk.environments: want each by its name"},
		"another cluster":         {"chain: irsa, environments: {default: {context: other, namespace: server}}, product: {port: 1}", "walk.environments.default: want the context of one"},
		"no namespace":            {"chain: irsa, environments: {default: {context: apps}}, product: {port: 1}", "and a namespace"},
		"a place on ECS":          {"chain: ecs, environments: {default: {context: apps, namespace: server}}", "walk.environments.default: want {}"},
		"no port":                 {"chain: irsa, environments: {default: {context: apps, namespace: server}}", "walk.product: want the port"},
		"a path without a slash":  {"chain: irsa, environments: {default: {context: apps, namespace: server}}, product: {port: 1, health: health}", "walk.product: want the port"},
		"another side":            {"chain: ecs, environments: {default: {}}, stacks: {a: {side: both}}", "walk.stacks.a: want the side vendor or customer"},
		"waiting for nobody":      {"chain: ecs, environments: {default: {}}, stacks: {a: {side: vendor, waitsFor: b}}", "walk.stacks.a: want the side"},
		"waiting for oneself":     {"chain: ecs, environments: {default: {}}, stacks: {a: {side: vendor, waitsFor: a}}", "walk.stacks.a: want the side"},
		"a workload without hop":  {"chain: ecs, environments: {default: {}}, workloads: [{account: api}]", "walk.workloads[0].hop: want a value"},
		"a key that is not known": {"chain: ecs, environment: {default: {}}", `walk.environment: want one of chain, environments, leftovers, product, stacks, survives, workloads; "environments", if that was meant`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, walkCluster+"walk: {"+c.walk+"}\n")
			require.ErrorContains(t, err, c.want)
		})
	}
}
