package policy

import "slices"

// Kind is where a document is attached, which decides what it may contain.
type Kind string

// The kinds of documents.
const (
	// Identity is a document of a role or user: inline and managed policies, and
	// permissions boundaries. It has resources and no principal.
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
	// Version2008 is what a document without a version has. Variables are plain
	// text in it.
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

// Document is a policy that was read and found good.
type Document struct {
	Kind       Kind
	Version    string
	Statements []Statement
}

// Statement is one statement of a document.
type Statement struct {
	// ID is the Sid, or "".
	ID     string
	Effect Effect
	// Principals are nil where the element is absent.
	Principals *Principals
	// Actions are SERVICE:NAME or "*"; * and ? stand for characters of the name.
	Actions []string
	// Resources are ARNs or "*", with wildcards.
	Resources  []string
	Conditions []Condition
}

// Principals is the content of a Principal element.
type Principals struct {
	// Everyone is "*", written alone or as {"AWS": "*"}.
	Everyone bool
	// AWS are account IDs, ARNs (root, role, user, role session) and unique IDs.
	AWS []string
	// Federated are ARNs of identity providers, Service names of AWS services.
	Federated []string
	Service   []string
}

// Condition is one key under one operator, with its values.
type Condition struct {
	// Operator is as written, for example StringLikeIfExists.
	Operator string
	Key      string
	Values   []string

	operator operator
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
