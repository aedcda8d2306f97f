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

// Resources are a container's requests and limits, by resource name: cpu, memory,
// ephemeral-storage and pages such as hugepages-2Mi, each a Kubernetes quantity such as
// 250m or 512Mi, and what devices add, such as nvidia.com/gpu, a whole number that is a
// limit.
type Resources struct {
	Requests map[string]string
	Limits   map[string]string
}

// quantityPattern is the grammar of quantities but for signs and for what is below a
// thousandth (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
var quantityPattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|([eE][+-]?[0-9]{1,2}))?$`)

// IsQuantity says whether a text is a quantity as Kubernetes writes them.
func IsQuantity(text string) bool { return amount(text) != nil }

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
		switch {
		case (strings.Contains(name, "/") || strings.HasPrefix(name, "hugepages-")) && r.Requests[name] != r.Limits[name]:
			p.Add(key+".requests."+name, "%q: want the limit, which a device's request is equal to", r.Requests[name])
		case request != nil && limit != nil && request.Cmp(limit) > 0:
			p.Add(key+".requests."+name, "%q: is more than the limit, %q: want at most that", r.Requests[name], r.Limits[name])
		}
	}
}

func validateQuantities(p *check.Problems, prefix string, quantities map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(quantities)) {
		validateQuantity(p, prefix+name, name, quantities[name])
	}
}

// validateQuantity refuses what is no quantity, and what Kubernetes takes and nobody
// means: thousands of CPUs, and so few bytes that their unit is missing.
func validateQuantity(p *check.Problems, key, resource, quantity string) {
	parts := quantityPattern.FindStringSubmatch(quantity)
	if parts == nil {
		p.Add(key, "%q: want a quantity such as 250m or 512Mi", quantity)
		return
	}
	number, unit := parts[1], parts[2]
	few := amount(quantity).Sign() > 0 && amount(quantity).Cmp(units["Mi"]) < 0
	switch {
	case strings.Contains(resource, "/"):
		if !amount(quantity).IsInt() {
			p.Add(key, "%q: want a whole number", quantity)
		}
	case resource == "cpu":
		if unit != "" && unit != "m" {
			p.Add(key, "%q: want CPUs, such as 2, or thousandths of one, such as 250m", quantity)
		}
	case unit == "m" && few:
		p.Add(key, "%q: is thousandths of a byte: want %sM or %[2]sMi", quantity, number)
	case unit == "" && few:
		p.Add(key, "%q: is so many bytes: want %sM or %[2]sMi", quantity, number)
	}
}

// units of quantities.
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
	number, _ := new(big.Rat).SetString(parts[1] + parts[3])
	return number.Mul(number, units[parts[2]])
}

func requirements(r Resources) *corev1.ResourceRequirementsArgs {
	return &corev1.ResourceRequirementsArgs{
		Requests: pulumi.ToStringMap(r.Requests),
		Limits:   pulumi.ToStringMap(r.Limits),
	}
}
