package policy

import (
	"encoding/json"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"
)

// Kind is where a document is attached, which decides what it may contain.
type Kind string

// The kinds of documents.
const (
	// Identity is a document of a role: inline and managed policies, and permissions
	// boundaries. It has resources and no principal.
	Identity Kind = "identity-based policy"
	// Trust is a role's trust policy. It has principals and no resource, and
	// only the actions of AWS STS that begin a session.
	Trust Kind = "role trust policy"
	// Repository is the policy of an ECR repository. It has principals and no
	// resource (docs/facts.md §4).
	Repository Kind = "repository policy"
)

// The versions of the language:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
const (
	// Version2008 is what a document without a version has.
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Effect is what a statement that applies does.
type Effect string

// The effects, in this spelling only.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Document is a policy, in the grammar of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type Document struct {
	Kind       Kind `json:"-"`
	Version    *string
	ID         string               `json:"Id"`
	Statements oneOrMore[Statement] `json:"Statement"`
}

// Statement is one statement of a document. Elements that are absent are nil.
type Statement struct {
	ID         string `json:"Sid"`
	Effect     Effect
	Principals *Principals `json:"Principal"`
	// Actions are SERVICE:NAME or "*"; * and ? stand for characters of the name.
	Actions oneOrMore[string] `json:"Action"`
	// Resources are ARNs or "*", with wildcards.
	Resources oneOrMore[string] `json:"Resource"`
	// Conditions are values by operator, as StringLikeIfExists, and key.
	Conditions map[string]map[string]oneOrMore[string] `json:"Condition"`

	NotPrincipal, NotAction, NotResource any
}

// Principals is the content of a Principal element.
type Principals struct {
	// Everyone is "*", written alone or as {"AWS": "*"}.
	Everyone bool `json:"-"`
	// AWS are account IDs, ARNs (root, role, user, role session) and unique IDs.
	AWS oneOrMore[string]
	// Federated are ARNs of identity providers, Service names of AWS services.
	Federated oneOrMore[string]
	Service   oneOrMore[string]
}

// UnmarshalJSON reads "*" or an object.
func (p *Principals) UnmarshalJSON(text []byte) error {
	if string(text) == `"*"` {
		p.Everyone = true
		return nil
	}
	type object Principals
	return strictly(text, (*object)(p))
}

// oneOrMore is a value, or a list of values.
type oneOrMore[T any] []T

// UnmarshalJSON reads either.
func (o *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	return strictly(text, (*[]T)(o))
}

// strictly reads one JSON value. encoding/json alone would keep the last of repeated
// keys, and so drop a condition without a word.
func strictly(text []byte, into any) error {
	wrong, err := kjson.UnmarshalStrict(text, into)
	if err == nil && len(wrong) > 0 {
		err = wrong[0]
	}
	return err
}

// hasNull says whether null stands anywhere in a JSON text.
func hasNull(text string) bool {
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil || token == nil {
			return err == nil
		}
	}
}

// Names returns the ARNs and unique IDs of roles and users that principals of
// the document name, once each, in order of appearance. These are what has to
// exist when the document is stored.
func (d *Document) Names() []string { return d.named(false) }

// Accounts returns the IDs of accounts that principals of the document name as
// a whole, once each, in order of appearance.
func (d *Document) Accounts() []string { return d.named(true) }

func (d *Document) named(accounts bool) []string {
	var names []string
	for _, statement := range d.Statements {
		if statement.Principals == nil {
			continue
		}
		for _, name := range statement.Principals.AWS {
			account, isAccount := accountOf(name)
			if isAccount {
				name = account
			}
			if isAccount == accounts && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
