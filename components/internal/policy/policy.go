// Package policy holds AWS policy documents as Go values and renders them as
// canonical JSON: no white space, values of a set sorted and without repeats, a
// set of one as a plain string. So the text changes exactly when the meaning
// does, and its length is the length that AWS counts.
//
// It refuses documents that are longer than AWS allows for their kind, and texts
// that are not policies.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// version is the policy language's; the older one knows no policy variables.
const version = "2012-10-17"

// Kind is what a document is attached to, with AWS's limit for it.
type Kind struct {
	// Noun names the kind in errors.
	Noun string
	// Max is the largest number of characters; AWS counts no white space.
	Max int
}

// Kinds of documents (docs/facts.md §4; the limit of inline policies is that of
// all of a role's together:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
var (
	Trust      = Kind{Noun: "trust policy", Max: 2048}
	Managed    = Kind{Noun: "managed policy", Max: 6144}
	Inline     = Kind{Noun: "role's inline policies", Max: 10240}
	Repository = Kind{Noun: "repository policy", Max: 10240}
)

// Check reports a number of characters that is more than the kind's.
func (k Kind) Check(characters int) error {
	if characters > k.Max {
		return fmt.Errorf("has %d characters: want a %s of at most %d", characters, k.Noun, k.Max)
	}
	return nil
}

// Set is a list of values whose order means nothing.
type Set []string

// MarshalJSON sorts the values and drops repeats; one alone is no list.
func (s Set) MarshalJSON() ([]byte, error) {
	values := slices.Clone(s)
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 1 {
		return marshal(values[0])
	}
	return marshal([]string(values))
}

// Principal is whom a statement speaks of.
type Principal struct {
	AWS       Set `json:"AWS,omitempty"`
	Federated Set `json:"Federated,omitempty"`
	Service   Set `json:"Service,omitempty"`
}

// Condition maps an operator to keys and their values.
type Condition map[string]map[string]Set

// Statement allows actions; nothing here needs to deny.
type Statement struct {
	// Sid names the statement: letters and digits.
	Sid       string
	Principal *Principal
	Action    Set
	Resource  Set
	Condition Condition
}

// MarshalJSON writes the statement in the usual order of its elements.
func (s Statement) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Sid       string     `json:"Sid,omitempty"`
		Effect    string     `json:"Effect"`
		Principal *Principal `json:"Principal,omitempty"`
		Action    Set        `json:"Action"`
		Resource  Set        `json:"Resource,omitempty"`
		Condition Condition  `json:"Condition,omitempty"`
	}{s.Sid, "Allow", s.Principal, s.Action, s.Resource, s.Condition})
}

// Document is a policy.
type Document struct {
	Statements []Statement
}

// Of is the document of these statements.
func Of(statements ...Statement) Document { return Document{Statements: statements} }

// Render gives the document as JSON, unless it is too long for its kind.
func (d Document) Render(kind Kind) (string, error) {
	text, err := Marshal(struct {
		Version   string      `json:"Version"`
		Statement []Statement `json:"Statement"`
	}{version, d.Statements})
	if err != nil {
		return "", err
	}
	return text, kind.Check(utf8.RuneCountInString(text))
}

// Compact gives somebody else's document without white space. It refuses a
// text that is no JSON object with a Statement, and one too long for its kind.
func Compact(text string, kind Kind) (string, error) {
	var document struct {
		Statement json.RawMessage `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil || document.Statement == nil {
		return "", errors.New("is no policy: want a JSON object with a Statement")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return "", fmt.Errorf("is no policy: %w", err)
	}
	return compact.String(), kind.Check(utf8.RuneCount(compact.Bytes()))
}

// Marshal renders any value as a policy is rendered: on one line, map keys
// sorted, and &, < and > as they are, which makes them one character each.
func Marshal(value any) (string, error) {
	text, err := marshal(value)
	return string(text), err
}

func marshal(value any) ([]byte, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(text.String(), "\n")), nil
}
