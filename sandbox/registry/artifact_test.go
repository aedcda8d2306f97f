package registry_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
)

const (
	notDownload = `Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/vendor-images/locations/europe-west1/repositories/`
	notUpload   = `Permission "artifactregistry.repositories.uploadArtifacts" denied on resource "projects/vendor-images/locations/europe-west1/repositories/`
	anonymously = `Unauthenticated request. Unauthenticated requests do not have permission "artifactregistry.repositories.downloadArtifacts" on resource "projects/vendor-images/locations/europe-west1/repositories/acme" (or it may not exist)`
)

func TestAReaderPullsByTagAndByDigest(t *testing.T) {
	s := newSetting(t)
	token := s.accountToken(acmeAccount)
	byTag := s.mustPull(acmeImage, token)
	index, err := byTag.ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(index), "every manifest and blob can be pulled")

	byDigest := s.mustPull(host+"/"+project+"/acme/server@"+byTag.Digest.String(), token)
	assert.Equal(t, byTag.Digest, byDigest.Digest)
	head, err := remote.Head(reference(t, acmeImage), s.as(token)...)
	require.NoError(t, err, "the client wants type, length and digest in the header")
	assert.Equal(t, byTag.Digest, head.Digest)
	assert.Equal(t, byTag.Size, head.Size)
	assert.Equal(t, byTag.MediaType, head.MediaType)
	tags, err := remote.List(reference(t, acmeImage).Context(), s.as(token)...)
	require.NoError(t, err)
	assert.Equal(t, []string{"1.4.2"}, tags)
}

func TestAPullIsRefusedToEverybodyElse(t *testing.T) {
	s := newSetting(t)
	expired := s.accountToken(acmeAccount)
	narrow, err := s.tokens.MintAccount(acmeAccount, []string{"https://www.googleapis.com/auth/compute"}, 2*time.Hour)
	require.NoError(t, err)
	s.clock.now = s.clock.now.Add(time.Hour)
	for name, test := range map[string]struct{ image, token, words string }{
		"another customer's account":    {acmeImage, s.accountToken(globexAccount), notDownload + `acme" (or it may not exist)`},
		"another customer's repository": {globexImage, s.accountToken(acmeAccount), notDownload + `globex" (or it may not exist)`},
		"a repository that is not":      {strings.Replace(acmeImage, "acme", "acme2", 1), s.accountToken(acmeAccount), notDownload + `acme2" (or it may not exist)`},
		"another location":              {strings.Replace(acmeImage, host, "us-docker.pkg.dev", 1), s.accountToken(acmeAccount), strings.Replace(notDownload, "europe-west1", "us", 1)},
		"a project that is not":         {strings.Replace(acmeImage, project, "nobodys-images", 1), s.accountToken(acmeAccount), strings.Replace(notDownload, project, "nobodys-images", 1)},
		"the project's number":          {strings.Replace(acmeImage, project, number, 1), s.accountToken(acmeAccount), strings.Replace(notDownload, project, number, 1)},
		"a federated principal":         {acmeImage, s.federatedToken(), notDownload + `acme" (or it may not exist)`},
		"nobody":                        {acmeImage, "", anonymously},
		"an expired token":              {acmeImage, expired, "UNAUTHORIZED: authentication failed"},
		"no access token":               {acmeImage, "password", "UNAUTHORIZED: authentication failed"},
		"a token for other purposes":    {acmeImage, narrow, "Request had insufficient authentication scopes."},
		"an image that is not":          {strings.Replace(acmeImage, "server", "client", 1), s.accountToken(acmeAccount), `MANIFEST_UNKNOWN: Failed to fetch "1.4.2"`},
		"a tag that is not":             {strings.Replace(acmeImage, "1.4.2", "1.4.3", 1), s.accountToken(acmeAccount), `MANIFEST_UNKNOWN: Failed to fetch "1.4.3"`},
		"no image":                      {host + "/" + project + "/acme:1.4.2", s.accountToken(acmeAccount), "NAME_INVALID: Missing image name."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.pull(test.image, test.token)
			require.ErrorContains(t, err, test.words)
		})
	}
}

func TestARemovedBindingActsOnTokensThatAreThere(t *testing.T) {
	s := newSetting(t)
	token := s.accountToken(acmeAccount)
	manifest := "https://" + host + "/v2/" + project + "/acme/server/manifests/1.4.2"
	require.Equal(t, http.StatusOK, s.request(http.MethodHead, manifest, "Bearer "+token).status)
	require.NoError(t, s.engine.Delete(s.acmeReader))
	refused := s.request(http.MethodGet, manifest, "Bearer "+token)
	assert.Equal(t, http.StatusForbidden, refused.status)
	assert.Contains(t, refused.text, "denied on resource")
}

