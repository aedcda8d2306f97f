// Package credconfig renders the credential configuration that the chain's identifiers make up, and refuses any other.
//
// Google's libraries call whatever URL and run whatever command such a file names (https://cloud.google.com/docs/authentication/external/externally-sourced-credentials).
// The file reaches the pod through a ConfigMap, so the refresher never acts on what it says: it compares, and takes the URLs from here.
package credconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"

	"waybill.example/waybill/refresher/internal/redact"
)

// The hosts and constants of Google's token exchange, docs/facts.md §3.
const (
	STSHost          = "sts.googleapis.com"
	IAMHost          = "iamcredentials.googleapis.com"
	TokenURL         = "https://" + STSHost + "/v1/token"
	SubjectTokenType = "urn:ietf:params:oauth:token-type:jwt"
	// Command is the executable source: this program's image holds nothing else.
	Command = "/refresher subject-token"
	// CommandTimeoutMillis bounds it, in milliseconds; Google's libraries take 5,000 to 120,000.
	CommandTimeoutMillis = 30000
)

// shownLimit bounds a quoted value, in characters.
const shownLimit = 160

// Identifiers are what the configuration is made of. None is secret.
type Identifiers struct {
	ProjectNumber  string // the vendor project's number, never its ID
	Pool           string // the customer's workload identity pool
	Provider       string // the provider in it
	ServiceAccount string // e-mail address of the vendor's service account
	// SubjectTokenFile is the projected token that goes to Google directly. Empty where the subject token comes from
	// Entra, through the executable source.
	SubjectTokenFile string
	// Environment is what the provider puts before the token's subject, where a pool knows several clusters; empty for
	// nothing.
	Environment string
}

// Audience is the provider's full name, in the form that the token service wants.
func (i Identifiers) Audience() string {
	return fmt.Sprintf("//iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/providers/%s", i.ProjectNumber, i.Pool, i.Provider)
}

// Principal is the IAM member that the token service makes of subject.
func (i Identifiers) Principal(subject string) string {
	if i.Environment != "" {
		subject = i.Environment + "::" + subject
	}
	return fmt.Sprintf("principal://iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/subject/%s", i.ProjectNumber, i.Pool, subject)
}

// ImpersonationURL is where the service account's token is asked for.
func (i Identifiers) ImpersonationURL() string {
	return "https://" + IAMHost + "/v1/projects/-/serviceAccounts/" + i.ServiceAccount + ":generateAccessToken"
}

type document struct {
	Type             string `json:"type"`
	Audience         string `json:"audience"`
	SubjectTokenType string `json:"subject_token_type"`
	TokenURL         string `json:"token_url"`
	ImpersonationURL string `json:"service_account_impersonation_url"`
	Source           source `json:"credential_source"`
}

type source struct {
	Executable *executable `json:"executable,omitempty"`
	File       string      `json:"file,omitempty"`
	Format     *format     `json:"format,omitempty"`
}

type executable struct {
	Command       string `json:"command"`
	TimeoutMillis int    `json:"timeout_millis"`
}

type format struct {
	Type string `json:"type"`
}

// Render returns the configuration that the identifiers make up, as JSON.
func Render(i Identifiers) ([]byte, error) {
	d := document{
		Type:             "external_account",
		Audience:         i.Audience(),
		SubjectTokenType: SubjectTokenType,
		TokenURL:         TokenURL,
		ImpersonationURL: i.ImpersonationURL(),
	}
	if i.SubjectTokenFile == "" {
		d.Source.Executable = &executable{Command: Command, TimeoutMillis: CommandTimeoutMillis}
	} else {
		d.Source.File = i.SubjectTokenFile
		d.Source.Format = &format{Type: "text"}
	}

	return json.Marshal(d)
}

// Differences lists, sorted by key, how data differs from what the identifiers make up. Nil means: equal as JSON. Keys given twice and
// letters in another case are differences, because Google's parsers would pick one that a reader may not. Unknown keys are named without their
// values, which may be secrets.
func Differences(data []byte, i Identifiers) []string {
	rendered, err := Render(i)
	if err != nil {
		return []string{"cannot render the expected configuration: " + err.Error()}
	}
	var got, want any
	strict, err := kjson.UnmarshalStrict(data, &got)
	if err != nil {
		return []string{"want one JSON document: it does not parse"}
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(rendered, &want); err != nil {
		return []string{"cannot read the expected configuration: " + err.Error()}
	}
	var found []string
	for _, s := range strict {
		found = append(found, s.Error()+": want each key once")
	}

	return append(found, compare("", got, want)...)
}

func compare(path string, got, want any) []string {
	wantMap, ok := want.(map[string]any)
	if !ok {
		if got != want {
			return []string{fmt.Sprintf("%s %s: want %s", path, shown(got), shown(want))}
		}

		return nil
	}
	gotMap, ok := got.(map[string]any)
	if !ok {
		return []string{strings.TrimSpace(fmt.Sprintf("%s %s: want an object", path, shown(got)))}
	}
	keys := maps.Clone(wantMap)
	maps.Copy(keys, gotMap)
	var found []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		g, inGot := gotMap[key]
		w, inWant := wantMap[key]
		switch {
		case !inWant:
			found = append(found, redact.Cut((&redact.Set{}).Text(at), shownLimit)+": want no such key")
		case !inGot:
			found = append(found, fmt.Sprintf("%s: missing, want %s", at, shown(w)))
		default:
			found = append(found, compare(at, g, w)...)
		}
	}

	return found
}

// shown quotes a value without what could be a secret in it: a URL's user and query, a command's arguments, anything that looks like a token,
// the content of objects and lists.
func shown(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", harmless(v))
	case map[string]any:
		return "(an object)"
	case []any:
		return "(a list)"
	case nil:
		return "null"
	default:
		return fmt.Sprint(v)
	}
}

func harmless(text string) string {
	if text == Command {
		return text
	}
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		text = u.String()
	}
	if first, _, more := strings.Cut(text, " "); more {
		text = first + " …"
	}

	return redact.Cut((&redact.Set{}).Text(text), shownLimit)
}
