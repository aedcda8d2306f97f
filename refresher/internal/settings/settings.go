// Package settings reads the refresher's whole configuration, which is the pod's environment and the credential
// configuration that it names, and reports everything that is wrong with it at once.
//
// Each value is told once, by its standard name where there is one. There is no key for a URL or a certificate: those
// follow from the identifiers. The two variables that hold one by the contract of another client, AZURE_AUTHORITY_HOST
// and AWS_CONTAINER_CREDENTIALS_FULL_URI, take a few known values and no other.
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

// tokenFiles are the variables that name the projected ServiceAccount token, by trust: what the cloud's own clients
// read, where they read one.
var tokenFiles = map[Trust]string{
	TrustEntra:       "AZURE_FEDERATED_TOKEN_FILE",
	TrustCluster:     "WAYBILL_SUBJECT_TOKEN_FILE",
	TrustIRSA:        "AWS_WEB_IDENTITY_TOKEN_FILE",
	TrustPodIdentity: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}

// Defaults and limits of the durations.
const (
	DefaultDeadline    = 4 * time.Minute
	DefaultPropagation = 90 * time.Second
	minDeadline        = time.Second
	maxDuration        = time.Hour
)

// Settings are what the environment says, checked.
type Settings struct {
	Trust            Trust
	SecretName       string           // WAYBILL_SECRET
	Namespaces       []string         // WAYBILL_NAMESPACE: at least one, each with a Secret of that name
	Images           []name.Reference // at least one, none twice
	Registry         string           // host of every image, pinned by the pod: no other is shown a credential
	Deadline         time.Duration    // of the whole run
	Propagation      time.Duration    // how long refusals that may be propagation are tried again, per hop
	SubjectTokenFile string           // path
	SubjectAudience  string           // that the token in it must carry
	Google           credconfig.Identifiers
	Entra            *entra.Settings      // nil but for TrustEntra
	Amazon           *awsname.Identifiers // nil but for the trusts of AWS
}

// Problems are everything that is wrong with a configuration: at least one line, each naming the variable or key, the
// value and the wish.
type Problems []string

// Error joins the problems, one per line.
func (p Problems) Error() string {
	return strings.Join(p, "\n")
}

// AsProblems returns the problems of an error from this package.
func AsProblems(err error) Problems {
	var problems Problems
	if errors.As(err, &problems) {
		return problems
	}
	return Problems{err.Error()}
}

// Lookup reads one variable; it is os.LookupEnv in the pod.
type Lookup func(string) (string, bool)

// AuthorityKey names a file in PEM: the certificates of a private authority, such as that of a proxy that looks into
// TLS. Every command reads it, for its way to the network.
const AuthorityKey = "WAYBILL_AUTHORITY_FILE"