func TestAFederatedPrincipalNeedsARoleOfItsOwnAndItsPool(t *testing.T) {
	s := newSetting(t)
	token := s.federatedToken()
	_, err := s.pull(acmeImage, token)
	require.ErrorContains(t, err, notDownload)
	s.grant("acme", reader, principal)
	s.mustPull(acmeImage, token)
	_, err = s.engine.Update(s.pool, map[string]any{"workloadIdentityPoolId": "acme-azure", "disabled": true})
	require.NoError(t, err)
	_, err = s.pull(acmeImage, token)
	require.ErrorContains(t, err, "UNAUTHORIZED: authentication failed")
}

func TestEverybodyPullsWhereAllUsersMay(t *testing.T) {
	s := newSetting(t)
	s.grant("acme", reader, "allUsers")
	s.mustPull(acmeImage, "")
	s.mustPull(acmeImage, s.accountToken(globexAccount))
	_, err := s.pull(globexImage, "")
	require.ErrorContains(t, err, "Unauthenticated request.")
}

func TestRequestsAreChallengedAsByTheRealOne(t *testing.T) {
	s := newSetting(t)
	ping := s.request(http.MethodGet, "https://"+host+"/v2/", "")
	assert.Equal(t, http.StatusUnauthorized, ping.status)
	assert.Equal(t, `Bearer realm="https://`+host+`/v2/token"`, ping.header.Get("WWW-Authenticate"))
	assert.Equal(t, "registry/2.0", ping.header.Get("Docker-Distribution-Api-Version"))

	name := project + "/acme/server"
	manifest := "https://" + host + "/v2/" + name + "/manifests/1.4.2"
	pull := s.request(http.MethodHead, manifest, "")
	assert.Equal(t, http.StatusUnauthorized, pull.status)
	assert.Equal(t, `Bearer realm="https://`+host+`/v2/token",service="`+host+`",scope="repository:`+name+`:pull"`, pull.header.Get("WWW-Authenticate"))
	push := s.request(http.MethodPost, "https://"+host+"/v2/"+name+"/blobs/uploads/", "")
	assert.Contains(t, push.header.Get("WWW-Authenticate"), `scope="repository:`+name+`:pull,push"`)

	token := s.accountToken(acmeAccount)
	for _, authorization := range []string{"Bearer " + token, basic("oauth2accesstoken", token)} {
		assert.Equal(t, http.StatusOK, s.request(http.MethodGet, "https://"+host+"/v2/", authorization).status)
		assert.Equal(t, http.StatusOK, s.request(http.MethodGet, manifest, authorization).status)
	}
	for _, authorization := range []string{"Bearer x", basic("_json_key", token), basic("oauth2accesstoken", "x"), "Negotiate x"} {
		assert.Equal(t, http.StatusUnauthorized, s.request(http.MethodGet, manifest, authorization).status, authorization)
	}
}

func basic(user, password string) string {
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(user, password)
	return request.Header.Get("Authorization")
}

func TestTheTokenEndpointGivesOnlyWhatIsAllowed(t *testing.T) {
	s := newSetting(t)
	token := s.accountToken(acmeAccount)
	s.clock.now = s.clock.now.Add(10 * time.Minute)
	endpoint := "https://" + host + "/v2/token?service=" + host
	const scope = "&scope=repository:" + project + "/acme/server:"

	granted := s.request(http.MethodGet, endpoint+scope+"pull", basic("oauth2accesstoken", token))
	require.Equal(t, http.StatusOK, granted.status, granted.text)
	assert.InDelta(t, 3000, granted.fields(t)["expires_in"], 0)
	got, err := s.tokens.Open(granted.fields(t)["token"].(string))
	require.NoError(t, err)
	assert.Equal(t, acmeAccount, got.Email)
	login := s.request(http.MethodGet, endpoint, basic("oauth2accesstoken", token))
	assert.Equal(t, http.StatusOK, login.status, "as docker login does")

	for name, test := range map[string]struct {
		method, address, authorization string
		status                         int
		words                          string
	}{
		"push":              {http.MethodGet, endpoint + scope + "pull,push", basic("oauth2accesstoken", token), http.StatusForbidden, "uploadArtifacts"},
		"a second scope":    {http.MethodGet, endpoint + scope + "pull&scope=repository:" + project + "/globex/server:pull", basic("oauth2accesstoken", token), http.StatusForbidden, "repositories/globex"},
		"both in one":       {http.MethodGet, endpoint + scope + "pull%20repository:" + project + "/globex/server:pull", basic("oauth2accesstoken", token), http.StatusForbidden, "repositories/globex"},
		"another action":    {http.MethodGet, endpoint + scope + "*", basic("oauth2accesstoken", token), http.StatusForbidden, "the action *: the sandbox does not model it"},
		"the catalog":       {http.MethodGet, endpoint + "&scope=registry:catalog:*", basic("oauth2accesstoken", token), http.StatusForbidden, "repository:NAME:ACTIONS"},
		"a key":             {http.MethodGet, endpoint + scope + "pull", basic("_json_key", `{"type":"service_account"}`), http.StatusUnauthorized, "authentication failed"},
		"AWS":               {http.MethodGet, endpoint + scope + "pull", basic("AWS", token), http.StatusUnauthorized, "authentication failed"},
		"nobody":            {http.MethodGet, endpoint + scope + "pull", "", http.StatusForbidden, "Unauthenticated request."},
		"nobody, no scope":  {http.MethodGet, endpoint, "", http.StatusUnauthorized, "authentication failed"},
		"Bearer":            {http.MethodGet, endpoint + scope + "pull", "Bearer " + token, http.StatusUnauthorized, "authentication failed"},
		"a POST":            {http.MethodPost, endpoint + scope + "pull", basic("oauth2accesstoken", token), http.StatusNotFound, "want GET"},
		"a path of no kind": {http.MethodGet, "https://" + host + "/v2/_catalog", "Bearer " + token, http.StatusNotFound, "no such thing"},
		"a path upwards":    {http.MethodGet, "https://" + host + "/v2/" + project + "/acme/%2e%2e/globex/server/manifests/1.4.2", "Bearer " + token, http.StatusNotFound, "no such thing"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := s.request(test.method, test.address, test.authorization)
			assert.Equal(t, test.status, refused.status)
			assert.Contains(t, strings.ReplaceAll(refused.text, `\"`, `"`), test.words)
		})
	}
}

