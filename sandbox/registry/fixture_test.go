package registry_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/registry"
	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/world"
)

const (
	project = "vendor-images"
	number  = "731905284466"
	host    = "europe-west1-docker.pkg.dev"
	public  = "registry.waybill.example"

	acmeImage   = host + "/" + project + "/acme/server:1.4.2"
	globexImage = host + "/" + project + "/globex/server:1.4.2"

	acmeAccount   = "acme-pull@vendor-images.iam.gserviceaccount.com"
	globexAccount = "globex-pull@vendor-images.iam.gserviceaccount.com"

	pool      = "projects/" + number + "/locations/global/workloadIdentityPools/acme-azure"
	principal = "principal://iam.googleapis.com/" + pool + "/subject/6b8d0f2a"

	reader = "roles/artifactregistry.reader"
	writer = "roles/artifactregistry.writer"
)

func vendorWorld() *world.World {
	apis := []string{"iam.googleapis.com", "artifactregistry.googleapis.com"}
	return &world.World{
		GCP: world.GCP{Projects: []world.Project{{
			ID: project, Number: number, APIs: apis,
			Repositories: []world.Repository{{Location: "europe-west1", Name: "releases", Images: []string{"team/server:2026.10"}}},
		}, {ID: "acme-images", Number: "402817365910", APIs: apis}}},
		Registries: []world.Registry{{Host: public, Images: []string{"waybill/refresher:0.1.0"}}},
	}
}

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// setting is a vendor's cloud with two customers' repositories and accounts,
// each the reader of its own, and the registries on a network.
type setting struct {
	*testing.T
	clock      *clock
	dir        string
	world      *world.World
	cloud      *gcp.Cloud
	engine     *providertest.Engine
	tokens     *googleapis.Tokens
	network    *network.Network
	registries *registry.Registries

	pool, acme, acmeReader providertest.Resource
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	return newSettingOf(t, nil)
}

// newSettingOf is one where the vendor's project has bindings.
func newSettingOf(t *testing.T, bindings []world.Binding) *setting {
	t.Helper()
	s := &setting{T: t, clock: &clock{now: time.Now().Truncate(time.Second)}, dir: t.TempDir(), world: vendorWorld()}
	s.world.GCP.Projects[0].Bindings = bindings
	var err error
	s.cloud, err = gcp.Open(filepath.Join(s.dir, "gcp.json"), s.world.GCP, s.clock.Now, 0)
	require.NoError(t, err)
	s.network, err = network.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, s.network.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.network.Close()) })
	s.tokens, err = googleapis.OpenTokens(filepath.Join(s.dir, "key"), s.cloud, s.clock.Now)
	require.NoError(t, err)
	s.network.HandleFunc(func(host string) http.Handler { return s.registries.Handler(host) })
	s.start()

	s.engine = providertest.New(t, s.cloud.Provider().Open(), map[string]any{"project": project, "region": "europe-west1"})
	s.pool = s.engine.MustCreate("gcp:iam/workloadIdentityPool:WorkloadIdentityPool", "pool", map[string]any{"workloadIdentityPoolId": "acme-azure"})
	for _, account := range []string{"acme-pull", "globex-pull"} {
		s.engine.MustCreate("gcp:serviceaccount/account:Account", account, map[string]any{"accountId": account})
	}
	s.acme = s.repository("acme", nil)
	s.repository("globex", nil)
	released, err := content.Placeholder(world.Image{Name: "server", Tag: "1.4.2"})
	require.NoError(t, err)
	for _, image := range []string{acmeImage, globexImage} {
		require.NoError(t, s.registries.Seed(t.Context(), image, released))
	}
	s.acmeReader = s.grant("acme", reader, "serviceAccount:"+acmeAccount)
	s.grant("globex", reader, "serviceAccount:"+globexAccount)
	return s
}

// start opens the registries, or opens them again.
func (s *setting) start() {
	s.Helper()
	opened, err := registry.Open(s.Context(), registry.Config{
		Cloud: s.cloud, World: s.world, Tokens: s.tokens, Dir: filepath.Join(s.dir, "registries"), Now: s.clock.Now,
	})
	require.NoError(s, err)
	s.registries = opened
}

func (s *setting) repository(id string, more map[string]any) providertest.Resource {
	s.Helper()
	inputs := map[string]any{"repositoryId": id, "format": "DOCKER"}
	for name, value := range more {
		inputs[name] = value
	}
	return s.engine.MustCreate("gcp:artifactregistry/repository:Repository", id, inputs)
}

func (s *setting) grant(repository, role, member string) providertest.Resource {
	s.Helper()
	return s.engine.MustCreate("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", repository+role,
		map[string]any{"repository": repository, "role": role, "member": member})
}

func (s *setting) accountToken(email string) string {
	s.Helper()
	token, err := s.tokens.MintAccount(email, []string{googleapis.CloudPlatform}, time.Hour)
	require.NoError(s, err)
	return token
}

func (s *setting) federatedToken() string {
	s.Helper()
	token, err := s.tokens.Mint(googleapis.Principal{
		PoolProject: number, Pool: "acme-azure", Federated: []string{principal},
		Scopes: []string{googleapis.CloudPlatform}, Expiry: s.clock.now.Add(time.Hour),
	})
	require.NoError(s, err)
	return token
}

// as are the options of a client that logs in with an access token, or, with
// none, does not.
func (s *setting) as(token string) []remote.Option {
	options := []remote.Option{remote.WithContext(s.Context()), remote.WithTransport(s.network.Client().Transport)}
	if token != "" {
		options = append(options, remote.WithAuth(&authn.Basic{Username: "oauth2accesstoken", Password: token}))
	}
	return options
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(text)
	require.NoError(t, err)
	return parsed
}

func (s *setting) pull(image, token string) (*remote.Descriptor, error) {
	s.Helper()
	return remote.Get(reference(s.T, image), s.as(token)...)
}

func (s *setting) mustPull(image, token string) *remote.Descriptor {
	s.Helper()
	descriptor, err := s.pull(image, token)
	require.NoError(s, err)
	return descriptor
}

func (s *setting) push(image, token string, content v1.Image) error {
	s.Helper()
	return remote.Write(reference(s.T, image), content, s.as(token)...)
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	return image
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	text   string
}

func (a answer) fields(t *testing.T) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.text), &fields), a.text)
	return fields
}

func (s *setting) request(method, address, authorization string) answer {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, address, strings.NewReader(""))
	require.NoError(s, err)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := s.network.Client().Do(request)
	require.NoError(s, err)
	defer func() { require.NoError(s, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return answer{status: response.StatusCode, header: response.Header, text: string(text)}
}
