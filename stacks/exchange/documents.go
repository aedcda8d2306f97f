package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/schema"
)

// The documents that the parties exchange: their names are the outputs' too.
const (
	RequestName = "accessRequest"
	GrantName   = "accessGrant"
)

const (
	// major and minor are the version of the documents that this program writes.
	major, minor = 1, 0
	// maxDocument is far above what twenty environments take, in bytes.
	maxDocument = 64 << 10
)

// FileOf is where a party keeps a document of a customer's: where the configuration says
// that the other party's is, or a name in the project's folder.
func FileOf(c *config.Customer, document string) string {
	switch {
	case document == RequestName && c.Exchange.Request.File != "":
		return c.Exchange.Request.File
	case document == GrantName && c.Exchange.Grant.File != "":
		return c.Exchange.Grant.File
	}
	return fmt.Sprintf("%s.%s.json", c.Slug, document)
}

// header is what every document begins with.
type header struct {
	Document string `json:"document"`
	Version  string `json:"version"` // MAJOR.MINOR
	Customer string `json:"customer"`
	Platform string `json:"platform"`
}

func headerOf(document string, c *config.Customer) header {
	return header{Document: document, Version: fmt.Sprintf("%d.%d", major, minor), Customer: c.Slug, Platform: c.Platform}
}

// NewRequest is an access request of the customer's without its values.
func NewRequest(c *config.Customer) *AccessRequest {
	return &AccessRequest{header: headerOf(RequestName, c)}
}

// Fill is a document of the customer's as an output, with values that are known
// while the stack is deployed.
func Fill(name string, c *config.Customer, fields pulumi.Map) pulumi.Map {
	h := headerOf(name, c)
	document := pulumi.Map{
		"document": pulumi.String(h.Document), "version": pulumi.String(h.Version),
		"customer": pulumi.String(h.Customer), "platform": pulumi.String(h.Platform),
	}
	maps.Copy(document, fields)
	return document
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
	Provider string `json:"provider,omitempty"`
	RoleARN  string `json:"roleArn,omitempty"`
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

// Of says whose document it is: the customer's slug, and its platform.
func (h header) Of() (customer, platform string) { return h.Customer, h.Platform }

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
	all := []fact{
		{"", "pool", g.Pool}, {"", "serviceAccount", g.ServiceAccount}, {"", "registry", g.Registry}, {"", "repository", g.Repository},
	}
	for _, e := range g.Environments {
		all = append(all, fact{e.Name, "provider", e.Provider}, fact{e.Name, "roleArn", e.RoleARN})
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.value == "" })
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

// parse checks the text of a document of a name against the schema at a location and reads
// it into target. Of a newer minor version it ignores fields that it does not know,
// and names them.
func parse(text []byte, name, location string, target any) (ignored []string, problems []error) {
	if len(text) > maxDocument {
		return nil, []error{fmt.Errorf("has %d bytes: want at most %d", len(text), maxDocument)}
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) { // what PowerShell's > writes
		return nil, []error{errors.New("is UTF-16: save it as UTF-8")}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, []error{fmt.Errorf("is no JSON: %w", err)}
	}
	if err := noRepeats(json.NewDecoder(bytes.NewReader(text)), ""); err != nil {
		return nil, []error{err}
	}
	if object, _ := document.(map[string]any); object[name] != nil && object["document"] == nil {
		return nil, []error{fmt.Errorf("holds all outputs of a stack: want .%[1]s of it alone, `pulumi stack output %[1]s --json`", name)}
	}
	findings, err := schema.Check(location, document)
	if err != nil {
		return nil, []error{err}
	}
	later := newer(document)
	for _, f := range findings {
		switch {
		case later && f.Unknown && !anchored(f.Path[len(f.Path)-1], schema.At(document, f.Path)):
			ignored = append(ignored, f.Key())
		case later && f.Unknown:
			problems = append(problems, fmt.Errorf("%s is unknown here and speaks of a trust anchor: want a program that knows the document's version", f.Key()))
		default:
			problems = append(problems, fmt.Errorf("%s %s", f.Key(), f.Text))
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	// What is ignored is not decoded: Go's decoder takes keys of another case too.
	known, err := json.Marshal(schema.Prune(document, findings))
	if err == nil {
		err = json.Unmarshal(known, target)
	}
	if err != nil {
		return nil, []error{err}
	}
	return ignored, nil
}

// newer says whether a document is of a minor version that this program does not
// know yet.
func newer(document any) bool {
	object, _ := document.(map[string]any)
	version, _ := object["version"].(string)
	var its struct{ major, minor int }
	_, err := fmt.Sscanf(version, "%d.%d", &its.major, &its.minor)
	return err == nil && its.major == major && its.minor > minor
}

// anchorWords are what trust anchors and identities are called. A field with one of
// them in its name could change whom the document speaks of.
var anchorWords = []string{
	"tenant", "account", "region", "issuer", "subject", "audience", "principal", "client", "project", "pool", "provider", "registry",
	"repository", "host", "url", "role", "identity", "identities", "key", "jwks", "arn", "namespace", "email", "node", "trust", "cluster",
	"environment", "customer", "platform", "token", "secret",
}

// anchored says whether a field speaks of a trust anchor, in its own name or in one
// of what is inside.
func anchored(field string, value any) bool {
	if slices.ContainsFunc(anchorWords, func(word string) bool { return strings.Contains(fold(field), word) }) {
		return true
	}
	switch container := value.(type) {
	case map[string]any:
		for key, inner := range container {
			if anchored(key, inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(container, func(inner any) bool { return anchored("", inner) })
	}
	return false
}

// fold is a key as a reader sees it that minds no case.
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }

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
			if seen[fold(name)] {
				return fmt.Errorf("%s is given twice: want every key once", name)
			}
			seen[fold(name)] = true
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

// AsOutput is a value as the engine takes it: maps, lists and scalars.
func AsOutput(value any) (map[string]any, error) {
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