func TestAReaderDoesNotPushAndAWriterDoes(t *testing.T) {
	s := newSetting(t)
	image, token := randomImage(t), s.accountToken(acmeAccount)
	pushed := strings.Replace(acmeImage, "1.4.2", "2.0.0", 1)
	require.ErrorContains(t, s.push(pushed, token, image), notUpload+`acme" (or it may not exist)`)
	upload := s.request(http.MethodPost, "https://"+host+"/v2/"+project+"/acme/server/blobs/uploads/", "Bearer "+token)
	assert.Equal(t, http.StatusForbidden, upload.status, "a token of the right kind is not enough")

	s.grant("acme", writer, "serviceAccount:"+acmeAccount)
	require.NoError(t, s.push(pushed, token, image))
	want, err := image.Digest()
	require.NoError(t, err)
	assert.Equal(t, want, s.mustPull(pushed, token).Digest)
	require.NoError(t, s.push(acmeImage, token, image), "a tag moves where tags are mutable")
	assert.Equal(t, want, s.mustPull(acmeImage, token).Digest)
	require.ErrorContains(t, remote.Delete(reference(t, acmeImage), s.as(token)...), "deleteArtifacts")
	require.ErrorContains(t, s.push(globexImage, token, image), notUpload+`globex"`)
}

func TestAnImmutableTagIsNotMoved(t *testing.T) {
	s := newSetting(t)
	s.repository("fixed", map[string]any{"dockerConfig": map[string]any{"immutableTags": true}})
	s.grant("fixed", "roles/artifactregistry.repoAdmin", "serviceAccount:"+acmeAccount)
	token, image := s.accountToken(acmeAccount), randomImage(t)
	target := host + "/" + project + "/fixed/server:1.0"
	require.NoError(t, s.push(target, token, image))
	require.NoError(t, s.push(target, token, image), "the same again is no move")
	require.ErrorContains(t, s.push(target, token, randomImage(t)), "MANIFEST_INVALID: cannot update tag 1.0. The repository has enabled tag immutability")
	want, err := image.Digest()
	require.NoError(t, err)
	assert.Equal(t, want, s.mustPull(target, token).Digest)
	require.ErrorContains(t, remote.Delete(reference(t, target), s.as(token)...), "UNSUPPORTED: the sandbox does not delete images")
}

func TestAManifestUnderAnotherDigestIsRefused(t *testing.T) {
	s := newSetting(t)
	s.grant("acme", writer, "serviceAccount:"+acmeAccount)
	address := "https://" + host + "/v2/" + project + "/acme/server/manifests/sha256:" + strings.Repeat("0", 64)
	refused := s.request(http.MethodPut, address, "Bearer "+s.accountToken(acmeAccount))
	assert.Equal(t, http.StatusBadRequest, refused.status)
	assert.Contains(t, refused.text, "DIGEST_INVALID")
}

