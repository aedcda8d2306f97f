package sandbox_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	imagespec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	dockerconfig "oras.land/oras-go/v2/registry/remote/credentials"
)

// The media types of a chart (https://helm.sh/docs/topics/registries/#helm-chart-manifest).
const (
	chartConfig  = "application/vnd.cncf.helm.config.v1+json"
	chartContent = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// Where the product is a chart, the stack ends with the pull secret, and opens the chart
// beside the images: Helm's own library for registries reads the secret's contents as
// its configuration file. A token is tried on a chart as on an image.
func TestAChartIsPulledWithThePullSecret(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	for _, key := range []string{"product.port", "product.healthPath"} {
		p.set(key, nil)
	}
	p.set("pullSecretOnly", true)
	s := p.start(nil)
	up(t, s)
	ctx, cluster := context.Background(), client(t, s)
	deployments, err := cluster.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, deployments.Items)

	const host, repository, tag = "europe-west1-docker.pkg.dev", "europe-west1-docker.pkg.dev/hello-images/example--hello", "2.0.0"
	in := func(credential auth.CredentialFunc) *remote.Repository {
		opened, err := remote.NewRepository(repository + "/charts/hello")
		require.NoError(t, err)
		opened.Client = &auth.Client{Client: &http.Client{Transport: s.Network.Client().Transport}, Credential: credential}
		return opened
	}
	token, err := s.AccountToken("release-pipeline@hello-images.iam.gserviceaccount.com")
	require.NoError(t, err)
	local := memory.New()
	config, err := oras.PushBytes(ctx, local, chartConfig, []byte(`{"name": "hello", "version": "2.0.0", "apiVersion": "v2"}`))
	require.NoError(t, err)
	layer, err := oras.PushBytes(ctx, local, chartContent, []byte("the chart"))
	require.NoError(t, err)
	chart, err := oras.PackManifest(ctx, local, oras.PackManifestVersion1_1, "", oras.PackManifestOptions{
		ConfigDescriptor: &config, Layers: []imagespec.Descriptor{layer},
	})
	require.NoError(t, err)
	require.NoError(t, local.Tag(ctx, chart, tag))
	vendor := auth.StaticCredential(host, auth.Credential{Username: "oauth2accesstoken", Password: token})
	_, err = oras.Copy(ctx, local, tag, in(vendor), tag, oras.DefaultCopyOptions)
	require.NoError(t, err)

	filled, err := cluster.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(file, filled.Data[corev1.DockerConfigJsonKey], 0o600))
	store, err := dockerconfig.NewFileStore(file)
	require.NoError(t, err)
	pulled := memory.New()
	got, err := oras.Copy(ctx, in(dockerconfig.Credential(store)), tag, pulled, tag, oras.DefaultCopyOptions)
	require.NoError(t, err)
	assert.Equal(t, chart.Digest, got.Digest)
	there, err := pulled.Exists(ctx, layer)
	require.NoError(t, err)
	assert.True(t, there, "with its contents")
	_, err = oras.Copy(ctx, in(nil), tag, memory.New(), tag, oras.DefaultCopyOptions)
	require.Error(t, err, "nobody else pulls it")
	_, err = oras.Copy(ctx, local, tag, in(dockerconfig.Credential(store)), "2.0.1", oras.DefaultCopyOptions)
	require.Error(t, err, "the customer pushes nothing")

	p.set("product.tag", nil)
	p.set("refresher.images", []any{map[string]any{"image": "charts/hello", "tag": tag}})
	assert.Equal(t, []string{"update pull-images"}, changes(up(t, s)))
	log, ok := runRefresher(t, s)
	require.True(t, ok, log)
	filled, err = cluster.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, repository+"/charts/hello:"+tag, filled.Annotations["waybill.example/images"])
	assert.NotContains(t, filled.Annotations, "waybill.example/missing")
}
