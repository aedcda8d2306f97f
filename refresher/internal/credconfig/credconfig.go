// Package credconfig reads the credential configuration: the one source of the Google side's identifiers, and a file
// that the refresher never acts on.
//
// Google's libraries call whatever URL and run whatever command such a file names
// (https://cloud.google.com/docs/authentication/external/externally-sourced-credentials), and it reaches the pod through
// a ConfigMap. So the identifiers are taken out of it, the configuration that they make up is rendered, and any
// difference refuses the file; the URLs are those from here.
package credconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
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
	// CommandTimeoutMillis bounds the executable source, in milliseconds; Google's libraries take 5,000 to 120,000.
	CommandTimeoutMillis = 30000
)

const (
	// command is the executable source: this program's image holds nothing else.
	command = "/refresher subject-token"
	// shownLimit bounds a quoted value, in characters.
	shownLimit = 160

	audienceKey      = "audience"
	impersonationKey = "service_account_impersonation_url"
)

// The two values that hold the identifiers, with Google's patterns for those (docs/facts.md §3).
var (
	audience = regexp.MustCompile(`^//iam\.googleapis\.com/projects/([1-9][0-9]{0,19})` +
		`/locations/global/workloadIdentityPools/([0-9a-z-]{4,32})/providers/([0-9a-z-]{4,32})$`)
	impersonation = regexp.MustCompile(`^https://iamcredentials\.googleapis\.com/v1/projects/-/serviceAccounts/` +
		`([a-z][-a-z0-9]{4,28}[a-z0-9]@[a-z0-9][-a-z0-9.]*\.iam\.gserviceaccount\.com):generateAccessToken$`)
)

// Identifiers are what the configuration is made of. None is secret.
type Identifiers struct {
	ProjectNumber  string // the vendor project's number, never its ID
	Pool           string // the customer's workload identity pool
	Provider       string // the provider in it
	ServiceAccount string // e-mail address of the vendor's service account
}

// Audience is the provider's full name, in the form that the token service wants.
func (i Identifiers) Audience() string {
	return fmt.Sprintf("//iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/providers/%s",
		i.ProjectNumber, i.Pool, i.Provider)
}

// ImpersonationURL is where the service account's token is asked for.
func (i Identifiers) ImpersonationURL() string {
	return "https://" + IAMHost + "/v1/projects/-/serviceAccounts/" + i.ServiceAccount + ":generateAccessToken"
}

// Render gives the configuration that the identifiers make up, as JSON. tokenFile is the projected token that goes to
// Google directly; empty where the subject token comes from Entra, through the executable source.
func Render(i Identifiers, tokenFile string) ([]byte, error) {
	source := map[string]any{"executable": map[string]any{"command": command, "timeout_millis": CommandTimeoutMillis}}
	if tokenFile != "" {
		source = map[string]any{"file": tokenFile, "format": map[string]any{"type": "text"}}
	}
	return json.Marshal(map[string]any{
		"type":               "external_account",
		audienceKey:          i.Audience(),
		"subject_token_type": SubjectTokenType,
		"token_url":          TokenURL,
		impersonationKey:     i.ImpersonationURL(),
		"credential_source":  source,
	})
}

// Parse takes the identifiers out of a configuration, and refuses it unless it equals, as JSON, what they and tokenFile
// render to: each problem is one error of the joined ones. Keys given twice and letters in another case are
// differences, because Google's parsers would pick one that a reader may not. Unknown keys are named without their
// values, which may be secrets.
func Parse(data []byte, tokenFile string) (Identifiers, []error) {
	var parsed any
	strict, err := kjson.UnmarshalStrict(data, &parsed)
	got, ok := parsed.(map[string]any)
	if err != nil || !ok {
		return Identifiers{}, []error{errors.New("want one JSON object: it does not parse")}
	}
	var problems []error
	for _, s := range strict {
		problems = append(problems, fmt.Errorf("%w: want each key once", s))
	}
	// An identifier that is not found leaves its place in the wish.
	i := Identifiers{
		ProjectNumber: "NUMBER", Pool: "POOL", Provider: "PROVIDER", ServiceAccount: "NAME@PROJECT.iam.gserviceaccount.com",
	}
	found := func(key string, pattern *regexp.Regexp) []string {
		text, _ := got[key].(string)
		return pattern.FindStringSubmatch(text)
	}
	provider, account := found(audienceKey, audience), found(impersonationKey, impersonation)
	if provider != nil {
		i.ProjectNumber, i.Pool, i.Provider = provider[1], provider[2], provider[3]
	}
	if account != nil {
		i.ServiceAccount = account[1]
	}
	rendered, err := Render(i, tokenFile)
	if err != nil {
		return Identifiers{}, []error{err}
	}
	var want any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(rendered, &want); err != nil {
		return Identifiers{}, []error{err}
	}
	problems = append(problems, compare("", got, want)...)
	if len(problems) == 0 && (provider == nil || account == nil) {
		problems = append(problems, errors.New("holds no identifiers"))
	}
	return i, problems
}

func compare(path string, got, want any) []error {
	wantMap, ok := want.(map[string]any)
	if !ok {
		if got != want {
			return []error{fmt.Errorf("%s %s: want %s", path, shown(got), shown(want))}
		}
		return nil
	}
	gotMap, ok := got.(map[string]any)
	if !ok {
		return []error{fmt.Errorf("%s %s: want an object", path, shown(got))}
	}
	keys := maps.Clone(wantMap)
	maps.Copy(keys, gotMap)
	var found []error
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		g, inGot := gotMap[key]
		w, inWant := wantMap[key]
		switch {
		case !inWant:
			found = append(found, fmt.Errorf("%s: want no such key", redact.Cut((&redact.Set{}).Text(at), shownLimit)))
		case !inGot:
			found = append(found, fmt.Errorf("%s: missing, want %s", at, shown(w)))
		default:
			found = append(found, compare(at, g, w)...)
		}
	}
	return found
}

// shown quotes a value without what could be a secret in it: a URL's user and query, a command's arguments, anything
// that looks like a token, the content of objects and lists.
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
	if text == command {
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