func TestAVirtualRepositoryServesItsUpstreams(t *testing.T) {
	s := newSetting(t)
	upstream := func(id, name string, priority int) map[string]any {
		return map[string]any{"id": id, "priority": priority, "repository": "projects/" + project + "/locations/europe-west1/repositories/" + name}
	}
	s.repository("newer", nil)
	s.repository("view", map[string]any{
		"mode":                    "VIRTUAL_REPOSITORY",
		"virtualRepositoryConfig": map[string]any{"upstreamPolicies": []any{upstream("old", "releases", 10), upstream("new", "newer", 20)}},
	})
	s.grant("view", reader, "serviceAccount:"+acmeAccount)
	token := s.accountToken(acmeAccount)
	viewed, direct := host+"/"+project+"/view/team/server:2026.10", host+"/"+project+"/releases/team/server:2026.10"

	released := s.mustPull(viewed, token)
	index, err := released.ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	tags, err := remote.List(reference(t, viewed).Context(), s.as(token)...)
	require.NoError(t, err)
	assert.Equal(t, []string{"2026.10"}, tags)
	_, err = s.pull(direct, token)
	require.ErrorContains(t, err, notDownload+`releases"`, "the role is on the view alone")
	_, err = s.pull(strings.Replace(viewed, "2026.10", "2026.11", 1), token)
	require.ErrorContains(t, err, `MANIFEST_UNKNOWN: Failed to fetch "2026.11"`)

	newer := randomImage(t)
	require.NoError(t, s.registries.Seed(t.Context(), host+"/"+project+"/newer/team/server:2026.10", newer))
	want, err := newer.Digest()
	require.NoError(t, err)
	assert.Equal(t, want, s.mustPull(viewed, token).Digest, "the upstream of the greater priority comes first")

	s.grant("view", writer, "serviceAccount:"+acmeAccount)
	require.ErrorContains(t, s.push(viewed, token, randomImage(t)), "is virtual: nothing can be pushed to it")
}

func TestTheRegistryMustBeEnabled(t *testing.T) {
	s := newSetting(t)
	s.world.GCP.Projects[0].APIs[1] = "run.googleapis.com"
	_, err := s.pull(acmeImage, s.accountToken(acmeAccount))
	require.ErrorContains(t, err, "Artifact Registry API has not been used in project "+number+" before or it is disabled.")
}

func TestOnlyRealLocationsAreHosts(t *testing.T) {
	s := newSetting(t)
	assert.NotNil(t, s.registries.Handler("us-docker.pkg.dev"))
	for _, host := range []string{"europe-wst1-docker.pkg.dev", "docker.pkg.dev", "-docker.pkg.dev", "registry.example.com", googleapis.STSHost} {
		assert.Nil(t, s.registries.Handler(host), host)
	}
}

// The agent's role is for the resources of its own project, so that it needs one
// on an upstream elsewhere:
// https://cloud.google.com/artifact-registry/docs/ar-service-account
func TestAVirtualRepositoryReadsAnotherProjectAsItsServiceAgent(t *testing.T) {
	const theirProject, theirNumber = "acme-images", "402817365910"
	s := newSetting(t)
	theirs := s.engine.MustCreate("gcp:artifactregistry/repository:Repository", "view", map[string]any{
		"project": theirProject, "repositoryId": "view", "format": "DOCKER", "mode": "VIRTUAL_REPOSITORY",
		"virtualRepositoryConfig": map[string]any{"upstreamPolicies": []any{map[string]any{
			"id": "releases", "repository": "projects/" + project + "/locations/europe-west1/repositories/releases",
		}}},
	})
	s.engine.MustCreate("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", "view-reader",
		map[string]any{"repository": string(theirs.ID), "role": reader, "member": "serviceAccount:" + acmeAccount})
	viewed, token := host+"/"+theirProject+"/view/team/server:2026.10", s.accountToken(acmeAccount)

	_, err := s.pull(viewed, token)
	require.ErrorContains(t, err, notDownload+`releases"`)
	require.ErrorContains(t, err, `the virtual repository "`+string(theirs.ID)+`" reads it as `+gcp.Agent(theirNumber)+", which needs roles/artifactregistry.reader there")

	granted := s.grant("releases", reader, gcp.Agent(theirNumber))
	s.mustPull(viewed, token)
	_, err = s.pull(strings.Replace(viewed, "2026.10", "2026.11", 1), token)
	require.ErrorContains(t, err, "MANIFEST_UNKNOWN")
	_, err = s.pull(viewed, s.accountToken(globexAccount))
	require.ErrorContains(t, err, `denied on resource "`+string(theirs.ID)+`"`, "who may read the upstream is not who may read the view")

	require.NoError(t, s.engine.Delete(granted))
	_, err = s.pull(viewed, token)
	require.ErrorContains(t, err, "reads it as "+gcp.Agent(theirNumber))
}
