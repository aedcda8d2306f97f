package kubelet

import (
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestReferencesAreExpandedAsInAPod(t *testing.T) {
	variables := map[string]string{"A": "one", "B": "$(A)"}
	for text, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$(A)":           "one",
		"x$(A)y$(A)":     "xoney" + "one",
		"$(B)":           "$(A)", // values are not expanded again
		"$(MISSING)":     "$(MISSING)",
		"$$(A)":          "$(A)",
		"$$$(A)":         "$one",
		"$A ${A}":        "$A ${A}",
		"$(A":            "$(A",
		"100$":           "100$",
		"$()":            "$()",
		"cost: $5 $(A)!": "cost: $5 one!",
	} {
		assert.Equal(t, want, expand(text, variables), "%q", text)
	}
}

func TestTheLastLinesOfALog(t *testing.T) {
	for _, c := range []struct {
		text  string
		count int
		want  string
	}{
		{"one\ntwo\nthree\n", 0, ""},
		{"one\ntwo\nthree\n", 1, "three\n"},
		{"one\ntwo\nthree", 1, "three"},
		{"one\ntwo\nthree\n", 2, "two\nthree\n"},
		{"one\ntwo\nthree\n", 9, "one\ntwo\nthree\n"},
		{"\n\n", 1, "\n"},
		{"", 3, ""},
	} {
		assert.Equal(t, c.want, string(lastLines([]byte(c.text), c.count)), "%q, %d", c.text, c.count)
	}
}

func TestTheBackoffDoublesUpToItsLimit(t *testing.T) {
	var delay time.Duration
	var delays []time.Duration
	for range 6 {
		delay = longer(delay)
		delays = append(delays, delay)
	}
	assert.Equal(t, []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second,
	}, delays)
}

func TestAPullSecretOpensTheRegistryThatItNames(t *testing.T) {
	read := func(kind corev1.SecretType, data string) ([]authn.AuthConfig, error) {
		return loginsFor("registry.example", []corev1.Secret{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "pull"},
			Type:       kind, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(data)},
		}})
	}
	for data, want := range map[string][]authn.AuthConfig{
		`{"auths": {}}`: nil,
		`{"auths": {"registry.example": {"username": "user", "password": "a:b"}}}`:                        {{Username: "user", Password: "a:b"}},
		`{"auths": {"registry.example": {"auth": "dXNlcjphOmI=", "identitytoken": "x"}}}`:                 {{Username: "user", Password: "a:b"}},
		`{"auths": {"registry.example:5000": {"username": "user"}, "eu-registry.example": {"auth": ""}}}`: nil,
	} {
		found, err := read(corev1.SecretTypeDockerConfigJson, data)
		require.NoError(t, err, data)
		assert.Equal(t, want, found, data)
		found, err = read(corev1.SecretTypeOpaque, data)
		require.NoError(t, err, data)
		assert.Empty(t, found, data)
	}
	for data, want := range map[string]string{
		`hunter2`: "is not the JSON of a Docker configuration",
		`{"auths": {"registry.example": {"auth": "hunter2!"}}}`:     "is not the JSON of a Docker configuration",
		`{"auths": {"registry.example": {"auth": "aHVudGVyMg=="}}}`: "is not the JSON of a Docker configuration",
		`{"auths": {"*.example": {}}}`:                              `registry "*.example": want HOST or HOST:PORT: the sandbox matches no paths and globs`,
		`{"auths": {"https://registry.example/v2/": {}}}`:           `registry "https://registry.example/v2/": want HOST or HOST:PORT`,
	} {
		_, err := read(corev1.SecretTypeDockerConfigJson, data)
		require.ErrorContains(t, err, "pull secret shop/pull: "+want)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, err := read(corev1.SecretTypeDockercfg, "")
	require.ErrorContains(t, err, "want kubernetes.io/dockerconfigjson")
}

func TestASubPathNamesOnePartOfAVolume(t *testing.T) {
	contents := volume{"key": {data: []byte("1")}, "dir/inner": {data: []byte("2")}}
	assert.Equal(t, contents, contents.below(""))
	assert.Equal(t, volume{"": {data: []byte("1")}}, contents.below("key"))
	assert.Equal(t, volume{"inner": {data: []byte("2")}}, contents.below("dir/"))
	assert.Empty(t, contents.below("missing"))
}
