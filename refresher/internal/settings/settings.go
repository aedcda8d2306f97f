// Package settings reads the pod's environment, which is the refresher's whole configuration, and reports everything that is wrong with it
// at once. It has no key for a URL, a host or a certificate: those follow from the identifiers. The two variables that hold one by the contract of another
// client, AZURE_AUTHORITY_HOST and AWS_CONTAINER_CREDENTIALS_FULL_URI, take a few known values and no other.
package settings

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/validation"

	"waybill.example/waybill/refresher/internal/awsname"
	"waybill.example/waybill/refresher/internal/credconfig"
	"waybill.example/waybill/refresher/internal/entra"
)

// Trust says whom the cloud trusts that the cluster's token goes to.
type Trust string

// The trusts. The first two end at Google's Artifact Registry, the others at AWS's Elastic Container Registry.
const (
	TrustEntra       Trust = "entra"        // the customer's Entra tenant, asked with the cluster's token
	TrustCluster     Trust = "cluster"      // the cluster's own issuer
	TrustIRSA        Trust = "irsa"         // the customer's IAM role trusts the cluster's issuer
	TrustPodIdentity Trust = "pod-identity" // the customer's IAM role trusts EKS, whose agent answers on the node
)

// amazon reports whether the trust's chain goes through AWS.
func (t Trust) amazon() bool {
	return t == TrustIRSA || t == TrustPodIdentity
}

// Defaults and limits of the durations.
const (
	DefaultDeadline    = 4 * time.Minute
	DefaultPropagation = 90 * time.Second
	minDeadline        = time.Second
	maxDuration        = time.Hour
)

// maxConfig bounds the credential configuration, in bytes.
const maxConfig = 64 << 10

// Settings are what the environment says, checked.
type Settings struct {
	Trust            Trust
	SecretName       string // WAYBILL_SECRET
	Namespace        string // WAYBILL_NAMESPACE
	Image            name.Reference
	Deadline         time.Duration // of the whole run
	Propagation      time.Duration // how long refusals that may be propagation are tried again, per hop
	CredentialConfig string        // path; empty for the trusts of AWS
	SubjectTokenFile string        // path
	SubjectAudiences []string      // one of which the token in it must carry
	Google           credconfig.Identifiers
	Entra            *entra.Settings      // nil but for TrustEntra
	Amazon           *awsname.Identifiers // nil but for the trusts of AWS
}

// Problems are everything that is wrong with a configuration: at least one line, each naming the variable or key, the value and
// the wish.
type Problems []string

// Error joins the problems, one per line.
func (p Problems) Error() string {
	return strings.Join(p, "\n")
}

// Lookup reads one variable; it is os.LookupEnv in the pod.
type Lookup func(string) (string, bool)

