package keyring_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/kubelet/internal/keyring"
)

// secret has an entry per registry whose user is the registry's key.
func secret(t *testing.T, registries ...string) corev1.Secret {
	t.Helper()
	auths := map[string]any{}
	for _, registry := range registries {
		auths[registry] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(registry + "=:a:password"))}
	}
	if len(registries) == 1 { // A key that is a URL has a colon: no user may.
		auths[registries[0]] = map[string]string{"username": registries[0], "password": "a:password"}
	}
	data, err := json.Marshal(map[string]any{"auths": auths})
	require.NoError(t, err)
	return corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "pull"},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: data},
	}
}

func TestAKeyMatchesByHostAndPath(t *testing.T) {
	for _, c := range []struct {
		key, repository string
		matches         bool
	}{
		{"registry.example", "registry.example/team/image", true},
		{"https://registry.example", "registry.example/team/image", true},
		{"https://registry.example/v2/", "registry.example/team/image", true},
		{"registry.example/team", "registry.example/team/image", true},
		{"registry.example/other", "registry.example/team/image", false},
		{"*.example", "registry.example/team/image", true},
		{"*.docker.example", "eu.docker.example/image", true},
		{"*.example", "eu.registry.example/image", false},
		{"registry.example", "eu-registry.example/image", false},
		{"registry.example", "registry.example:5000/image", false},
		{"registry.example:5000", "registry.example:5000/image", true},
		{"Registry.example", "registry.example/image", false},
		{"index.docker.io", "index.docker.io/library/image", true},
		{"https://index.docker.io/v1/", "index.docker.io/library/image", true},
	} {
		ring, err := keyring.New(secret(t, c.key))
		require.NoError(t, err)
		found := ring.Lookup(c.repository)
		if !c.matches {
			assert.Empty(t, found, "%s must not open %s", c.key, c.repository)
			continue
		}
		require.Len(t, found, 1, "%s must open %s", c.key, c.repository)
		assert.Equal(t, c.key, found[0].Username)
		assert.Equal(t, "a:password", found[0].Password)
	}
}

func TestTheMostSpecificKeyIsTriedFirst(t *testing.T) {
	ring, err := keyring.New(secret(t, "registry.example", "registry.example/team"), secret(t, "registry.example/team/image"))
	require.NoError(t, err)
	var users []string
	for _, credentials := range ring.Lookup("registry.example/team/image") {
		users = append(users, credentials.Username)
	}
	assert.Equal(t, []string{"registry.example/team/image", "registry.example/team=", "registry.example="}, users)
}

func TestOldSecretsAreReadAndOthersAreIgnored(t *testing.T) {
	old := corev1.Secret{Type: corev1.SecretTypeDockercfg, Data: map[string][]byte{
		corev1.DockerConfigKey: []byte(`{"registry.example": {"username": "user", "password": "pass"}}`),
	}}
	opaque := secret(t, "registry.example")
	opaque.Type = corev1.SecretTypeOpaque
	empty := secret(t)
	ring, err := keyring.New(opaque, empty, old)
	require.NoError(t, err)
	found := ring.Lookup("registry.example/image")
	require.Len(t, found, 1)
	assert.Equal(t, "user", found[0].Username)
}

func TestAnUnreadableSecretIsNamedAndNotQuoted(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON":          `hunter2`,
		"no base64":        `{"auths": {"registry.example": {"auth": "hunter2!"}}}`,
		"no colon":         `{"auths": {"registry.example": {"auth": "aHVudGVyMg=="}}}`,
		"a list for auths": `{"auths": ["hunter2"]}`,
	} {
		_, err := keyring.New(corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "pull"},
			Type:       corev1.SecretTypeDockerConfigJson,
			Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(data)},
		})
		require.ErrorContains(t, err, "pull secret shop/pull: ", name)
		assert.NotContains(t, err.Error(), "hunter2", name)
	}
}
