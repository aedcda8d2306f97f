// Package keyring finds the credentials that a pod's pull secrets hold for an
// image, by the rules of the kubelet: keys are registry hosts, optionally with
// a path and with globs in the parts of the host, and every match is tried, the
// most specific first
// (https://kubernetes.io/docs/concepts/containers/images/#config-json).
//
// The node's own credentials are the caller's to add: here an image that no
// pull secret matches has none.
package keyring

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	corev1 "k8s.io/api/core/v1"
)

// dockerHub is the host under which Docker Hub's credentials are kept.
const dockerHub = "index.docker.io"

// Keyring holds the entries of pull secrets, the most specific key first.
type Keyring []entry

type entry struct {
	key         string // HOST[:PORT][/PATH]
	credentials authn.AuthConfig
}

// New reads pull secrets of the types kubernetes.io/dockerconfigjson and
// kubernetes.io/dockercfg; others are ignored, as by the kubelet. One that
// cannot be read is an error, which names it and never quotes it.
func New(secrets ...corev1.Secret) (Keyring, error) {
	var ring Keyring
	for _, secret := range secrets {
		entries, err := read(&secret)
		if err != nil {
			return nil, fmt.Errorf("pull secret %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		ring = append(ring, entries...)
	}
	// Stable, so that equal keys stay in the order of the pod's secrets.
	slices.SortStableFunc(ring, func(a, b entry) int { return strings.Compare(b.key, a.key) })
	return ring, nil
}

// registryLogin is an entry of a Docker configuration. The kubelet knows no
// others of its members, such as identitytoken.
type registryLogin struct {
	Username string `json:"username"`
	Password string `json:"password"`
	// Auth is base64(username:password); it wins over the two above.
	Auth string `json:"auth"`
}

func read(secret *corev1.Secret) ([]entry, error) {
	var logins map[string]registryLogin
	switch data := secret.Data; {
	case secret.Type == corev1.SecretTypeDockerConfigJson && len(data[corev1.DockerConfigJsonKey]) > 0:
		var config struct {
			Auths map[string]registryLogin `json:"auths"`
		}
		if err := decode(data[corev1.DockerConfigJsonKey], &config); err != nil {
			return nil, err
		}
		logins = config.Auths
	case secret.Type == corev1.SecretTypeDockercfg && len(data[corev1.DockerConfigKey]) > 0:
		if err := decode(data[corev1.DockerConfigKey], &logins); err != nil {
			return nil, err
		}
	}
	var entries []entry
	for registry, login := range logins {
		credentials, err := login.credentials()
		if err != nil {
			return nil, fmt.Errorf("registry %q: %w", registry, err)
		}
		if key, ok := keyOf(registry); ok {
			entries = append(entries, entry{key, credentials})
		}
	}
	return entries, nil
}

func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		// The decoder's error can quote the secret.
		return errors.New("is not the JSON of a Docker configuration")
	}
	return nil
}

func (l registryLogin) credentials() (authn.AuthConfig, error) {
	if l.Auth == "" {
		return authn.AuthConfig{Username: l.Username, Password: l.Password}, nil
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(l.Auth, "="))
	username, password, found := strings.Cut(string(decoded), ":")
	if err != nil || !found {
		return authn.AuthConfig{}, errors.New(`auth: want base64 of "username:password"`)
	}
	return authn.AuthConfig{Username: username, Password: password}, nil
}

// keyOf is HOST[/PATH] of a key of a Docker configuration, which may be a URL;
// the paths /v1/ and /v2/ stand for the host alone. A key that is no URL is
// ignored.
func keyOf(registry string) (string, bool) {
	if !strings.HasPrefix(registry, "https://") && !strings.HasPrefix(registry, "http://") {
		registry = "https://" + registry
	}
	parsed, err := url.Parse(registry)
	if err != nil {
		return "", false
	}
	place := parsed.Path
	if strings.HasPrefix(place, "/v1/") || strings.HasPrefix(place, "/v2/") {
		place = place[len("/v1"):]
	}
	if place == "/" {
		place = ""
	}
	return parsed.Host + place, true
}

// Lookup returns the credentials to try, in this order, for a repository of
// the form HOST[:PORT]/PATH; none means that the registry is asked anonymously.
func (k Keyring) Lookup(repository string) []authn.AuthConfig {
	var found []authn.AuthConfig
	for _, entry := range k {
		if matches(entry.key, repository) {
			found = append(found, entry.credentials)
		}
	}
	return found
}

// matches compares host by host part, with globs, port exactly, and the key's
// path as a prefix of the repository's.
func matches(key, repository string) bool {
	keyURL, err := url.Parse("https://" + key)
	if err != nil {
		return false
	}
	target, err := url.Parse("https://" + repository)
	if err != nil {
		return false
	}
	wanted, given := strings.Split(keyURL.Hostname(), "."), strings.Split(target.Hostname(), ".")
	if keyURL.Port() != target.Port() || len(wanted) != len(given) || !strings.HasPrefix(target.Path, keyURL.Path) {
		return keyURL.Host == dockerHub && target.Host == "docker.io"
	}
	for i := range wanted {
		if ok, err := path.Match(wanted[i], given[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
