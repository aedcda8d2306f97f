// Package subject names a Kubernetes ServiceAccount as its tokens do: the
// subject that the cluster issues and that other clouds trust.
package subject

import (
	"fmt"
	"strings"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/naming"
)

const prefix = "system:serviceaccount:"

// ServiceAccount is one ServiceAccount of a cluster.
type ServiceAccount struct {
	// Namespace and Name are DNS labels: at most 63 of a-z, 0-9 and hyphens.
	Namespace, Name string
}

// String is the subject of the account's tokens.
func (a ServiceAccount) String() string { return prefix + a.Namespace + ":" + a.Name }

// Validate notes under key+"namespace" and key+"serviceAccount" what is no name.
// Nothing but names may reach a condition, which is an expression.
func (a ServiceAccount) Validate(p *check.Problems, key string) {
	p.Error(key+"namespace", naming.Label.Check(a.Namespace))
	p.Error(key+"serviceAccount", naming.Label.Check(a.Name))
}

// Parse takes a subject apart.
func Parse(text string) (ServiceAccount, error) {
	rest, found := strings.CutPrefix(text, prefix)
	namespace, name, both := strings.Cut(rest, ":")
	if !found || !both || naming.Label.Check(namespace) != nil || naming.Label.Check(name) != nil {
		return ServiceAccount{}, fmt.Errorf("%q: want %sNAMESPACE:NAME, each at most 63 of a-z, 0-9 and hyphens", text, prefix)
	}
	return ServiceAccount{Namespace: namespace, Name: name}, nil
}
