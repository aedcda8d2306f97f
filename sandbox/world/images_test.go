package world_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func load(t *testing.T, text string) (*world.World, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "world.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return world.Load(path)
}

func TestAPublicImageIsInARegistryOfTheWorld(t *testing.T) {
	w := world.World{
		Refresher:  "tools.example/refresher:0.1.0",
		Registries: []world.Registry{{Host: "tools.example"}, {Host: "mirror.example", Images: []string{"tools/refresher:0.2.0"}}},
	}
	for image, want := range map[string]bool{
		"tools.example/refresher:0.1.0":                      true,
		"tools.example/refresher:0.2.0":                      false,
		"mirror.example/tools/refresher:0.2.0":               true,
		"mirror.example/tools/refresher@sha256:00":           true,
		"other.example/refresher:0.1.0":                      false,
		"other.example/refresher@sha256:00":                  false,
		"europe-west1-docker.pkg.dev/p/r/refresher:1":        true,
		"210987654321.dkr.ecr.us-east-1.amazonaws.com/tools": true,
	} {
		assert.Equal(t, want, w.Publishes(image), image)
	}
}

func TestWhatRegistriesHoldIsRead(t *testing.T) {
	read, err := load(t, `
gcp:
  projects:
    - id: vendor-images
      number: "731905284466"
      repositories: [{location: us, name: releases, images: ["server:2026.10"]}]
      releases: [us-central1/acme/team/server:1.4.2]
      pusher: release
      serviceAccounts: [{id: release}]
registries:
  - host: registry.waybill.example
    images: [waybill/refresher:0.1.0]
`)
	require.NoError(t, err)
	assert.Equal(t, []world.Registry{{Host: "registry.waybill.example", Images: []string{"waybill/refresher:0.1.0"}}}, read.Registries)
	release, err := world.ParseRelease(read.GCP.Projects[0].Releases[0])
	require.NoError(t, err)
	assert.Equal(t, world.Release{Location: "us-central1", Repository: "acme", Image: world.Image{Name: "team/server", Tag: "1.4.2"}}, release)
	assert.Equal(t, "team/server:1.4.2", release.String())
}

func TestEveryWrongImageIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
gcp:
  projects:
    - id: vendor-images
      number: "731905284466"
      repositories: [{location: us, name: releases, images: ["server", "Server:1", "server:1"]}, {location: "..", name: releases}, {location: us}]
      releases: [acme/server:1.0, us//server:1.0, us/acme/server, us/acme/server:-1]
registries:
  - host: localhost
  - host: us-docker.pkg.dev
  - host: registry.example.com
    images: ["refresher@sha256:00"]
  - host: registry.example.com
`)
	require.Error(t, err)
	assert.Equal(t, []string{
		`  gcp.projects[0].repositories[2].name: want a value`,
		`  gcp.projects[0].pusher "": want the one who pushes the releases, of those that the world has there`,
		`  gcp.projects[0].repositories[0].images[0] "server": want NAME:TAG, for example tools/refresher:0.1.0`,
		`  gcp.projects[0].repositories[0].images[1] "Server:1": want NAME:TAG, for example tools/refresher:0.1.0`,
		`  gcp.projects[0].repositories[1] "releases" in "..": want the name of a repository and its location, for example releases in europe-west1`,
		`  gcp.projects[0].repositories[2] "" in "us": want the name of a repository and its location, for example releases in europe-west1`,
		`  gcp.projects[0].releases[0] "acme/server:1.0": want LOCATION/REPOSITORY/IMAGE:TAG, for example europe-west1/acme/server:1.0`,
		`  gcp.projects[0].releases[1] "us//server:1.0": want LOCATION/REPOSITORY/IMAGE:TAG, for example europe-west1/acme/server:1.0`,
		`  gcp.projects[0].releases[2] "us/acme/server": want LOCATION/REPOSITORY/IMAGE:TAG, for example europe-west1/acme/server:1.0`,
		`  gcp.projects[0].releases[3] "us/acme/server:-1": want LOCATION/REPOSITORY/IMAGE:TAG, for example europe-west1/acme/server:1.0`,
		`  registries[0].host "localhost": want the name of a host that is not Artifact Registry's, for example registry.example.com`,
		`  registries[1].host "us-docker.pkg.dev": want the name of a host that is not Artifact Registry's, for example registry.example.com`,
		`  registries[2].images[0] "refresher@sha256:00": want NAME:TAG, for example tools/refresher:0.1.0`,
		`  registries[3].host "registry.example.com": names another registry already`,
	}, strings.Split(err.Error(), "\n")[1:])
}

func TestTheWorldsOfTheProjectAreSound(t *testing.T) {
	paths, err := filepath.Glob("../worlds/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		read, err := world.Load(path)
		require.NoError(t, err)
		// A world without a refresher has nothing to publish.
		assert.Equal(t, read.Refresher != "", len(read.Registries) > 0, path)
	}
}
