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

func TestAnErrorOfTheClusterSaysWhatToDo(t *testing.T) {
	const image = "europe-west1-docker.pkg.dev/p/r/shop:2.5.0"
	push := "the registry does not hold " + image + " yet: the vendor pushes it, for example with \"crane copy YOUR-IMAGE " + image + "\"; then run `pulumi up -s acme` again"
	for text, want := range map[string]string{
		`[ImagePullBackOff] Back-off pulling image "` + image + `": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image`: push,
		`Failed to pull image "` + image + `": MANIFEST_UNKNOWN: manifest unknown`:                                                                   push,
		`failed to pull image "` + image + `": 403 Forbidden`:                                                                                        "",
		`Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data..dockerconfigjson`:                                  "environments.NAME.pullSecret for the pull secret",
		`secrets "x" not found`: "",
	} {
		if got := remedy(text, workloadPod, "acme"); want == "" {
			assert.Empty(t, got, text)
		} else {
			assert.Contains(t, got, want)
		}
	}
}