var (
	projectNumber   = regexp.MustCompile(`^[1-9][0-9]{0,19}$`)
	poolOrProvider  = regexp.MustCompile(`^[0-9a-z-]{4,32}$`) // docs/facts.md §3
	environmentName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,10}[a-z0-9]$`)
	serviceAccount  = regexp.MustCompile(`^[a-z][-a-z0-9]{4,28}[a-z0-9]@[a-z0-9][-a-z0-9.]*\.iam\.gserviceaccount\.com$`)
	registryHost    = regexp.MustCompile(`^[a-z0-9-]+-docker\.pkg\.dev$`)
	guid            = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// Load reads everything that a walk needs. Its error is of type Problems.
func Load(lookup Lookup) (Settings, error) {
	r := reader{lookup: lookup}
	s := r.chain()
	s.SecretName = r.checked("WAYBILL_SECRET", validation.IsDNS1123Subdomain)
	s.Namespace = r.checked("WAYBILL_NAMESPACE", validation.IsDNS1123Label)
	s.Image = r.image("WAYBILL_IMAGE")
	s.Deadline = r.duration("WAYBILL_DEADLINE", DefaultDeadline, minDeadline)
	s.Propagation = r.duration("WAYBILL_PROPAGATION", DefaultPropagation, 0)
	switch {
	case s.Trust.amazon():
		s.Amazon = r.amazon(s)
	case s.Trust == TrustEntra, s.Trust == TrustCluster:
		r.google(&s)
	}

	return s, r.err()
}

// google reads what the trusts of Google need.
func (r *reader) google(s *Settings) {
	if s.Image != nil && !registryHost.MatchString(s.Image.Context().RegistryStr()) {
		r.refuse("WAYBILL_IMAGE", s.Image.String(), "want an Artifact Registry host, LOCATION-docker.pkg.dev: no other host is shown the token")
	}
	s.CredentialConfig = r.path("WAYBILL_CREDENTIAL_CONFIG")
	s.Google = credconfig.Identifiers{
		ProjectNumber:  r.matching("WAYBILL_GCP_PROJECT_NUMBER", projectNumber, "want the project's number, digits only: its ID does not work here"),
		Pool:           r.poolOrProvider("WAYBILL_GCP_POOL"),
		Provider:       r.poolOrProvider("WAYBILL_GCP_PROVIDER"),
		ServiceAccount: r.matching("WAYBILL_GCP_SERVICE_ACCOUNT", serviceAccount, "want NAME@PROJECT.iam.gserviceaccount.com, NAME of 6 to 30 characters"),
	}
	if s.Trust == TrustCluster {
		s.Google.SubjectTokenFile = s.SubjectTokenFile
		if r.optional("WAYBILL_GCP_ENVIRONMENT") != "" {
			s.Google.Environment = r.matching("WAYBILL_GCP_ENVIRONMENT", environmentName, "want 2 to 12 of a-z, 0-9 and -")
		}
		if len(s.SubjectAudiences) == 0 {
			s.SubjectAudiences = []string{"https:" + s.Google.Audience(), s.Google.Audience()}
		}
	}
}

// LoadSubject reads what the subject token alone needs: the program then runs for another Google client, which read the credential
// configuration itself. Its error is of type Problems.
func LoadSubject(lookup Lookup) (Settings, error) {
	r := reader{lookup: lookup}
	s := r.chain()
	switch {
	case s.Trust == TrustCluster:
		r.refuse("WAYBILL_TRUST", string(s.Trust), "want entra: where the pool trusts the cluster, the subject token is the projected file itself")
	case s.Trust.amazon():
		r.refuse("WAYBILL_TRUST", string(s.Trust), "want entra: AWS takes the projected file itself")
	}

	return s, r.err()
}

type reader struct {
	lookup   Lookup
	problems Problems
}

func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}

	return r.problems
}

func (r *reader) refuse(key, value, wish string) {
	r.problems = append(r.problems, fmt.Sprintf("%s %q: %s", key, value, wish))
}

func (r *reader) optional(key string) string {
	value, _ := r.lookup(key)

	return value
}

func (r *reader) required(key string) (value string, ok bool) {
	value = r.optional(key)
	if value == "" {
		r.refuse(key, value, "want a value")
	}

	return value, value != ""
}

// chain reads what every command needs.
func (r *reader) chain() Settings {
	s := Settings{SubjectTokenFile: r.path("WAYBILL_SUBJECT_TOKEN_FILE")}
	if audience := r.optional("WAYBILL_SUBJECT_AUDIENCE"); audience != "" {
		s.SubjectAudiences = []string{audience}
	}
	trust, ok := r.required("WAYBILL_TRUST")
	s.Trust = Trust(trust)
	switch s.Trust {
	case TrustEntra:
		s.Entra = r.entra(s.SubjectTokenFile)
		if len(s.SubjectAudiences) == 0 {
			s.SubjectAudiences = []string{s.Entra.SubjectAudience()}
		}
	case TrustCluster:
	case TrustIRSA:
		s.SubjectAudiences = r.onlyAudience(awsname.AudienceSTS)
	case TrustPodIdentity:
		s.SubjectAudiences = r.onlyAudience(awsname.AudienceAgent)
	default:
		if ok {
			r.refuse("WAYBILL_TRUST", trust, "want entra, cluster, irsa or pod-identity")
		}
	}

	return s
}

func (r *reader) entra(tokenFile string) *entra.Settings {
	s := &entra.Settings{
		TenantID:      r.matching("AZURE_TENANT_ID", guid, "want the tenant's GUID"),
		ClientID:      r.matching("AZURE_CLIENT_ID", guid, "want the identity's client ID, a GUID"),
		AuthorityHost: r.authority("AZURE_AUTHORITY_HOST"),
		Scope:         r.optional("WAYBILL_ENTRA_SCOPE"),
	}
	if s.Scope == "" {
		s.Scope = entra.DefaultScope
	}
	if resource, ok := strings.CutSuffix(s.Scope, "/.default"); !ok || resource == "" || strings.ContainsAny(s.Scope, " \t\n") {
		r.refuse("WAYBILL_ENTRA_SCOPE", s.Scope, "want one scope that ends in /.default")
	}
	r.same("AZURE_FEDERATED_TOKEN_FILE", "WAYBILL_SUBJECT_TOKEN_FILE", tokenFile)

	return s
}

// same refuses a variable that is not the copy of another which it has to be.
func (r *reader) same(key, original, want string) {
	if value := r.optional(key); value != want {
		r.refuse(key, value, fmt.Sprintf("want the value of %s, %q", original, want))
	}
}

func (r *reader) matching(key string, pattern *regexp.Regexp, wish string) string {
	value, ok := r.required(key)
	if ok && !pattern.MatchString(value) {
		r.refuse(key, value, wish)
	}

	return value
}

func (r *reader) poolOrProvider(key string) string {
	value := r.matching(key, poolOrProvider, "want 4 to 32 of a-z, 0-9 and -")
	if strings.HasPrefix(value, "gcp-") {
		r.refuse(key, value, "want no name that begins with gcp-, which Google reserves")
	}

	return value
}

func (r *reader) checked(key string, check func(string) []string) string {
	value, ok := r.required(key)
	if ok {
		for _, problem := range check(value) {
			r.refuse(key, value, "want a Kubernetes name: "+problem)
		}
	}

	return value
}

func (r *reader) path(key string) string {
	value, ok := r.required(key)
	if ok && (!path.IsAbs(value) || path.Clean(value) != value) {
		r.refuse(key, value, "want an absolute path without . or ..")
	}

	return value
}

func (r *reader) duration(key string, fallback, least time.Duration) time.Duration {
	value := r.optional(key)
	if value == "" {
		return fallback
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > maxDuration {
		r.refuse(key, value, fmt.Sprintf("want a duration from %s to %s, such as %s", least, maxDuration, fallback))

		return fallback
	}

	return d
}

// image reads the product's reference. Its host decides who is shown the new token, so each trust lets its own registry's names pass only.
func (r *reader) image(key string) name.Reference {
	value, ok := r.required(key)
	if !ok {
		return nil
	}
	reference, err := name.ParseReference(value, name.StrictValidation)
	if err != nil {
		r.refuse(key, value, "want HOST/PATH:TAG or HOST/PATH@sha256:DIGEST")

		return nil
	}

	return reference
}

// authority reads the webhook's form, a URL, and keeps the host.
func (r *reader) authority(key string) string {
	value, ok := r.required(key)
	if !ok {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || !slices.Contains(entra.Authorities(), u.Host) {
		r.refuse(key, redactURL(u), "want https:// and one of "+strings.Join(entra.Authorities(), ", "))

		return ""
	}

	return u.Host
}

// redactURL keeps scheme, host and path of a refused URL.
func redactURL(u *url.URL) string {
	if u == nil {
		return "(no URL)"
	}

	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// CheckCredentialConfig reads the mounted credential configuration and refuses it unless it equals what the identifiers render to. Its error
// is of type Problems. The trusts of AWS have none.
func (s Settings) CheckCredentialConfig() error {
	if s.Amazon != nil {
		return nil
	}
	info, err := os.Stat(s.CredentialConfig)
	if err != nil {
		return Problems{"credential configuration: " + err.Error() + ": want the mounted ConfigMap"}
	}
	if info.Size() > maxConfig {
		return Problems{fmt.Sprintf("credential configuration %s: %d bytes: want at most %d", s.CredentialConfig, info.Size(), maxConfig)}
	}
	data, err := os.ReadFile(s.CredentialConfig)
	if err != nil {
		return Problems{"credential configuration: " + err.Error() + ": want a readable file"}
	}
	var problems Problems
	for _, difference := range credconfig.Differences(data, s.Google) {
		problems = append(problems, "credential configuration: "+difference)
	}
	if len(problems) == 0 {
		return nil
	}

	return problems
}

// AsProblems returns the problems of an error from this package.
func AsProblems(err error) Problems {
	var problems Problems
	if errors.As(err, &problems) {
		return problems
	}

	return Problems{err.Error()}
}
