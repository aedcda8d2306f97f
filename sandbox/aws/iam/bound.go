package iam

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// Bound is a policy with principals as a service stores it: with the unique ID
// that each role in it had.
type Bound struct {
	Kind      policy.Kind `json:"kind"`
	Partition string      `json:"partition"`
	// Text is the document as it was written.
	Text string `json:"text"`
	// IDs are the unique IDs of the roles that it names, by ARN.
	IDs map[string]string `json:"ids,omitempty"`
}

// PrincipalNotFound says that a policy names principals that do not exist.
type PrincipalNotFound struct {
	// Names are account IDs, ARNs and unique IDs, as the policy writes them.
	Names []string
}

// Error begins with the words of services other than IAM, for example ECR's.
func (e *PrincipalNotFound) Error() string {
	return "Principal not found (" + strings.Join(e.Names, ", ") + ")"
}

// Bind reads a policy of a kind for an account of a partition and looks its
// principals up. Its errors are *policy.Malformed and *PrincipalNotFound.
func (c *Cloud) Bind(kind policy.Kind, partition, text string) (Bound, error) {
	return c.bind(c.store.Read(), kind, partition, text)
}

func (c *Cloud) bind(held contents, kind policy.Kind, partition, text string) (Bound, error) {
	document, err := policy.Parse(kind, partition, text)
	if err != nil {
		return Bound{}, err
	}
	bound := Bound{Kind: kind, Partition: partition, Text: text, IDs: map[string]string{}}
	missing := new(PrincipalNotFound)
	for _, account := range document.Accounts() {
		if _, err := c.Account(account); err != nil {
			missing.Names = append(missing.Names, account)
		}
	}
	for _, name := range document.Names() {
		id, exists := held.idOf(name)
		if !exists {
			missing.Names = append(missing.Names, name)
		} else if id != "" {
			bound.IDs[name] = id
		}
	}
	if len(missing.Names) > 0 {
		return Bound{}, missing
	}
	return bound, nil
}

// idOf finds a principal that a policy names, by ARN: the unique ID of a role. A session's ARN stays what it is, without an ID: its role has to exist.
func (held contents) idOf(name string) (id string, exists bool) {
	if role, found := held.Roles[name]; found {
		return role.ID, true
	}
	parsed, err := arn.Parse(name)
	if err != nil {
		return "", false // a unique ID, which the sandbox does not look for
	}
	kind, rest, _ := strings.Cut(parsed.Resource, "/")
	if parsed.Service != "sts" || kind != "assumed-role" {
		return "", parsed.Service == "sts"
	}
	role, _, _ := strings.Cut(rest, "/")
	_, found := held.roleNamed(parsed.AccountID, role)
	return "", found
}

// Attached reads a stored policy for an evaluation. It was good when it was stored.
func (b Bound) Attached() (policy.Attached, error) {
	document, err := policy.Parse(b.Kind, b.Partition, b.Text)
	if err != nil {
		return policy.Attached{}, err
	}
	return policy.Attached{Document: document, Bindings: b.IDs}, nil
}

// asIAM words an error of bind as IAM does for its own policies.
func asIAM(err error) error {
	var bad *policy.Malformed
	var missing *PrincipalNotFound
	switch {
	case errors.As(err, &bad):
		return malformed(bad.Text())
	case errors.As(err, &missing):
		slices.Sort(missing.Names)
		text := policy.InvalidPrincipal("AWS", missing.Names[0])
		if len(missing.Names) > 1 {
			text += " (nor do these exist: " + strings.Join(missing.Names[1:], ", ") + ")"
		}
		return malformed(text)
	}
	return err
}