var (
	artifactRegistry = regexp.MustCompile(`^[a-z0-9-]+-docker\.pkg\.dev$`)
	guid             = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// Load reads everything that a walk needs. Its error is of type Problems.
func Load(lookup Lookup) (Settings, error) {
	r := reader{lookup: lookup}
	s := r.start()
	s.SecretName = r.checked("WAYBILL_SECRET", validation.IsDNS1123Subdomain)
	s.Namespaces = strings.Fields(r.checked("WAYBILL_NAMESPACE", namespaces))
	s.Images, s.Registry = r.images()
	r.proxy("HTTPS_PROXY")
	r.proxy("https_proxy")
	s.Deadline = r.duration("WAYBILL_DEADLINE", DefaultDeadline, minDeadline)
	s.Propagation = r.duration("WAYBILL_PROPAGATION", DefaultPropagation, 0)
	switch s.Trust {
	case TrustEntra:
		s.Google = r.google(s.Registry, "")
	case TrustCluster:
		s.Google = r.google(s.Registry, s.SubjectTokenFile)
		// What Google expects where the provider lists no audience of its own, docs/facts.md §2.
		s.SubjectAudience = "https:" + s.Google.Audience()
	case TrustIRSA, TrustPodIdentity:
		s.Amazon = r.amazon(s.Registry, s.Trust)
	}
	return s, r.err()
}

// LoadSubject reads what the subject token alone needs: the program then runs for another Google client, which read the
// credential configuration itself. Its error is of type Problems.
func LoadSubject(lookup Lookup) (Settings, error) {
	r := reader{lookup: lookup}
	s := r.start()
	if s.Trust != "" && s.Trust != TrustEntra {
		r.refuse("WAYBILL_TRUST", string(s.Trust), "want entra: elsewhere the projected file itself is the subject "+
			"token")
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

// start reads what every command needs. An unknown trust is an empty one.
func (r *reader) start() Settings {
	trust, ok := r.required("WAYBILL_TRUST")
	s := Settings{Trust: Trust(trust)}
	if !ok {
		return s
	}
	switch s.Trust {
	case TrustEntra:
		s.Entra = r.entra()
		s.SubjectAudience = s.Entra.SubjectAudience()
	case TrustCluster: // its audience follows from the credential configuration
	case TrustIRSA:
		s.SubjectAudience = awsname.AudienceSTS
	case TrustPodIdentity:
		s.SubjectAudience = awsname.AudienceAgent
	default:
		r.refuse("WAYBILL_TRUST", trust, "want entra, cluster, irsa or pod-identity")
		return Settings{}
	}
	s.SubjectTokenFile = r.path(tokenFiles[s.Trust])
	return s
}

func (r *reader) entra() *entra.Settings {
	s := &entra.Settings{
		TenantID:      r.guid("AZURE_TENANT_ID", "want the tenant's GUID"),
		ClientID:      r.guid("AZURE_CLIENT_ID", "want the identity's client ID, a GUID"),
		AuthorityHost: r.authority("AZURE_AUTHORITY_HOST"),
		Scope:         r.optional("WAYBILL_ENTRA_SCOPE"),
	}
	if s.Scope == "" {
		s.Scope = entra.DefaultScope
	}
	resource, ok := strings.CutSuffix(s.Scope, "/.default")
	if !ok || resource == "" || strings.ContainsAny(s.Scope, " \t\n") {
		r.refuse("WAYBILL_ENTRA_SCOPE", s.Scope, "want one scope that ends in /.default")
	}
	return s
}

// google reads the credential configuration, and refuses it unless it equals what the identifiers in it render to.
func (r *reader) google(registry, tokenFile string) credconfig.Identifiers {
	if registry != "" && !artifactRegistry.MatchString(registry) {
		r.refuse("WAYBILL_REGISTRY", registry, "want an Artifact Registry host, LOCATION-docker.pkg.dev")
	}
	file := r.path("GOOGLE_APPLICATION_CREDENTIALS")
	if file == "" {
		return credconfig.Identifiers{}
	}
	refuse := func(problem string) { r.problems = append(r.problems, "credential configuration: "+problem) }
	data, err := os.ReadFile(file)
	if err != nil {
		refuse(err.Error() + ": want the mounted ConfigMap")
		return credconfig.Identifiers{}
	}
	identifiers, problems := credconfig.Parse(data, tokenFile)
	for _, problem := range problems {
		refuse(problem.Error())
	}
	return identifiers
}

func (r *reader) guid(key, wish string) string {
	value, ok := r.required(key)
	if ok && !guid.MatchString(value) {
		r.refuse(key, value, wish)
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
		return ""
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

// images reads the product's references and the host that they must be of. The references come from a ConfigMap that
// others may write, the host from the pod: it decides who is shown the new token.
func (r *reader) images() (images []name.Reference, registry string) {
	registry, _ = r.required("WAYBILL_REGISTRY")
	words := strings.Fields(r.optional("WAYBILL_IMAGES"))
	if len(words) == 0 {
		r.refuse("WAYBILL_IMAGES", "", "want at least one image, HOST/PATH:TAG or HOST/PATH@sha256:DIGEST")
	}
	for i, word := range words {
		reference, err := name.ParseReference(word, name.StrictValidation)
		switch {
		case slices.Contains(words[:i], word):
		case err != nil:
			r.refuse("WAYBILL_IMAGES", word, "want HOST/PATH:TAG or HOST/PATH@sha256:DIGEST")
		case registry != "" && reference.Context().RegistryStr() != registry:
			r.refuse("WAYBILL_IMAGES", word, fmt.Sprintf("its host is %s: want %s, the pod's WAYBILL_REGISTRY; "+
				"no other host is shown the token", reference.Context().RegistryStr(), registry))
		default:
			images = append(images, reference)
		}
	}
	return images, registry
}

// namespaces checks names that are separated by white space.
func namespaces(value string) (problems []string) {
	words := strings.Fields(value)
	for i, namespace := range words {
		problems = append(problems, validation.IsDNS1123Label(namespace)...)
		if slices.Contains(words[:i], namespace) {
			problems = append(problems, "want each namespace once")
		}
	}
	return problems
}

// PullSecrets names every Secret that is written, as "NAMESPACE/NAME", joined by ", ".
func (s Settings) PullSecrets() string {
	names := make([]string, 0, len(s.Namespaces))
	for _, namespace := range s.Namespaces {
		names = append(names, namespace+"/"+s.SecretName)
	}
	return strings.Join(names, ", ")
}

// Names writes the images as they were given.
func (s Settings) Names() []string {
	names := make([]string, 0, len(s.Images))
	for _, image := range s.Images {
		names = append(names, image.String())
	}
	return names
}

// proxy refuses an address that Go's clients cannot read: they would print it, and it may hold a password.
func (r *reader) proxy(key string) {
	value := r.optional(key)
	if _, err := url.Parse(value); err != nil {
		r.refuse(key, "(not shown)", "want http://HOST:PORT, with the characters of a user and password that are no "+
			"letters, digits, - . _ ~ as %XX")
	}
}

// authority reads the webhook's form, a URL, and keeps the host.
func (r *reader) authority(key string) string {
	value, ok := r.required(key)
	if !ok {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil ||
		!slices.Contains(entra.Authorities(), u.Host) {
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
