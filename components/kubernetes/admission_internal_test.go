package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestARefusalOfAPolicyNamesTheKeysThatHelp(t *testing.T) {
	const own = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "
	for words, want := range map[string][2]string{
		own + `you must provide labels: {"team"}`: {
			"set labels, for every object, or refresher.labels, for the pods alone", "set labels, for every object, or workload.labels, for the pods alone",
		},
		`admission webhook "validation.gatekeeper.sh" denied the request: [azurepolicy] container <c> has no CPU limit`: {
			"set refresher.resources", "set workload.resources",
		},
		own + "Container <c> has no <livenessProbe>": {"set refresher.probes", "set workload.liveness and product.healthPath"},
		own + "container <c> has an invalid image repo": {
			"set refresher.image", "set product.tag; the vendor's registry is for the policy to allow",
		},
		"pods is forbidden: unable to validate against any security context constraint: [x]": {
			"set refresher.platformIds, or refresher.user and refresher.group", "set workload.platformIds, or workload.user and workload.group",
		},
		own + "not on a Friday": {"see docs/clusters.md", "see docs/clusters.md"},
	} {
		assert.Contains(t, admission("update failed: "+words, refresherPod), want[0])
		assert.Contains(t, admission("update failed: "+words, workloadPod), want[1])
	}
	assert.Empty(t, admission("cronjobs.batch is forbidden: User cannot create resource", refresherPod), "that is RBAC")
}
