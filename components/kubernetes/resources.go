package kubernetes

import (
	"maps"
	"regexp"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
)

// Resources are a container's requests and limits, by resource name (cpu,
// memory, ephemeral-storage), each a Kubernetes quantity such as 250m or 512Mi.
type Resources struct {
	Requests map[string]string
	Limits   map[string]string
}

var quantityPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`)

func (r Resources) orElse(fallback Resources) Resources {
	if r.Requests == nil && r.Limits == nil {
		return fallback
	}
	return r
}

func (r Resources) validate(p *check.Problems, key string) {
	validateQuantities(p, key+".requests.", r.Requests)
	validateQuantities(p, key+".limits.", r.Limits)
}

func validateQuantities(p *check.Problems, prefix string, quantities map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(quantities)) {
		if !quantityPattern.MatchString(quantities[name]) {
			p.Add(prefix+name, "%q: want a quantity such as 250m or 512Mi", quantities[name])
		}
	}
}

func (r Resources) args() *corev1.ResourceRequirementsArgs {
	return &corev1.ResourceRequirementsArgs{
		Requests: pulumi.ToStringMap(r.Requests),
		Limits:   pulumi.ToStringMap(r.Limits),
	}
}
