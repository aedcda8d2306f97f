package iam

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// Bound is a policy with principals as a service stores it: with the unique ID
// that each role and user in it had.
type Bound struct {
	Kind      policy.Kind `json:"kind"`
	Partition string      `json:"partition"`
	// Text is the document as it was written.
	Text string `json:"text"`
	// IDs are the unique IDs of the roles and users that it names, by ARN.
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

// Principal finds what the principal of a policy names, by ARN or unique ID: the
// unique ID of a role or user, or "" for a session of a role that exists.
func (c *Cloud) Principal(name string) (id string, exists bool) {
	return c.store.Read().idOf(name)
}

// idOf finds a principal that a policy names. A session's ARN stays what it is,
// without an ID: its role has to exist.
func (held contents) idOf(name string) (id string, exists bool) {
	if role, found := held.Roles[name]; found {
		return role.ID, true
	}
	if user, found := held.Users[name]; found {
		return user.ID, true
	}
	parsed, err := arn.Parse(name)
	if err != nil {
		return name, held.hasID(name)
	}
	kind, rest, _ := strings.Cut(parsed.Resource, "/")
	if parsed.Service != "sts" || kind != "assumed-role" {
		return "", parsed.Service == "sts"
	}
	role, _, _ := strings.Cut(rest, "/")
	_, found := held.roleNamed(parsed.AccountID, role)
	return "", found
}

func (held contents) hasID(id string) bool {
	for _, role := range held.Roles {
		if role.ID == id {
			return true
		}
	}
	for _, user := range held.Users {
		if user.ID == id {
			return true
		}
	}
	return false
}

// Text is the policy as it reads now: a role or user that is gone, or that was
// made again, shows as the unique ID that it had.
func (c *Cloud) Text(of Bound) string {
	gone := map[string]string{}
	held := c.store.Read()
	for name, id := range of.IDs {
		if now, exists := held.idOf(name); !exists || now != id {
			gone[name] = id
		}
	}
	if len(gone) == 0 {
		return of.Text
	}
	var document any
	if err := json.Unmarshal([]byte(of.Text), &document); err != nil {
		return of.Text
	}
	renamePrincipals(document, gone)
	text, err := json.Marshal(document)
	if err != nil {
		return of.Text
	}
	return string(text)
}

// renamePrincipals replaces names in the principal elements of a document.
func renamePrincipals(of any, names map[string]string) {
	switch of := of.(type) {
	case []any:
		for _, element := range of {
			renamePrincipals(element, names)
		}
	case map[string]any:
		for key, value := range of {
			principals, isMap := value.(map[string]any)
			if isMap && key == "Principal" {
				principals["AWS"] = renamed(principals["AWS"], names)
				continue
			}
			if key == "Statement" {
				renamePrincipals(value, names)
			}
		}
	}
}

func renamed(value any, names map[string]string) any {
	switch value := value.(type) {
	case string:
		if id, gone := names[value]; gone {
			return id
		}
	case []any:
		for i, element := range value {
			value[i] = renamed(element, names)
		}
	}
	return value
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
