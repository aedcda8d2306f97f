package stacks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The kinds of chain, as the schemas of the documents call them.
const (
	kindEntra   = "entra"
	kindCluster = "cluster"
	kindNodes   = "nodes"
	kindAmazon  = "amazon"
	kindGoogle  = "google" // of a grant: entra and cluster alike
)

// The documents that the parties exchange: their names are the outputs' too.
const (
	accessRequestName = "accessRequest"
	accessGrantName   = "accessGrant"
	documentVersion   = 1
	// maxDocument is far above what twenty environments take, in bytes.
	maxDocument = 64 << 10
)

// header is what every document begins with.
type header struct {
	Document string `json:"document"`
	Version  int    `json:"version"`
	Customer string `json:"customer"`
	Platform string `json:"platform"`
}

func (c *Customer) header(document string) header {
	return header{Document: document, Version: documentVersion, Customer: c.Slug, Platform: c.Platform}
}

// AccessRequest is what a customer tells the vendor. Which fields it has, its
// schema says for each kind of chain.
type AccessRequest struct {
	header
	TenantID     string               `json:"tenantId,omitempty"`
	Account      string               `json:"account,omitempty"`
	Region       string               `json:"region,omitempty"`
	Project      string               `json:"project,omitempty"`
	Environments []RequestEnvironment `json:"environments"`
}

// RequestEnvironment is who pulls in one environment.
type RequestEnvironment struct {
	Name                string   `json:"name"`
	ClientID            string   `json:"clientId,omitempty"`
	PrincipalID         string   `json:"principalId,omitempty"`
	Issuer              string   `json:"issuer,omitempty"`
	Subject             string   `json:"subject,omitempty"`
	RoleARNs            []string `json:"roleArns,omitempty"`
	NodeServiceAccounts []string `json:"nodeServiceAccounts,omitempty"`
}

// AccessGrant is what the vendor answers.
type AccessGrant struct {
	header
	ProjectNumber  string             `json:"projectNumber,omitempty"`
	Pool           string             `json:"pool,omitempty"`
	ServiceAccount string             `json:"serviceAccount,omitempty"`
	Account        string             `json:"account,omitempty"`
	Region         string             `json:"region,omitempty"`
	Registry       string             `json:"registry"`
	Repository     string             `json:"repository"`
	Environments   []GrantEnvironment `json:"environments,omitempty"`
}

// GrantEnvironment is what one environment gets of its own.
type GrantEnvironment struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
}

func (r *AccessRequest) environment(name string) (RequestEnvironment, bool) {
	i := slices.IndexFunc(r.Environments, func(e RequestEnvironment) bool { return e.Name == name })
	if i < 0 {
		return RequestEnvironment{}, false
	}
	return r.Environments[i], true
}

func (g *AccessGrant) environment(name string) (GrantEnvironment, bool) {
	i := slices.IndexFunc(g.Environments, func(e GrantEnvironment) bool { return e.Name == name })
	if i < 0 {
		return GrantEnvironment{}, false
	}
	return g.Environments[i], true
}

// document is what both documents have in common.
type document interface {
	head() header
	// names are the environments that it speaks of.
	names() []string
	// identities are the values that say who the other party is, beyond what the
	// trust anchors already pin.
	identities() []fact
}

func (h header) head() header { return h }

// fact is one value of a document: where it stands, and what it is.
type fact struct {
	// environment is empty for what belongs to all of them.
	environment, key, value string
}

func (r *AccessRequest) identities() []fact {
	var all []fact
	for _, e := range r.Environments {
		add := func(key string, values ...string) {
			for _, value := range values {
				if value != "" {
					all = append(all, fact{e.Name, key, value})
				}
			}
		}
		add("clientId", e.ClientID)
		add("principalId", e.PrincipalID)
		add("issuer", e.Issuer)
		add("subject", e.Subject)
		add("roleArns", e.RoleARNs...)
		add("nodeServiceAccounts", e.NodeServiceAccounts...)
	}
	return all
}

func (g *AccessGrant) identities() []fact {
	var all []fact
	for _, f := range []fact{
		{"", "pool", g.Pool}, {"", "serviceAccount", g.ServiceAccount}, {"", "registry", g.Registry}, {"", "repository", g.Repository},
	} {
		if f.value != "" {
			all = append(all, f)
		}
	}
	for _, e := range g.Environments {
		all = append(all, fact{e.Name, "provider", e.Provider})
	}
	return all
}

func (r *AccessRequest) names() []string {
	var all []string
	for _, e := range r.Environments {
		all = append(all, e.Name)
	}
	return all
}

func (g *AccessGrant) names() []string {
	var all []string
	for _, e := range g.Environments {
		all = append(all, e.Name)
	}
	return all
}

// parseDocument checks a document's text against the schema of its kind and
// reads it into target.
func parseDocument(text []byte, schemaFile, kind string, target any) []error {
	if len(text) > maxDocument {
		return []error{fmt.Errorf("has %d bytes: want at most %d", len(text), maxDocument)}
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return []error{fmt.Errorf("is no JSON: %w", err)}
	}
	if err := noRepeats(json.NewDecoder(bytes.NewReader(text)), ""); err != nil {
		return []error{err}
	}
	schema, err := compileSchema(schemaFile + "#/$defs/" + kind)
	if err != nil {
		return []error{err}
	}
	findings, err := checkSchema(schema, document)
	if err != nil {
		return []error{err}
	}
	if len(findings) > 0 {
		problems := make([]error, 0, len(findings))
		for _, f := range findings {
			problems = append(problems, fmt.Errorf("%s %s", dotted(f.path), f.text))
		}
		return problems
	}
	if err := json.Unmarshal(text, target); err != nil {
		return []error{err}
	}
	return nil
}

// noRepeats refuses an object that gives a key twice: readers differ in which of
// them they take.
func noRepeats(decoder *json.Decoder, at string) error {
	token, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("is no JSON: %w", err)
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return fmt.Errorf("is no JSON: %w", err)
			}
			name := strings.TrimPrefix(fmt.Sprintf("%s.%s", at, key), ".")
			if seen[name] {
				return fmt.Errorf("%s is given twice: want every key once", name)
			}
			seen[name] = true
			if err := noRepeats(decoder, name); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 0; decoder.More(); i++ {
			if err := noRepeats(decoder, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = decoder.Token() // the closing bracket
	return err
}

// asOutput is a value as the engine takes it: maps, lists and scalars.
func asOutput(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var output map[string]any
	if err := json.Unmarshal(text, &output); err != nil {
		return nil, errors.Join(errors.New("a document is an object"), err)
	}
	return output, nil
}
