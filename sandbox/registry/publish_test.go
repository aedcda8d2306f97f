package registry_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/registry"
)

const refresher = public + "/waybill/refresher:0.1.0"

func TestARepositoryThatIsMadeAgainStartsEmpty(t *testing.T) {
	s := newSetting(t)
	token := s.accountToken(acmeAccount)
	s.mustPull(acmeImage, token)
	s.grant("acme", writer, "serviceAccount:"+acmeAccount)
	pushed := host + "/" + project + "/acme/own:1.0"
	require.NoError(t, s.push(pushed, token, randomImage(t)))

	require.NoError(t, s.engine.Delete(s.acme))
	_, err := s.pull(acmeImage, token)
	require.ErrorContains(t, err, notDownload+`acme"`)

	s.clock.now = s.clock.now.Add(time.Second)
	s.repository("acme", nil)
	_, err = s.pull(acmeImage, token)
	require.ErrorContains(t, err, notDownload+`acme"`, "its bindings went with it")
	s.grant("acme", reader, "serviceAccount:"+acmeAccount)
	for _, image := range []string{acmeImage, pushed} {
		_, err = s.pull(image, token)
		require.ErrorContains(t, err, "MANIFEST_UNKNOWN", "what was there before went with the repository")
	}
}

func TestImagesAndTheirDigestsOutliveTheProcess(t *testing.T) {
	s := newSetting(t)
	s.grant("acme", writer, "serviceAccount:"+acmeAccount)
	token := s.accountToken(acmeAccount)
	released := s.mustPull(acmeImage, token).Digest
	index, err := random.Index(64, 1, 3)
	require.NoError(t, err)
	pushed := host + "/" + project + "/acme/own:1.0"
	require.NoError(t, remote.WriteIndex(reference(t, pushed), index, s.as(token)...))
	moved := randomImage(t)
	require.NoError(t, s.push(globexImage[:len(globexImage)-len("globex/server:1.4.2")]+"acme/server:1.5.0", token, moved))

	s.start()
	assert.Equal(t, released, s.mustPull(acmeImage, token).Digest)
	again, err := s.mustPull(pushed, token).ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(again))
	want, err := index.Digest()
	require.NoError(t, err)
	got, err := again.Digest()
	require.NoError(t, err)
	assert.Equal(t, want, got)
	wantImage, err := moved.Digest()
	require.NoError(t, err)
	assert.Equal(t, wantImage, s.mustPull(host+"/"+project+"/acme/server:1.5.0", token).Digest)
}

func TestAPublicRegistryIsReadByAnybodyAndWrittenByNobody(t *testing.T) {
	s := newSetting(t)
	index, err := s.mustPull(refresher, "").ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	require.ErrorContains(t, s.push(refresher, "", randomImage(t)), "DENIED: requested access to the resource is denied")
	_, err = s.pull(public+"/waybill/refresher:9.9.9", "")
	require.ErrorContains(t, err, "MANIFEST_UNKNOWN")
	_, err = s.pull(public+"/waybill/nothing:0.1.0", "")
	require.ErrorContains(t, err, "NAME_UNKNOWN")
	assert.Equal(t, http.StatusNotFound, s.request(http.MethodGet, "https://"+public+"/v2/_catalog", "").status)
	assert.Equal(t, http.StatusOK, s.request(http.MethodGet, "https://"+public+"/v2/", "").status)
}

func TestAPublishedIndexTakesThePlaceOfThePlaceholderAndStays(t *testing.T) {
	s := newSetting(t)
	index, err := random.Index(1024, 2, 2)
	require.NoError(t, err)
	want, err := index.Digest()
	require.NoError(t, err)
	require.NoError(t, s.registries.Publish(t.Context(), refresher, index))
	assert.Equal(t, want, s.mustPull(refresher, "").Digest)
	require.NoError(t, s.registries.Publish(t.Context(), refresher, index), "again is no error")
	s.start()
	pulled, err := s.mustPull(refresher, "").ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(pulled))
	got, err := pulled.Digest()
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestPublishingSaysWhatItWants(t *testing.T) {
	s := newSetting(t)
	image := randomImage(t)
	for target, words := range map[string]string{
		"registry.example.com/a/b:1": "there is no such public registry in this world",
		acmeImage:                    "there is no such public registry in this world",
		"refresher":                  "publish",
	} {
		require.ErrorContains(t, s.registries.Publish(t.Context(), target, image), words, target)
	}
}

func TestADamagedStoreIsNamed(t *testing.T) {
	s := newSetting(t)
	path := filepath.Join(s.dir, "registries", "public", public, "manifests.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err := registry.Open(t.Context(), registry.Config{Cloud: s.cloud, World: s.world, Tokens: s.tokens, Dir: filepath.Join(s.dir, "registries")})
	require.ErrorContains(t, err, path)
}
