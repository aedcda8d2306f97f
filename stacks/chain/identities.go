package chain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/components/subject"
	"waybill.example/waybill/stacks/config"
)

// wholeProduct names the component of a product that has only one.
const wholeProduct = "product"

// workloadTrust is one workload in one environment that has a cloud identity.
type workloadTrust struct {
	name        string
	environment *config.Environment
	workload    config.Component
	// account is the workload's ServiceAccount.
	account subject.ServiceAccount
}

// trustName tells whose a trust is: <app>_<environment>_<component>.
func trustName(s *config.Settings, e *config.Environment, w config.Component) string {
	return s.Product.Name + "_" + e.Name + "_" + cmp.Or(w.Component, wholeProduct)
}

// workloadTrusts are all of them, in the order of environments and components.
func workloadTrusts(s *config.Settings) []workloadTrust {
	var trusts []workloadTrust
	for _, e := range s.Sorted() {
		for _, w := range s.WorkloadsIn(e) {
			if w.Identity {
				trusts = append(trusts, workloadTrust{trustName(s, e, w), e, w, subject.ServiceAccount{
					Namespace: e.Namespace.Name, Name: kubernetes.WorkloadServiceAccount(s.Product.Name, w.Component),
				}})
			}
		}
	}
	return trusts
}

// assign shares trusts out among identities, each of which holds at most capacity.
// What an identity held before it keeps, so that removing one trust moves no other;
// a new one goes to the first identity with room. The result is parallel to
// identities; left are the trusts that found no room.
func assign(trusts []string, before map[string]string, identities []string, capacity int) (held [][]string, left []string) {
	held = make([][]string, len(identities))
	put := func(trust string, i int) bool {
		if i < 0 || len(held[i]) >= capacity {
			return false
		}
		held[i] = append(held[i], trust)
		return true
	}
	var fresh []string
	for _, trust := range trusts {
		if !put(trust, slices.Index(identities, before[trust])) {
			fresh = append(fresh, trust)
		}
	}
	for _, trust := range fresh {
		if !put(trust, slices.IndexFunc(held, func(h []string) bool { return len(h) < capacity })) {
			left = append(left, trust)
		}
	}
	return held, left
}

// policyKeys are the configuration's keys of a workload's policies, which are a
// component's under a key of its own.
func policyKeys(keys config.Keys, of, workload string, w config.Workload) {
	keys[of] = workload + ".policies"
	for i, policy := range policiesOf(w) {
		keys[fmt.Sprintf("%s[%d]", of, i)] = workload + ".policies." + policy.Name
	}
}

// policiesOf are a workload's policies in a stable order.
func policiesOf(w config.Workload) []aws.Policy {
	var policies []aws.Policy
	for _, name := range slices.Sorted(maps.Keys(w.Policies)) {
		policies = append(policies, aws.Policy{Name: name, Document: string(w.Policies[name])})
	}
	return policies
}
