package kubernetes

import (
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

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

var quantityPattern = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`)

func (r Resources) orElse(fallback Resources) Resources {
	if r.Requests == nil && r.Limits == nil {
		return fallback
	}
	return r
}

func (r Resources) validate(p *check.Problems, key string) {
	validateQuantities(p, key+".requests.", r.Requests)
	validateQuantities(p, key+".limits.", r.Limits)
	for _, name := range slices.Sorted(maps.Keys(r.Requests)) {
		request, limit := amount(r.Requests[name]), amount(r.Limits[name])
		if request != nil && limit != nil && request.Cmp(limit) > 0 {
			p.Add(key+".requests."+name, "%q: is more than the limit, %q: want at most that", r.Requests[name], r.Limits[name])
		}
	}
}

// validateQuantities refuses what is no quantity, and the units that Kubernetes
// takes and nobody means: thousandths of a byte, and thousands of CPUs.
func validateQuantities(p *check.Problems, prefix string, quantities map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(quantities)) {
		parts := quantityPattern.FindStringSubmatch(quantities[name])
		switch {
		case parts == nil:
			p.Add(prefix+name, "%q: want a quantity such as 250m or 512Mi", quantities[name])
		case name == "cpu" && parts[unitPart] != "" && parts[unitPart] != "m":
			p.Add(prefix+name, "%q: want CPUs, such as 2, or thousandths of one, such as 250m", quantities[name])
		case name != "cpu" && parts[unitPart] == "m":
			number := strings.TrimSuffix(quantities[name], "m")
			p.Add(prefix+name, "%q: is thousandths of a byte: want %sM or %[2]sMi", quantities[name], number)
		}
	}
}

// unitPart is the group of quantityPattern that holds the unit.
const unitPart = 3

// units of quantities (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
var units = map[string]*big.Rat{
	"": big.NewRat(1, 1), "m": big.NewRat(1, 1000), "k": power(1000, 1), "M": power(1000, 2), "G": power(1000, 3), "T": power(1000, 4),
	"P": power(1000, 5), "E": power(1000, 6), "Ki": power(1024, 1), "Mi": power(1024, 2), "Gi": power(1024, 3), "Ti": power(1024, 4),
	"Pi": power(1024, 5), "Ei": power(1024, 6),
}

func power(base, exponent int64) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil))
}

// amount is a quantity's value; nil for what is none.
func amount(quantity string) *big.Rat {
	parts := quantityPattern.FindStringSubmatch(quantity)
	if parts == nil {
		return nil
	}
	number, _ := new(big.Rat).SetString(parts[1])
	return number.Mul(number, units[parts[unitPart]])
}

func (r Resources) args() *corev1.ResourceRequirementsArgs {
	return &corev1.ResourceRequirementsArgs{
		Requests: pulumi.ToStringMap(r.Requests),
		Limits:   pulumi.ToStringMap(r.Limits),
	}
}
